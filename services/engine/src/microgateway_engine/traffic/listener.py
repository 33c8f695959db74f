"""A listening socket that turns nobody away who is in its queue when it closes.

The kernel resets connections that were made and not yet accepted when their listener goes; a client
sees a connection that opened and broke.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import socket
import struct
from collections.abc import Callable

from microgateway_common.settings import Address

BACKLOG = 4096

# linux/bpf_common.h, asm-generic/socket.h
_BPF_RET = 0x06
_SO_ATTACH_FILTER = 26

Factory = Callable[[], asyncio.Protocol]


def check_free(address: Address) -> None:
    """Raises OSError when somebody else listens there. Workers share their port, and would share it with
    another engine's as well."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server(address, family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise


class Listener:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        server: asyncio.Server,
        factory: Factory,
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._server = server
        self._factory = factory
        self.address = Address(*listening.getsockname()[:2])

    @classmethod
    async def open(
        cls, loop: asyncio.AbstractEventLoop, address: Address, factory: Factory, *, shared: bool = False
    ) -> Listener:
        """shared: with other workers, each of which gets its part of the connections (SO_REUSEPORT).

        Raises OSError when the address is taken or there is no such family."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listening = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared)
        listening.setblocking(False)
        try:
            server = await loop.create_server(factory, sock=listening, backlog=BACKLOG)
        except BaseException:
            listening.close()
            raise
        return cls(loop, listening, server, factory)

    async def close(self) -> None:
        """Let nobody else in, take in who is queued, then close."""
        self._drop_handshakes()
        queued: list[socket.socket] = []
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                break  # nobody is left
            accepted.setblocking(False)
            queued.append(accepted)
        self._server.close()
        for accepted in queued:
            with contextlib.suppress(OSError):  # its client is gone
                await self._loop.connect_accepted_socket(self._factory, accepted)
        # What uvloop itself has accepted gets its `connection_made` in one of the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def _drop_handshakes(self) -> None:
        """From now on the kernel ignores who wants to connect: a client tries again, or is refused once the
        listener is gone. One classic BPF instruction, "accept 0 bytes", for every packet (socket(7))."""
        program = ctypes.create_string_buffer(struct.pack("=HBBI", _BPF_RET, 0, 0, 0))
        filter_of_one = struct.pack("@HP", 1, ctypes.addressof(program))
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_of_one)
