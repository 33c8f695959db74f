"""Waits until something in a directory changes (inotify(7), by way of the C library)."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

_IN_MODIFY, _IN_ATTRIB, _IN_CLOSE_WRITE = 0x2, 0x4, 0x8
_IN_MOVED, _IN_CREATE, _IN_DELETE = 0xC0, 0x100, 0x200
_IN_DELETE_SELF, _IN_MOVE_SELF = 0x400, 0x800
_MASK = (
    _IN_MODIFY
    | _IN_ATTRIB
    | _IN_CLOSE_WRITE
    | _IN_MOVED
    | _IN_CREATE
    | _IN_DELETE
    | _IN_DELETE_SELF
    | _IN_MOVE_SELF
)

_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Made before the state is looked at, so that no change falls in between."""

    def __init__(self, directories: Iterable[Path]) -> None:
        """Directories that do not exist are left out. Raises OSError."""
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for directory in directories:
            if directory.is_dir():
                self._add(directory)

    def wait(self, seconds: float, wake: int) -> None:
        """Until a change, or something to read on the descriptor `wake`, or the time is over."""
        ready, _, _ = select.select([self._descriptor, wake], [], [], seconds)
        if self._descriptor in ready:
            os.read(self._descriptor, 65536)

    def _add(self, directory: Path) -> None:
        if _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _MASK) < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch {directory}")

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
