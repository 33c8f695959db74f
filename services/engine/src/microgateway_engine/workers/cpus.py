"""How many CPUs this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

#: Workers without a CPU limit. Who sets none has not said that a sidecar may have the node.
MAX_UNLIMITED = 4


def workers(root: Path = Path("/")) -> int:
    """One for each CPU that the limit allows, at least one."""
    usable = len(os.sched_getaffinity(0))
    limit = cpu_limit(root)
    if limit is None:
        return min(usable, MAX_UNLIMITED)
    return max(1, min(math.ceil(limit), usable))


def cpu_limit(root: Path = Path("/")) -> float | None:
    """CPUs of the control group, the smallest on the way to the root; None without a limit.

    root: where /proc and /sys are.
    """
    limits = [limit for each in _files(root) if (limit := _limit(each)) is not None]
    return min(limits, default=None)


def _files(root: Path) -> Iterator[Path]:
    """Files that may hold a limit: cpu.max (cgroup v2), cpu.cfs_quota_us (v1)."""
    mounts = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for mount in (mounts, mounts / "unified"):
                yield from (mount / each / "cpu.max" for each in _ancestors(path))
        elif "cpu" in controllers.split(","):
            for mount in (mounts / controllers, mounts / "cpu"):
                yield from (mount / each / "cpu.cfs_quota_us" for each in _ancestors(path))


def _ancestors(path: str) -> Iterator[str]:
    """A group and those above it. Inside a container some of them are not there, but the mount's root is."""
    while path.strip("/"):
        yield path.strip("/")
        path = path.rpartition("/")[0]
    yield ""


def _limit(file: Path) -> float | None:
    quota, _, period = _read(file).strip().partition(" ")
    if file.name == "cpu.cfs_quota_us":
        period = _read(file.with_name("cpu.cfs_period_us")).strip()
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None  # `max`, -1, or no such file
    return int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
