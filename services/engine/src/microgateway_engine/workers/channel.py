"""Messages over a stream socket: four bytes of length, then MessagePack."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from .messages import Message, encode

_LENGTH = struct.Struct("!I")

T = TypeVar("T")


class Channel(asyncio.Protocol, Generic[T]):
    """One end. on_message is called for each message, on_closed once when the other end has gone."""

    def __init__(
        self, decode: Callable[[bytes], T], on_message: Callable[[T], None], on_closed: Callable[[], None]
    ) -> None:
        self._decode = decode
        self._on_message = on_message
        self._on_closed = on_closed
        self._buffer = bytearray()

    async def open(self, end: socket.socket) -> None:
        """end: of a socket pair; the channel owns it from now on. Messages may come before this returns."""
        end.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=end)

    def send(self, message: Message) -> None:
        """Nothing is sent any more once the other end has gone."""
        if self._transport.is_closing():
            return
        data = encode(message)
        self._transport.write(_LENGTH.pack(len(data)) + data)

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            end = at + _LENGTH.size + length
            if len(buffer) < end:
                break
            self._on_message(self._decode(bytes(buffer[at + _LENGTH.size : end])))
            at = end
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self._on_closed()
