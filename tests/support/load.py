"""Steady load over kept connections that forgives nothing: any answer but the expected one, and any
connection that ends without having said so, is a failure."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from chain import PATIENCE

JSON = b'{"name": "espresso cup", "price": 12.5, "tags": ["kitchen", "coffee"], "text": "It\'s lovely"}'

REQUESTS = (
    b"GET /products?q=cup HTTP/1.1\r\nHost: shop\r\n\r\n",
    b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(JSON), JSON),
    b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 26\r\n\r\nname=O%27Brien&note=thanks",
)


@asynccontextmanager
async def closed_at_the_end(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """The connection is gone when the block is left; TLS takes leave of its peer first."""
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # what the peer makes of it is no answer to a request
            await writer.wait_closed()


@dataclass
class Result:
    """done: requests answered as expected. failures: what went wrong instead, at most a few texts."""

    done: int = 0
    failures: list[str] = field(default_factory=list)


class Load:
    """`with Load(port) as result: …` — connections of clients in a thread of their own."""

    def __init__(self, port: int, connections: int = 4, reconnect: bool = False) -> None:
        """reconnect: a connection that is refused or ends between requests is opened again, for engines
        that are being replaced; a request that was sent must be answered all the same."""
        self._port = port
        self._connections = connections
        self._reconnect = reconnect
        self.result = Result()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self.result.done and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> Result:
        self._stop.set()
        self._thread.join(PATIENCE)
        return self.result

    def await_more(self, requests: int) -> None:
        """Return once that many further requests were answered, or some failed."""
        goal = self.result.done + requests
        deadline = time.monotonic() + PATIENCE
        while self.result.done < goal and not self.result.failures:
            assert time.monotonic() < deadline, f"{goal - self.result.done} of {requests} not answered"
            time.sleep(0.005)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._connections):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                if not self._reconnect:
                    self._fail(f"connect: {error}")
                    return
                await asyncio.sleep(0.01)
                continue
            try:
                async with closed_at_the_end(writer):
                    await self._converse(reader, writer, number)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self._fail(f"{type(error).__name__}: {error}")
                return

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        """Requests until the server says that it closes."""
        while not self._stop.is_set():
            number += 1
            if self._reconnect and reader.at_eof():
                return
            writer.write(REQUESTS[number % len(REQUESTS)])
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                fields = head.lower()
                length = int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise ValueError(f"{head.splitlines()[0]!r} {body[:100]!r}")
            self.result.done += 1
            if b"connection: close" in fields:
                return

    def _fail(self, what: str) -> None:
        if len(self.result.failures) < 5:
            self.result.failures.append(what)
