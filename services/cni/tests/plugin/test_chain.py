"""Behind Debian's bridge plugin, as libcni calls the plugins of a list one after the other.

The bridge and its address management live in a "node" namespace of the test's own, so the machine's own
interfaces stay as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import ApiServer, pod_object
from services.cni.tests.conftest import Namespace, original_destination, run

from .conftest import Plugin

BRIDGE = Path("/usr/lib/cni/bridge")


@pytest.fixture
def node() -> Iterator[Namespace]:
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    if not BRIDGE.exists():
        pytest.skip("needs the package containernetworking-plugins")
    namespace = Namespace(f"mg-node-{os.getpid():x}")
    run("ip", "netns", "add", namespace.name)
    yield namespace
    run("ip", "netns", "delete", namespace.name)


@pytest.fixture
def pod(node: Namespace) -> Iterator[Namespace]:
    namespace = Namespace(f"mg-cpod-{os.getpid():x}")
    run("ip", "netns", "add", namespace.name)
    yield namespace
    run("ip", "netns", "delete", namespace.name)


def bridge(node: Namespace, environment: dict[str, str], directory: Path, **fields: object) -> Any:
    configuration = {
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "bridge",
        "bridge": "mgtest0",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(directory / "addresses"),
            "ranges": [[{"subnet": "10.78.0.0/24"}], [{"subnet": "fd78::/64"}]],
        },
        **fields,
    }
    done = subprocess.run(
        ["ip", "netns", "exec", node.name, str(BRIDGE)],
        input=json.dumps(configuration),
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else None


def wait_for_addresses(namespace: Namespace) -> None:
    """Until duplicate address detection of IPv6 is done."""
    deadline = time.monotonic() + 60
    while "tentative" in namespace.command("ip", "-6", "address").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.root
def test_add_check_and_del_behind_the_bridge_plugin(
    plugin: Plugin, api: ApiServer, node: Namespace, pod: Namespace, tmp_path: Path
) -> None:
    api.put(pod_object())
    result = bridge(node, plugin.environment("ADD", pod.path), tmp_path)
    added = plugin.run("ADD", pod.path, prevResult=result)
    assert (added.code, added.answer) == (0, result)

    addresses = [each["address"].partition("/")[0] for each in result["ips"]]
    assert len(addresses) == 2
    run("ip", "-n", pod.name, "link", "set", "lo", "up")
    for namespace in (node, pod):
        wait_for_addresses(namespace)
    with pod.listen(13378) as engine:
        for address in addresses:
            with node.connect(address, 8080):
                connection, _ = engine.accept()
                with connection:
                    assert original_destination(connection) == (address, 8080)

    bridge(node, plugin.environment("CHECK", pod.path), tmp_path, prevResult=result)
    assert plugin.run("CHECK", pod.path, prevResult=result).code == 0
    # libcni deletes in the reverse order, and a runtime may do so more than once.
    for _ in range(2):
        assert plugin.run("DEL", pod.path, prevResult=result).code == 0
        bridge(node, plugin.environment("DEL", pod.path), tmp_path, prevResult=result)
    assert pod.command("nft", "list", "ruleset").stdout == ""
