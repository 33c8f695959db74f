"""The bundle by itself: what a node gets, and what it needs of the node."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from services.cni.tests.api_server import ApiServer, pod_object
from services.cni.tests.conftest import Network, run
from services.cni.tests.plugin.conftest import PREVIOUS, Plugin

from microgateway_cni.netns import NamespaceAt
from microgateway_cni.observe import in_force
from microgateway_cni.plugin.request import VERSIONS

#: Of processor time, for a machine that does nothing else; a busy one may need twice that.
SECONDS_UNTOUCHED, SECONDS_REDIRECTED, BUSY = 0.060, 0.200, 2


@pytest.fixture
def bare_node(bundle: Path, tmp_path: Path) -> Iterator[Path]:
    """A root file system with nothing in it but the bundle and /proc: no shell, no C library, no nft."""
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    run("cp", "--archive", str(bundle), str(root / "cni"))
    run("mount", "--rbind", "/proc", str(root / "proc"))
    run("mount", "--make-rslave", str(root / "proc"))
    yield root
    run("umount", "--lazy", str(root / "proc"))


@pytest.mark.root
def test_it_needs_nothing_of_the_node_but_its_kernel(bare_node: Path, network: Network) -> None:
    (bare_node / "netns").touch()
    run("mount", "--bind", str(network.pod.path), str(bare_node / "netns"))
    try:
        configuration = {
            "cniVersion": "1.0.0",
            "name": "net",
            "type": "microgateway-cni",
            "logFilePath": "",
            "prevResult": PREVIOUS,
            "runtimeConfig": {
                "io.kubernetes.cri.pod-annotations": {"sidecar.microgateway.airlock.com/status": "{}"}
            },
        }
        done = subprocess.run(
            ["chroot", str(bare_node), "/cni/microgateway-cni"],
            input=json.dumps(configuration),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": "/usr/sbin:/usr/bin",
                "CNI_COMMAND": "ADD",
                "CNI_CONTAINERID": "c0ffee",
                "CNI_NETNS": "/netns",
                "CNI_IFNAME": "eth0",
                "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=shop",
            },
        )
        assert (done.returncode, json.loads(done.stdout)) == (0, PREVIOUS), done.stderr
    finally:
        run("umount", str(bare_node / "netns"))
    assert "redirect to :13378" in in_force(NamespaceAt(network.pod.path))


def test_it_starts_by_a_link_from_elsewhere(bundle: Path, tmp_path: Path) -> None:
    link = tmp_path / "microgateway-cni"
    link.symlink_to(bundle / "microgateway-cni")
    done = subprocess.run(
        [link], env={"CNI_COMMAND": "VERSION"}, check=True, capture_output=True, text=True, timeout=120
    )
    assert json.loads(done.stdout)["supportedVersions"] == list(VERSIONS)


def test_an_incomplete_bundle_answers_with_an_error_object(bundle: Path, tmp_path: Path) -> None:
    run("cp", str(bundle / "microgateway-cni"), str(tmp_path))
    done = subprocess.run(
        [tmp_path / "microgateway-cni"], env={}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["msg"] == "the plugin's bundle is incomplete"


@pytest.mark.root
def test_an_add_is_fast(installed_plugin: Plugin, api: ApiServer, network: Network) -> None:
    def add() -> None:
        assert installed_plugin.run("ADD", network.pod.path).code == 0

    api.put(pod_object(labelled=False))
    assert _least_processor_time(add) < BUSY * SECONDS_UNTOUCHED
    api.put(pod_object())
    assert _least_processor_time(add) < BUSY * SECONDS_REDIRECTED
    assert "redirect to :13378" in in_force(NamespaceAt(network.pod.path))


def _least_processor_time(start: Callable[[], None]) -> float:
    """Of the processes that it starts, in seconds, of some attempts."""
    used, elapsed = [], []
    for _ in range(20):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        start()
        elapsed.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"ADD: {1000 * min(used):.0f} ms of processor time, {1000 * min(elapsed):.0f} ms elapsed, at best")
    return min(used)
