"""The bundle as a container runtime runs it: by libcni, chained behind Debian's bridge plugin.

libcni ─► bridge (host-local addresses) ─► microgateway-cni ─► the pod's namespace
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import ApiServer, pod_object
from services.cni.tests.conftest import Namespace, original_destination, run
from services.cni.tests.plugin.conftest import Plugin
from services.cni.tests.plugin.test_chain import wait_for_addresses

from microgateway_cni.netns import NamespaceAt
from microgateway_cni.observe import differences, in_force
from microgateway_cni.redirect import Redirect

pytestmark = pytest.mark.root

DEBIANS = Path("/usr/lib/cni")


@dataclass(frozen=True)
class Runtime:
    """A runtime on a node of its own: a network namespace, where the bridge and its addresses are."""

    libcni: Path
    node: Namespace
    conflist: Path
    environment: dict[str, str]

    def run(self, command: str, pod: Namespace, name: str) -> subprocess.CompletedProcess[str]:
        arguments = [
            "IgnoreUnknown=1",
            "K8S_POD_NAMESPACE=default",
            f"K8S_POD_NAME={name}",
            f"K8S_POD_INFRA_CONTAINER_ID=c-{name}",
            f"K8S_POD_UID=uid-of-{name}",
        ]
        enter = ["ip", "netns", "exec", self.node.name]
        return subprocess.run(
            [*enter, str(self.libcni), command, str(self.conflist), str(pod.path), f"c-{name}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self.environment,
        )

    def add(self, pod: Namespace, name: str) -> Any:
        """The result."""
        done = self.run("add", pod, name)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def addresses_in_use(self) -> list[str]:
        folder = self.conflist.parent / "addresses" / "pods"
        return sorted(path.name for path in folder.iterdir() if path.name[0] in "0123456789")


@pytest.fixture
def runtime(
    request: pytest.FixtureRequest, libcni: Path, installed_plugin: Plugin, tmp_path: Path
) -> Iterator[Runtime]:
    """Of CNI 1.0.0, unless a test asks for another."""
    if not (DEBIANS / "bridge").exists():
        pytest.skip("needs the package containernetworking-plugins")
    ours = {**installed_plugin.configuration}
    for common in ("cniVersion", "name", "prevResult"):
        del ours[common]
    bridge = {
        "type": "bridge",
        "bridge": "mgtest0",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(tmp_path / "addresses"),
            "ranges": [[{"subnet": "10.78.0.0/24"}], [{"subnet": "fd78::/64"}]],
        },
    }
    conflist = tmp_path / "pods.conflist"
    version = getattr(request, "param", "1.0.0")
    conflist.write_text(json.dumps({"cniVersion": version, "name": "pods", "plugins": [bridge, ours]}))
    node = Namespace(f"mg-rnode-{os.getpid():x}")
    run("ip", "netns", "add", node.name)
    installed = Path(installed_plugin.command[0]).parent
    environment = {
        "PATH": os.defpath + ":/usr/sbin:/sbin",
        "CNI_PATH": f"{installed}:{DEBIANS}",
        "CNI_CACHE": str(tmp_path / "cache"),
    }
    yield Runtime(libcni, node, conflist, environment)
    run("ip", "netns", "delete", node.name)


@pytest.fixture
def pods() -> Iterator[list[Namespace]]:
    with ExitStack() as stack:
        made = [Namespace(f"mg-rpod-{os.getpid():x}-{number}") for number in range(8)]
        for pod in made:
            run("ip", "netns", "add", pod.name)
            stack.callback(run, "ip", "netns", "delete", pod.name)
        yield made


@pytest.mark.parametrize("runtime", ["0.4.0", "1.0.0"], indirect=True)
def test_a_pod_comes_and_goes(runtime: Runtime, api: ApiServer, pods: list[Namespace]) -> None:
    pod = pods[0]
    api.put(pod_object())
    assert runtime.run("validate", pod, "shop").returncode == 0
    result = runtime.add(pod, "shop")
    addresses = [each["address"].partition("/")[0] for each in result["ips"]]
    assert len(addresses) == 2
    assert differences(Redirect(), NamespaceAt(pod.path)) == []

    run("ip", "-n", pod.name, "link", "set", "lo", "up")
    for namespace in (runtime.node, pod):
        wait_for_addresses(namespace)
    with pod.listen(13378) as engine:
        for address in addresses:
            with runtime.node.connect(address, 8080):
                connection, _ = engine.accept()
                with connection:
                    assert original_destination(connection) == (address, 8080)

    assert runtime.run("check", pod, "shop").returncode == 0
    pod.command("nft", "flush", "chain", "inet", "microgateway", "input")
    checked = runtime.run("check", pod, "shop")
    assert (checked.returncode, "the rules are not those that ADD set" in checked.stderr) == (1, True)

    for _ in range(2):  # a runtime that is not sure deletes again
        deleted = runtime.run("del", pod, "shop")
        assert deleted.returncode == 0, deleted.stderr
    assert in_force(NamespaceAt(pod.path)) == ""
    assert runtime.addresses_in_use() == []


def test_del_without_add_succeeds(runtime: Runtime, pods: list[Namespace]) -> None:
    deleted = runtime.run("del", pods[0], "shop")
    assert deleted.returncode == 0, deleted.stderr
    gone = Namespace("mg-rpod-gone")
    assert runtime.run("del", gone, "shop").returncode == 0


def test_a_pod_that_is_refused_is_told_why_and_leaves_nothing(
    runtime: Runtime, api: ApiServer, pods: list[Namespace]
) -> None:
    api.put(pod_object(engine=False))
    refused = runtime.run("add", pods[0], "shop")
    assert refused.returncode == 1
    assert "is labelled for injection, but has no engine container" in refused.stderr
    # What runtimes do after a failure.
    assert runtime.run("del", pods[0], "shop").returncode == 0
    assert runtime.addresses_in_use() == []


def test_a_pod_without_the_label_gets_the_bridges_result_and_no_rules(
    runtime: Runtime, api: ApiServer, pods: list[Namespace]
) -> None:
    api.put(pod_object(labelled=False))
    assert len(runtime.add(pods[0], "shop")["ips"]) == 2
    assert in_force(NamespaceAt(pods[0].path)) == ""


def test_many_pods_at_once(runtime: Runtime, api: ApiServer, pods: list[Namespace]) -> None:
    """Every other one is labelled."""
    names = [f"shop-{number}" for number in range(len(pods))]
    for number, name in enumerate(names):
        api.put(pod_object(name=name, labelled=number % 2 == 0))
    with ThreadPoolExecutor(len(pods)) as pool:
        results = list(pool.map(runtime.add, pods, names))
    addresses = {each["address"] for result in results for each in result["ips"]}
    assert len(addresses) == 2 * len(pods)
    for number, pod in enumerate(pods):
        there = in_force(NamespaceAt(pod.path))
        assert ("redirect to :13378" in there) == (number % 2 == 0)
        assert number % 2 or differences(Redirect(), NamespaceAt(pod.path)) == []


@pytest.mark.parametrize(
    ("stdin", "changed", "code"),
    [
        (b"", {}, 6),
        (b"{", {}, 6),
        (b"\xff\xfe", {}, 6),
        (b"[]", {}, 6),
        (b"[" * 100_000, {}, 6),
        (b'{"cniVersion": "9.9.9", "name": "pods"}', {}, 1),
        (b'{"name": "pods"}', {}, 1),
        (b'{"cniVersion": "1.0.0", "prevResult": []}', {}, 7),
        (b'{"cniVersion": "1.0.0"}', {"CNI_COMMAND": "MOVE"}, 4),
        (b'{"cniVersion": "1.0.0"}', {"CNI_NETNS": ""}, 4),
        (b'{"cniVersion": "1.0.0"}', {"CNI_CONTAINERID": "../x"}, 4),
        (b'{"cniVersion": "1.0.0"}', {"CNI_IFNAME": "a/b"}, 4),
        (b'{"cniVersion": "1.0.0"}', {"CNI_ARGS": "K8S_POD_NAME"}, 4),
    ],
)
def test_what_is_no_request_gets_an_error_object(
    installed_plugin: Plugin, stdin: bytes, changed: dict[str, str], code: int
) -> None:
    answered = installed_plugin.raw(stdin, {**installed_plugin.environment("ADD", "/run/netns/x"), **changed})
    assert (answered.code, answered.answer["code"]) == (1, code)
    assert answered.answer["cniVersion"] in ("1.0.0", "1.1.0")
    assert answered.answer["msg"]
    assert "Traceback" not in answered.stderr


def test_a_namespace_that_is_missing_stops_only_an_injected_pod(
    installed_plugin: Plugin, api: ApiServer
) -> None:
    api.put(pod_object())
    refused = installed_plugin.run("ADD", "/run/netns/mg-missing")
    assert (refused.code, refused.answer["code"]) == (1, 102)
    api.put(pod_object(labelled=False))
    assert installed_plugin.run("ADD", "/run/netns/mg-missing").code == 0
