"""Starts processes on one CPU, and ends them by pid, whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from microgateway_cli.processes import free_port
from microgateway_common.settings import PREFIX, Address

LOOPBACK = "127.0.0.1"

#: Seconds for a process to end after SIGTERM before SIGKILL follows.
ENDING = 10.0


@dataclass(frozen=True, slots=True)
class Cpus:
    """subject: of the peer under test alone. rest: of load generator, application, control plane, us."""

    subject: int
    rest: int


def two_cpus() -> Cpus:
    """The first two this process may use. Raises Void when it may use one only."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Void(f"CPUs: expected two, one for the peer and one for the load, got {len(allowed)}")
    return Cpus(allowed[0], allowed[1])


@dataclass(frozen=True, slots=True)
class Running:
    """A started process. log: its stdout and stderr, appended."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid


@contextlib.contextmanager
def running(name: str, command: Sequence[str], cpu: int, log: Path) -> Iterator[Running]:
    """The process, pinned to a CPU; ended on leaving, and by the kernel should we die first.

    It has a session of its own: Ctrl-C reaches us, and we end it.
    """
    pinned = [*("setpriv", "--pdeathsig", "TERM"), *("taskset", "--cpu-list", str(cpu)), *command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            pinned,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            start_new_session=True,
        )
    try:
        yield Running(name, process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL for the session's process group, whose leader the process is."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_true(what: str, subject: Running, condition: Callable[[], bool], seconds: float) -> None:
    """Return once the condition holds, asked every millisecond. Raises Void with the process' last words."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        if subject.process.poll() is not None:
            raise Void(f"{subject.name}: ended with {subject.process.returncode}\n{last_lines(subject.log)}")
        time.sleep(0.001)
    raise Void(f"{subject.name}: expected {what} within {seconds:g} s\n{last_lines(subject.log)}")


def accepts(address: Address) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(address, timeout=1.0):
            return True
    except OSError:
        return False


def free_address() -> Address:
    """A loopback address nobody listens on at the moment."""
    return Address(LOOPBACK, free_port())


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-count:] if log.exists() else []
    return "\n".join(f"    {line}" for line in lines)


def require(*programs: str) -> None:
    """Raises Void naming the programs that are not installed."""
    missing = [each for each in programs if shutil.which(each) is None]
    if missing:
        raise Void(f"programs: expected {', '.join(missing)} on PATH; `make bench` installs them")
