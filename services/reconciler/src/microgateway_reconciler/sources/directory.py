"""A folder of manifests, watched.

Saving a file is not one step: it is truncated, then written, or moved away and written anew. A file
that somebody has open for writing is not read before it is closed, and one that disappears counts as
removed only when it stays away.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import signal
import stat
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

logger = logging.getLogger(__name__)

SUFFIXES = frozenset((".yaml", ".yml", ".json"))

#: Milliseconds of silence that end a burst of changes, and the longest burst.
QUIET = 5
LONGEST_BURST = 50

#: Seconds between looks while something is pending, and otherwise, when nothing was reported.
TICK = 0.05
FULL_LOOK = 2.0

#: Seconds after a change in which looks stay frequent: the watcher may lose a report that comes while it
#: hands over the one before.
WATCHFUL = 2.0

#: Seconds a file must be gone to count as removed.
REMOVAL_GRACE = 1.0

#: Seconds a file may stay open for writing before it is read all the same.
LONGEST_WRITE = 5.0
WRITER_POLL = 0.01

#: A manifest is text people wrote; what is larger was put there by mistake.
MAX_BYTES = 16 * 1024 * 1024

# fcntl.h; Python's fcntl has no name for it.
_F_SETSIG = 10


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file is new or changed. path: as given, joined with what is below it."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FileRemoved:
    path: str


@dataclass(frozen=True, slots=True)
class FileUnreadable:
    """There is a file, and its content cannot be had."""

    path: str
    reason: str


Change = FileContent | FileRemoved | FileUnreadable


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes whenever a file does."""

    inode: int
    size: int
    modified: int


class DirectorySource:
    """paths: folders, looked through recursively, and single files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._known: dict[Path, _Stamp] = {}
        self._missing_since: dict[Path, float] = {}
        self._busy_since: dict[Path, float] = {}

    async def batches(self) -> AsyncIterator[list[Change]]:
        """What there is, as the first batch, then what changes, forever.

        Raises FileNotFoundError when a path does not exist at the start.
        """
        for path in self._paths:
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "expected a folder or file of manifests", str(path))
        something_changed = asyncio.Event()
        watcher = asyncio.create_task(self._watch(something_changed))
        try:
            # The watcher starts in a thread; what it misses before it runs, the first full look finds.
            yield self._look()
            looked = changed = time.monotonic()
            while True:
                pause = WRITER_POLL if self._busy_since else TICK
                try:
                    async with asyncio.timeout(pause):
                        await something_changed.wait()
                except TimeoutError:
                    now = time.monotonic()
                    pending = self._busy_since or self._missing_since or now - changed < WATCHFUL
                    if not pending and now - looked < FULL_LOOK:
                        continue
                something_changed.clear()
                looked = time.monotonic()
                if batch := self._look():
                    changed = looked
                    yield batch
        finally:
            watcher.cancel()

    async def _watch(self, something_changed: asyncio.Event) -> None:
        """Set the event whenever the file system reports something below the paths."""
        while True:
            try:
                async for _ in awatch(
                    *self._paths,
                    watch_filter=None,
                    step=QUIET,
                    debounce=LONGEST_BURST,
                    ignore_permission_denied=True,
                ):
                    something_changed.set()
            except (OSError, RuntimeError) as error:
                logger.warning("cannot watch the manifests, looking every %g s: %s", FULL_LOOK, error)
            await asyncio.sleep(FULL_LOOK)

    def _look(self) -> list[Change]:
        """Changes since the last look."""
        now = time.monotonic()
        changes: list[Change] = []
        found = dict(self._files())
        for path, stamp in found.items():
            self._missing_since.pop(path, None)
            if self._known.get(path) != stamp and (change := self._read(path, stamp, now)) is not None:
                changes.append(change)
        for path in self._known.keys() - found.keys():
            if now - self._missing_since.setdefault(path, now) >= REMOVAL_GRACE:
                del self._known[path], self._missing_since[path]
                changes.append(FileRemoved(str(path)))
        for path in self._busy_since.keys() - found.keys():
            del self._busy_since[path]
        return changes

    def _files(self) -> Iterator[tuple[Path, _Stamp]]:
        for path in manifest_files(self._paths):
            try:
                status = path.stat()
            except OSError:
                continue  # gone since the listing, or a link to nothing
            if stat.S_ISREG(status.st_mode):
                yield path, _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)

    def _read(self, path: Path, stamp: _Stamp, now: float) -> Change | None:
        """None while somebody writes it: the next look tries again."""
        try:
            data = read_settled(path)
            if data is None:
                if now - self._busy_since.setdefault(path, now) < LONGEST_WRITE:
                    return None
                logger.warning("%s stays open for writing; reading it as it is", path)
                data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            self._busy_since.pop(path, None)
            # A write after the stamp was taken leaves another one behind, which the next look finds.
            self._known[path] = stamp
            if len(data) > MAX_BYTES:
                return FileUnreadable(str(path), f"more than {MAX_BYTES} bytes")
            return FileContent(str(path), data)
        self._busy_since.pop(path, None)
        self._known[path] = stamp
        return FileUnreadable(str(path), reason)


def manifest_files(roots: Iterable[Path]) -> Iterator[Path]:
    """Files that are given, and YAML and JSON files below folders that are, but for hidden ones: editors
    and mounted ConfigMaps keep their own things there."""
    for root in roots:
        if not root.is_dir():
            yield root
            continue
        for path in sorted(root.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.suffix in SUFFIXES and not hidden:
                yield path


def read_settled(path: Path) -> bytes | None:
    """The file's bytes, or None while somebody has it open for writing (fcntl(2), leases)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        leased = True
        try:
            # Whoever opens the file for writing in these microseconds waits for us; the kernel then
            # signals, by default with one that kills.
            fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            leased = False  # not our file, or a file system without leases: read it as it is
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if leased:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return data
    finally:
        os.close(descriptor)
