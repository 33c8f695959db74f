"""What a process has written so far to a file that it may be writing to right now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def whole_lines(file: Path) -> list[str]:
    """Its lines; not the last one as long as its end is missing. Empty while there is no such file."""
    if not file.exists():
        return []
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    return [line.decode(errors="replace") for line in whole.splitlines()]


def json_lines(file: Path) -> list[Any]:
    """Raises ValueError when one of its lines is something else."""
    return [json.loads(line) for line in whole_lines(file)]
