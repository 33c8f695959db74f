"""CPU time and memory, from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of a process and its descendants. rss counts shared pages once a process, pss divides them."""

    rss: float
    pss: float


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Seconds one CPU spent since boot. programs: in processes, kernel work for them included, without
    interrupts. stolen: by the hypervisor for others."""

    programs: float
    stolen: float


def family(pid: int) -> list[int]:
    """The process and its living descendants."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(int(child) for child in children.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and descendants, those waited for included."""
    ticks = 0
    for member in family(pid):
        # The second field is the command in parentheses and may hold anything; utime is the 14th.
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(each) for each in fields[11:15])
    return ticks / TICKS


def memory(pid: int) -> Memory:
    rss = pss = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Rss":
                rss += int(value.split()[0]) * 1024
            elif name == "Pss":
                pss += int(value.split()[0]) * 1024
    return Memory(rss / MIB, pss / MIB)


def cpu_use(cpu: int) -> CpuUse:
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = (int(each) for each in values[:8])
            return CpuUse((user + nice + system) / TICKS, steal / TICKS)
    raise LookupError(f"cpu{cpu} is not in /proc/stat")
