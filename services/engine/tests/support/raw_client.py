"""A client that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field

from scripted_origin import PATIENCE

from microgateway_common.settings import Address


class CutOffError(Exception):
    """The connection ended before the response did."""


@dataclass
class Answer:
    """A response as a client reads it. framing: what ended the body; interim: status codes before it."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    framing: str
    interim: list[int] = field(default_factory=list)


class RawClient:
    """One connection. trailers: lines that came after bodies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.trailers: list[bytes] = []

    @classmethod
    async def connect(cls, address: Address, *, receive_buffer: int = 0) -> RawClient:
        """receive_buffer: bytes the kernel keeps for a reader that does not read, 0 for its default."""
        connection = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError:
            connection.close()
            raise
        return cls(*await asyncio.open_connection(sock=connection, limit=4096))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, target: str = "/", *fields: str, method: str = "GET") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: shop", *fields, "", ""]
        await self.send("\r\n".join(lines).encode())
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> Answer:
        """The next response. Raises CutOffError when there is none or half of one."""
        async with asyncio.timeout(PATIENCE):
            interim: list[int] = []
            while True:
                try:
                    head = await self.reader.readuntil(b"\r\n\r\n")
                except (asyncio.IncompleteReadError, ConnectionError) as error:
                    raise CutOffError from error
                answer = await self._after_head(head, method)
                if answer.status >= 200:
                    answer.interim = interim
                    return answer
                interim.append(answer.status)

    async def _after_head(self, head: bytes, method: str) -> Answer:
        line, *fields = head.decode("latin-1").split("\r\n")[:-2]
        version, status, reason = line.split(" ", 2)
        assert version == "HTTP/1.1"
        pairs = [(name.lower(), value) for name, _, value in (each.partition(": ") for each in fields)]
        headers = dict(pairs)
        assert len(headers) == len(pairs), f"doubled fields: {pairs}"
        try:
            framing, body = await self._body(int(status), headers, method)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise CutOffError from error
        return Answer(int(status), reason, headers, body, framing)

    async def _body(self, status: int, headers: dict[str, str], method: str) -> tuple[str, bytes]:
        if method == "HEAD" or status < 200 or status in (204, 304):
            return "none", b""
        if headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            pieces: list[bytes] = []
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                pieces.append(await self.reader.readexactly(size))
                assert await self.reader.readexactly(2) == b"\r\n"
            while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
                self.trailers.append(line[:-2])
            return "chunked", b"".join(pieces)
        if "content-length" in headers:
            return "length", await self.reader.readexactly(int(headers["content-length"]))
        return "close", await self.reader.read()

    async def closed(self) -> bytes:
        """What comes until the gateway closes. Raises ConnectionError when it resets the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def refused(self) -> bool:
        """The gateway closes or resets without a word."""
        try:
            return await self.closed() == b""
        except ConnectionError:
            return True

    def end(self) -> None:
        """No more requests; responses are still read."""
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
