"""What kube-proxy is to a Service: connections on one port, carried to several in turn."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from types import TracebackType
from typing import Self


class RoundRobin:
    """port: where it listens, on loopback. carried: connections so far, by the port they went to."""

    def __init__(self, port: int, targets: Sequence[int]) -> None:
        self.port = port
        self.carried: Counter[int] = Counter()
        self._targets = cycle(targets)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the forwarder does not listen"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        target = next(self._targets)
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            to_client.close()
            return
        self.carried[target] += 1
        sides = [
            asyncio.create_task(_copy(client, to_server)),
            asyncio.create_task(_copy(server, to_client)),
        ]
        try:
            # Either end ends both: TLS has no use for half a connection.
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            for writer in (to_server, to_client):
                writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
