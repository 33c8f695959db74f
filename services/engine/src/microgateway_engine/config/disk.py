"""What the engine accepted last, on its own disk: it restarts without Redis, and accepts nothing older."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

logger = logging.getLogger(__name__)

FILE_NAME = "last-good.bundle"
ASSIGNMENT_FILE_NAME = "last-assignment.json"


class LastGood:
    """Two files as they came over the bus, each replaced atomically. A disk that fails costs the next start,
    never traffic."""

    def __init__(self, directory: Path | None) -> None:
        """directory: None keeps nothing."""
        self._directory = directory

    def load(self) -> bytes | None:
        """Wire bytes of the last good bundle."""
        return self._read(FILE_NAME)

    def load_assignment(self) -> bytes | None:
        """Bytes of the last assignment."""
        return self._read(ASSIGNMENT_FILE_NAME)

    def save(self, data: bytes) -> None:
        self._write(FILE_NAME, data)

    def save_assignment(self, data: bytes) -> None:
        self._write(ASSIGNMENT_FILE_NAME, data)

    def forget(self) -> None:
        """The pod has no gateway any more; a restart must not serve the old one."""
        if self._directory is None:
            return
        path = self._directory / FILE_NAME
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("last good configuration: cannot remove %s: %s", path, error)

    def _read(self, name: str) -> bytes | None:
        if self._directory is None:
            return None
        path = self._directory / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("last good configuration: cannot read %s: %s", path, error)
            return None

    def _write(self, name: str, data: bytes) -> None:
        if self._directory is None:
            return
        path = self._directory / name
        temporary = path.with_suffix(".new")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            logger.warning("last good configuration: cannot write %s: %s", path, error)


class OnThread:
    """A LastGood whose writes happen in order on a thread of their own: a slow disk holds up no request."""

    def __init__(self, disk: LastGood) -> None:
        self._disk = disk
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")

    def load(self) -> bytes | None:
        return self._disk.load()

    def load_assignment(self) -> bytes | None:
        return self._disk.load_assignment()

    def save(self, data: bytes) -> None:
        self._thread.submit(self._disk.save, data)

    def save_assignment(self, data: bytes) -> None:
        self._thread.submit(self._disk.save_assignment, data)

    def forget(self) -> None:
        self._thread.submit(self._disk.forget)

    def close(self) -> None:
        """Return when everything is written."""
        self._thread.shutdown()
