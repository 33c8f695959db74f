"""Lines to a file descriptor without ever holding up a request.

A thread writes; what it cannot write in time is dropped and counted, never waited for. Several processes that
share the descriptor take turns: a pipe keeps no more than PIPE_BUF bytes of a write together (pipe(7)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
import time
from collections import deque
from contextlib import AbstractContextManager
from types import TracebackType

#: Bytes that may wait for a slow reader of stdout before lines are dropped.
CAPACITY = 4 * 1024 * 1024

#: Seconds of lines that one write takes along.
GATHERING = 0.01


class Turns:
    """Processes that write one after the other. To be made before they are forked.

    A record lock, which goes with its process, and not flock(2), which a fork shares.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("log-turns")

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)


class LineSink:
    """`write_line` from the event loop's thread; `close` flushes for at most a second.

    It is a text stream as well, as far as `logging.StreamHandler` needs one: application events share
    the way of access lines, so that neither tears the other apart. turns: with other processes.
    """

    def __init__(
        self, descriptor: int, capacity: int = CAPACITY, turns: AbstractContextManager[None] | None = None
    ) -> None:
        self._descriptor = descriptor
        self._capacity = capacity
        self._turns = contextlib.nullcontext() if turns is None else turns
        self._lines: deque[bytes] = deque()
        # Bytes taken and bytes done with: each is written by one thread only.
        self._accepted = 0
        self._finished = 0
        self._wake = threading.Event()
        self._closing = False
        self.written = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """A complete line with its newline, as text."""
        self.write_line(text.encode())

    def flush(self) -> None:
        """The thread does."""

    def write_line(self, line: bytes) -> None:
        """A complete line with its newline."""
        if self._accepted - self._finished + len(line) > self._capacity:
            self.dropped += 1
            return
        self._accepted += len(line)
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not (self._closing and not self._lines):
            self._wake.wait()
            # A short pause gathers the lines of several requests into one write.
            if not self._closing:
                time.sleep(GATHERING)
            self._wake.clear()
            batch: list[bytes] = []
            while self._lines:
                batch.append(self._lines.popleft())
            if batch and not self._write(b"".join(batch)):
                self.dropped += len(batch)
            else:
                self.written += len(batch)

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        try:
            with self._turns:
                while view:
                    try:
                        view = view[os.write(self._descriptor, view) :]
                    except BlockingIOError:
                        # Whoever shares stdout may have made it non-blocking; half a line must not stay half.
                        select.select((), (self._descriptor,), ())
        except OSError:
            return False  # the reader is gone
        finally:
            self._finished += len(data)
        return True
