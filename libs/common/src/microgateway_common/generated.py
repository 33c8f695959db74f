"""Files that are written from code: write them, or check that they are current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(files: Mapping[Path, str], description: str, root: Path) -> int:
    """The main function of a generator script; exit code.

    files: text of each file. `--check` writes nothing, names the files that differ and exits with 1.
    root: paths are shown relative to it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="only tell which files are not current")
    check = parser.parse_args().check
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(root)} is not current\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
            sys.stdout.write(f"wrote {path.relative_to(root)}\n")
    return 1 if check and stale else 0
