"""Child processes whose lines are read and that never outlive us."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import itertools
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

#: What `free_port` gives. The kernel gives none of them to a connection in the meantime: those are from 32768
#: on (ip(7), ip_local_port_range).
_PORTS = range(20_000, 30_000)
_candidates = itertools.islice(itertools.cycle(_PORTS), random.randrange(len(_PORTS)), None)  # noqa: S311

#: Longest line read from a child.
MAX_LINE = 1024 * 1024


class Child:
    """One process. Its standard error goes where its standard output does."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    @classmethod
    async def start(cls, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        """environment: added to our own. Raises OSError when the program cannot be run."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **environment},
            limit=MAX_LINE,
            start_new_session=True,  # Ctrl-C reaches us, and we end the children in order
            preexec_fn=die_with_parent,
        )
        return cls(name, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def lines(self) -> AsyncIterator[str]:
        """What it writes, line by line without line ends, until it ends."""
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                continue  # longer than MAX_LINE: skipped
            if not line:
                return
            yield line.decode(errors="replace").rstrip("\r\n")

    async def wait(self) -> int:
        """The exit code, once it has ended; negative for the signal that ended it."""
        return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(number)

    async def stop(self, patience: float) -> None:
        """SIGTERM, and SIGKILL when it is still there after that many seconds."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment, a different one with each call.

    Raises OSError when there is none.
    """
    for port in itertools.islice(_candidates, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(errno.EADDRINUSE, f"expected a free port of {_PORTS}, got none")


def die_with_parent() -> None:
    """In a child, before its program runs: SIGTERM when the thread that started it is gone (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
