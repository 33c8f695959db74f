"""The process that forks workers.

A process with threads or a running loop cannot fork safely, and the supervisor has both. So it forks the
nursery first, which has neither and does nothing but fork, wait and kill on request. What was loaded before,
the rules above all, is shared by all workers.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

import msgspec
from msgspec import Struct

#: Becomes a worker: its slot and its end of the socket to the supervisor → exit code.
Work = Callable[[int, socket.socket], int]


class Spawn(Struct, frozen=True, tag="spawn"):
    """Comes with the worker's end of its socket."""

    slot: int


class Kill(Struct, frozen=True, tag="kill"):
    pid: int


class Born(Struct, frozen=True, tag="born"):
    slot: int
    pid: int


class Died(Struct, frozen=True, tag="died"):
    """status: exit code, or the negative number of the signal that ended it."""

    pid: int
    status: int


_encode = msgspec.json.Encoder().encode
_orders: msgspec.json.Decoder[Spawn | Kill] = msgspec.json.Decoder(Spawn | Kill)
_events: msgspec.json.Decoder[Born | Died] = msgspec.json.Decoder(Born | Died)

#: Bytes of an order or an event.
_SIZE = 4096


class Nursery:
    """The supervisor's end. on_event hears of births and deaths, on_gone of the nursery's own."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    @classmethod
    def fork(cls, work: Work) -> Nursery:
        """To be called before the process has threads or a loop."""
        # Keeps messages apart, so that a descriptor cannot arrive with the wrong one.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            _run(theirs, work)
        theirs.close()
        return cls(ours)

    def watch(self, on_event: Callable[[Born | Died], None], on_gone: Callable[[], None]) -> None:
        """From now on, in the running loop."""
        loop = asyncio.get_running_loop()
        self._control.setblocking(False)

        def readable() -> None:
            try:
                data = self._control.recv(_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                on_event(_events.decode(data))
            else:
                loop.remove_reader(self._control)
                on_gone()

        loop.add_reader(self._control, readable)

    def spawn(self, slot: int) -> socket.socket:
        """Have a worker forked. The supervisor's end of its socket. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [_encode(Spawn(slot))], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        return ours

    def kill(self, pid: int) -> None:
        """End a worker that does not do it by itself. Raises OSError."""
        self._control.send(_encode(Kill(pid)))

    def close(self) -> None:
        """The nursery ends. Workers end when their sockets do."""
        self._control.close()


def _run(control: socket.socket, work: Work) -> NoReturn:
    """The nursery's process."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the supervisor decides when it is over
        woken = _wake_on_deaths()
        children: set[int] = set()
        while True:
            ready, _, _ = select.select((control, woken), (), ())
            # One after the other: a death is told after the birth, and none while another is being told.
            if woken in ready:
                woken.recv(_SIZE)
                _tell_deaths(control, children)
            if control in ready and not _obey(control, woken, children, work):
                break
    finally:
        os._exit(0)


def _wake_on_deaths() -> socket.socket:
    """A socket that becomes readable when a child has ended."""
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # one that is ignored wakes nobody
    signal.set_wakeup_fd(waking.detach(), warn_on_full_buffer=False)
    return woken


def _tell_deaths(control: socket.socket, children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        control.send(_encode(Died(pid, os.waitstatus_to_exitcode(status))))


def _obey(control: socket.socket, woken: socket.socket, children: set[int], work: Work) -> bool:
    """Do what the supervisor says. False when it has nothing more to say."""
    data, descriptors, _, _ = socket.recv_fds(control, _SIZE, 1)
    if not data:
        return False
    match _orders.decode(data):
        case Spawn(slot):
            pid = os.fork()
            if pid == 0:
                control.close()
                woken.close()
                _become_worker(work, slot, socket.socket(fileno=descriptors[0]))
            children.add(pid)
            os.close(descriptors[0])
            control.send(_encode(Born(slot, pid)))
        case Kill(pid) if pid in children:
            os.kill(pid, signal.SIGKILL)
        case Kill():
            pass  # it has ended meanwhile, and its number may be somebody else's
    return True


def _become_worker(work: Work, slot: int, end: socket.socket) -> NoReturn:
    code = 1
    try:
        os.close(signal.set_wakeup_fd(-1))
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        code = work(slot, end)
    finally:
        os._exit(code)
