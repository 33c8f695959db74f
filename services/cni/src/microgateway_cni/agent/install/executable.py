"""The plugin in the CNI bin directory: a file, or a folder behind a link.

    bin/microgateway-cni                      a file, renamed into place; or
    bin/microgateway-cni ─► .microgateway-cni-3f9c…/microgateway-cni
                            .microgateway-cni-3f9c…/…           named after its content

A folder is complete before the link names it. One that nobody names any more goes only after an hour: a
plugin that has just been started from it still loads its parts.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from microgateway_cni.plugin.settings import TYPE

from . import atomic

_FOLDER = f".{TYPE}-"
_KEEP_SECONDS = 3600.0


def install(source: Path, directory: Path) -> bool:
    """source: an executable file, or a folder that holds one named like the plugin. Whether anything changed.

    Raises OSError.
    """
    target = directory / TYPE
    if source.is_dir():
        return _install_folder(source, directory, target)
    return atomic.write(target, source.read_bytes(), 0o755)


def uninstall(directory: Path) -> None:
    """Raises OSError."""
    atomic.remove(directory / TYPE)
    for folder in directory.glob(f"{_FOLDER}*"):
        shutil.rmtree(folder)


def _install_folder(source: Path, directory: Path, target: Path) -> bool:
    if not (source / TYPE).is_file():
        raise FileNotFoundError(f"{source}: expected a folder with {TYPE} in it")
    digest = _digest(source)
    folder = directory / f"{_FOLDER}{digest}"
    copied = not folder.is_dir() or _digest(folder) != digest
    if copied:
        aside = directory / f"{_FOLDER}incomplete"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(source, aside, symlinks=True)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    linked = atomic.link(target, f"{folder.name}/{TYPE}")
    for other in directory.glob(f"{_FOLDER}*"):
        if other != folder and other.stat().st_ctime < time.time() - _KEEP_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    return copied or linked


def _digest(folder: Path) -> str:
    """Of all names, modes and contents below the folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = (
            str(path.readlink()).encode()
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else b""
        )
        mode = path.lstat().st_mode & 0o777
        name = path.relative_to(folder).as_posix()
        found.update(f"{name}\0{mode:o}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return found.hexdigest()[:16]
