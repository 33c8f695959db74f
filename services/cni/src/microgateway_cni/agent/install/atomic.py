"""Files that are whole or not there: written aside, flushed, renamed into place.

The name aside begins with a dot and has none of the endings (`.conf`, `.conflist`, `.json`) that container
runtimes read, so one that a crash leaves does nothing until `sweep` takes it away.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

_PREFIX = ".microgateway-cni."
_SUFFIX = ".new"


def write(path: Path, content: bytes, mode: int) -> bool:
    """Make the file hold this content; False, and nothing is touched, when it does. Raises OSError."""
    if holds(path, content, mode):
        return False
    _replace(path, content, mode, (os.geteuid(), os.getegid()))
    return True


def rewrite(path: Path, content: bytes) -> bool:
    """As `write`, for a file that is there and keeps its mode and owner. Raises OSError."""
    if path.read_bytes() == content:
        return False
    there = path.stat()
    _replace(path, content, there.st_mode & 0o7777, (there.st_uid, there.st_gid))
    return True


def _replace(path: Path, content: bytes, mode: int, owner: tuple[int, int]) -> None:
    descriptor, name = tempfile.mkstemp(_SUFFIX, _PREFIX, path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def link(path: Path, target: str) -> bool:
    """Make the path a symbolic link to the target; False when it is already. Raises OSError."""
    if path.is_symlink() and str(path.readlink()) == target:
        return False
    aside = path.parent / f"{_PREFIX}{os.getpid()}{_SUFFIX}"
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(path)
    flush_directory(path.parent)
    return True


def remove(path: Path) -> bool:
    """False when it is not there. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    flush_directory(path.parent)
    return True


def sweep(directory: Path) -> None:
    """Take away what a crash in the middle of `write` or `link` left. Raises OSError."""
    for path in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def holds(path: Path, content: bytes, mode: int) -> bool:
    with contextlib.suppress(OSError):
        return not path.is_symlink() and path.stat().st_mode & 0o7777 == mode and path.read_bytes() == content
    return False


def flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
