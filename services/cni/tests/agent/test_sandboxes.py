from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_cni.agent.sandboxes import find_namespaces

UID = "0fae4ab2-8aab-4a6a-9fd4-2c93c8b8e8cf"


class Proc:
    """A /proc of processes with control groups and namespaces; a namespace is a file that links lead to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process(1, "0::/init.scope", "node")
        (root / "meminfo").touch()

    def process(self, number: int, groups: str, namespace: str) -> None:
        directory = self.root / str(number)
        (directory / "ns").mkdir(parents=True)
        (directory / "cgroup").write_text(groups + "\n")
        (self.root.parent / f"namespace-{namespace}").touch()
        (directory / "ns" / "net").symlink_to(self.root.parent / f"namespace-{namespace}")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    (tmp_path / "proc").mkdir()
    return Proc(tmp_path / "proc")


@pytest.mark.parametrize(
    "group",
    [
        f"0::/kubepods/burstable/pod{UID}/4f1d",
        f"0::/kubepods/pod{UID}/4f1d",
        "0::/kubepods.slice/kubepods-besteffort.slice/"
        f"kubepods-besteffort-pod{UID.replace('-', '_')}.slice/cri-containerd-4f.scope",
        f"12:pids:/kubepods/besteffort/pod{UID}/4f1d\n1:name=systemd:/kubepods/besteffort/pod{UID}/4f1d",
        f"0::/../../kubepods-pod{UID.replace('-', '_')}.slice/crio-4f.scope",
    ],
)
def test_a_pod_is_found_by_its_control_group(proc: Proc, group: str) -> None:
    proc.process(4711, group, "pod")
    found = find_namespaces([UID, "another"], proc.root)
    assert {uid: each.path for uid, each in found.items()} == {UID: proc.root / "4711" / "ns" / "net"}


def test_the_nodes_own_namespace_is_never_found(proc: Proc) -> None:
    proc.process(4711, f"0::/kubepods/pod{UID}/4f1d", "node")
    assert find_namespaces([UID], proc.root) == {}


def test_a_part_of_a_uid_is_not_enough(proc: Proc) -> None:
    proc.process(4711, f"0::/kubepods/pod{UID}x/4f1d", "pod")
    proc.process(4712, f"0::/kubepods/pod{UID[:-1]}/4f1d", "pod")
    assert find_namespaces([UID, ""], proc.root) == {}


def test_a_process_that_ends_meanwhile_is_left_out(proc: Proc) -> None:
    proc.process(4711, f"0::/kubepods/pod{UID}/4f1d", "pod")
    (proc.root / "4711" / "ns" / "net").unlink()
    proc.process(4712, f"0::/kubepods/pod{UID}/4f1d", "pod")
    assert find_namespaces([UID], proc.root)[UID].path.parent.parent.name == "4712"


def test_our_own_namespace_is_never_found(proc: Proc) -> None:
    directory = proc.root / "4711"
    (directory / "ns").mkdir(parents=True)
    (directory / "cgroup").write_text(f"0::/kubepods/pod{UID}/4f1d")
    (directory / "ns" / "net").symlink_to("/proc/self/ns/net")
    assert find_namespaces([UID], proc.root) == {}
