"""What several processes take together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def shared_out(pids: Iterable[int], proc: Path = Path("/proc")) -> int:
    """Bytes of memory. What processes share is shared out among them (proc(5), Pss)."""
    return sum(_proportional(proc / str(pid) / "smaps_rollup") for pid in pids)


def _proportional(file: Path) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
