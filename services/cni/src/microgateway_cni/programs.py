"""Where nft, nsenter and unshare are: in the plugin's bundle, else on PATH.

The bundle has its own C library, so its programs are started by its own loader, and a program of the node
must not see its libraries (docs/decisions/0015).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

#: A CNI runtime starts plugins with the PATH of its service, often without the directories of root's tools.
DIRECTORIES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find(name: str) -> list[str]:
    """The words that start it; none where it is missing."""
    folder = _bundle()
    program = Path(folder, "tools", name)
    if folder and program.is_file():
        return [f"{folder}/loader", "--library-path", folder, str(program)]
    found = shutil.which(name, path=DIRECTORIES)
    return [found] if found else []


def environment() -> dict[str, str]:
    """Ours, for a program that we start."""
    ours = {**os.environ, "PATH": DIRECTORIES}
    if _bundle():
        ours.pop("LD_LIBRARY_PATH", None)
    return ours


def _bundle() -> str:
    """The folder with its libraries, as PyInstaller's start-up code sets it; empty outside a bundle."""
    return str(getattr(sys, "_MEIPASS", ""))
