"""How many workers there should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microgateway_engine.workers import cpus


def lay_out(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/self/cgroup": groups, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


V2 = "0::/kubepods/pod1/engine\n"
V1 = "5:cpuset:/x\n4:cpu,cpuacct:/kubepods/pod1/engine\n1:name=systemd:/y\n"


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        # Inside a container the group is the root of what is mounted.
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        (V2, {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        (V2, {"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (V2, {}, None),
        # Seen from outside: the smallest on the way.
        (
            V2,
            {
                "sys/fs/cgroup/kubepods/pod1/engine/cpu.max": "max 100000\n",
                "sys/fs/cgroup/kubepods/pod1/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/kubepods/cpu.max": "800000 100000\n",
            },
            2.0,
        ),
        (
            V1,
            {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            V1,
            {
                "sys/fs/cgroup/cpu/kubepods/pod1/engine/cpu.cfs_quota_us": "30000\n",
                "sys/fs/cgroup/cpu/kubepods/pod1/engine/cpu.cfs_period_us": "10000\n",
            },
            3.0,
        ),
        (
            V1,
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ("", {}, None),
        ("nonsense", {"sys/fs/cgroup/cpu.max": "1 2\n"}, None),
        (V2, {"sys/fs/cgroup/cpu.max": "100000 0\n"}, None),
        (V2, {"sys/fs/cgroup/cpu.max": "nonsense\n"}, None),
    ],
)
def test_limits(groups: str, files: dict[str, str], limit: float | None, tmp_path: Path) -> None:
    assert cpus.cpu_limit(lay_out(tmp_path, groups, files)) == limit


def test_no_proc_means_no_limit(tmp_path: Path) -> None:
    assert cpus.cpu_limit(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "usable", "workers"),
    [
        ("10000", 8, 1),
        ("100000", 8, 1),
        ("100001", 8, 2),
        ("250000", 8, 3),
        ("6400000", 64, 64),
        ("400000", 2, 2),
        ("max", 2, 2),
        ("max", 1, 1),
        ("max", 64, cpus.MAX_UNLIMITED),
    ],
)
def test_workers(
    quota: str, usable: int, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(usable)))
    root = lay_out(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": f"{quota} 100000\n"})
    assert cpus.workers(root) == workers


def test_this_machine() -> None:
    assert 1 <= cpus.workers() <= len(os.sched_getaffinity(0))
