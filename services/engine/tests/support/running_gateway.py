"""The proxy of one worker, listening on loopback, its access log in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import engine_configurations as configurations
from raw_client import RawClient
from scripted_origin import PATIENCE
from written import json_lines, whole_lines

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.telemetry.counters import PortCounters
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_engine.traffic.destination import Destinations, Explicit
from microgateway_engine.traffic.server import Server

T = TypeVar("T")


async def eventually(look: Callable[[], T], what: str = "") -> T:
    """The first value that counts as true; fails when it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not (found := look()):
        assert loop.time() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.005)
    return found


class Gateway:
    def __init__(self, log: Path, destinations: Destinations, host: str = "127.0.0.1") -> None:
        self._log = log
        self._descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.sink = LineSink(self._descriptor)
        self.metrics = Metrics(self.sink)
        self.server = Server((Address(host, 0),), destinations, self.metrics, self.sink)
        self._tasks: list[asyncio.Task[None]] = []
        self.clients: list[RawClient] = []

    @property
    def address(self) -> Address:
        return self.server.listening[0]

    @property
    def port_metrics(self) -> PortCounters:
        return self.metrics.port(configurations.PORT)

    async def serve(self, runtime: Runtime) -> None:
        self.server.serve(runtime)
        await eventually(lambda: self.server.listening, "listening")

    async def client(self, *, receive_buffer: int = 0) -> RawClient:
        client = await RawClient.connect(self.address, receive_buffer=receive_buffer)
        self.clients.append(client)
        return client

    async def log(self, count: int) -> list[dict[str, Any]]:
        """The access log once it has this many lines."""
        await eventually(lambda: len(whole_lines(self._log)) >= count, f"{count} access log lines")
        found = json_lines(self._log)
        assert len(found) == count, found
        return found

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.server.listen()), loop.create_task(self.server.sweep())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self.clients:
            client.writer.transport.abort()  # what it still had to send would outlive the loop
        await self.server.drain(0)
        self.sink.close()
        os.close(self._descriptor)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


#: Starts a gateway before an application: (origin's address, configuration, host to listen on).
StartGateway = Callable[..., Awaitable[Gateway]]


def before(target: Address) -> Explicit:
    """Everything goes to this address, as the configuration's one application."""
    return Explicit(target, configurations.PORT)
