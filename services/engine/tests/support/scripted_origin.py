"""An application on loopback that plays a script on each connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from microgateway_common.settings import Address

#: Seconds in which anything that should happen must have happened.
PATIENCE = 30.0


class OriginConnection:
    """One connection of the gateway's, as the application sees it. number: counted from 0.
    trailers: lines that came after bodies."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, origin: Origin
    ) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self._origin = origin
        self.trailers: list[bytes] = []

    async def head(self) -> bytes:
        """The next request's head with its empty line, `b""` when the gateway has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self._origin.heads.append(head)
        return head

    async def body(self, head: bytes) -> bytes:
        """The body that belongs to a head."""
        fields = head.lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in fields:
            pieces = []
            while size := int(await self.reader.readline(), 16):
                pieces.append(await self.reader.readexactly(size))
                assert await self.reader.readline() == b"\r\n"
            while (line := await self.reader.readline()) != b"\r\n":
                self.trailers.append(line.rstrip(b"\r\n"))
            return b"".join(pieces)
        _, found, rest = fields.partition(b"\r\ncontent-length: ")
        return await self.reader.readexactly(int(rest.partition(b"\r\n")[0])) if found else b""

    async def request(self) -> tuple[bytes, bytes]:
        """The next request: head and body."""
        head = await self.head()
        return head, await self.body(head) if head else b""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def respond(self, body: bytes, *fields: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    async def closed(self) -> bytes:
        """Wait until the gateway closes; what it still sent."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@contextmanager
def never_accepting() -> Iterator[Address]:
    """An address on which a connection attempt gets no answer at all: its backlog is full."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = Address(*listener.getsockname())
        for _ in range(2):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(address)
        yield address


Script = Callable[[OriginConnection], Awaitable[None]]


async def echo(connection: OriginConnection) -> None:
    """Answer every request with its target and body."""
    while True:
        head, body = await connection.request()
        if not head:
            return
        await connection.respond(head.split(b" ")[1] + b"\n" + body)


class Origin:
    """heads: of all requests that came. connections: opened so far. failures: of scripts."""

    def __init__(self, script: Script = echo) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []
        self.connections = 0
        self.failures: list[BaseException] = []

    @property
    def address(self) -> Address:
        return Address(*self._server.sockets[0].getsockname()[:2])

    @property
    def targets(self) -> list[bytes]:
        return [head.split(b" ")[1] for head in self.heads]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = OriginConnection(self.connections, reader, writer, self)
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._play(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, connection: OriginConnection) -> None:
        try:
            await self._script(connection)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway went away, which is what the test is about or will see
        except Exception as error:  # noqa: BLE001 - shown by the fixture that made this
            self.failures.append(error)
        finally:
            connection.close()


#: Starts an application that plays a script.
StartOrigin = Callable[..., Awaitable[Origin]]
