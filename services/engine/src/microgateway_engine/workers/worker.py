"""A worker's process: it accepts connections, inspects, forwards, and does what the supervisor says.

It has no keys: the supervisor has checked and opened what it passes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

import uvloop

from microgateway_common import logs, wire
from microgateway_common.bus.messages import Rejected
from microgateway_common.names import PodKey
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.config.store import make_ready
from microgateway_engine.telemetry.block_reports import Allowance, BlockReports
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink, Turns
from microgateway_engine.traffic.destination import Destinations
from microgateway_engine.traffic.server import Server
from microgateway_inspection.rule_set import RuleSet

from .channel import Channel
from .messages import (
    Blocked,
    Commit,
    Count,
    Counted,
    Done,
    Drain,
    Failed,
    Listening,
    Prepare,
    Prepared,
    Refused,
    ToWorker,
    Withdraw,
    decode_to_worker,
)

if TYPE_CHECKING:
    from microgateway_engine.telemetry.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

#: Seconds between counters that nobody asked for: what a worker counted since then is lost when it dies.
COUNTING = 2.0

#: Bytes that wait for the supervisor before block events are dropped.
MAX_WAITING = 256 * 1024

#: Seconds between looks whether connections are accepted by now.
_LOOKING = 0.005


class Worker:
    """What all workers of an engine have in common; `run` is one of them."""

    def __init__(
        self,
        addresses: tuple[Address, ...],
        destinations: Destinations,
        rules: RuleSet,
        turns: Turns,
        *,
        pod: PodKey,
        block_events: float,
        log_level: str,
        drain_seconds: float,
        make_tracer: Callable[[], Tracer | None],
    ) -> None:
        self._make_tracer = make_tracer
        self._addresses = addresses
        self._destinations = destinations
        self._rules = rules
        self._turns = turns
        self._pod = pod
        self._block_events = block_events
        self._log_level = log_level
        self._drain_seconds = drain_seconds

    def run(self, slot: int, end: socket.socket) -> int:
        """Serve until drained (nursery.Work). The exit code."""
        sink = LineSink(1, turns=self._turns)
        logs.set_up("microgateway-engine", self._log_level, sink)
        try:
            uvloop.run(self._serve(end, sink))
        except Exception:
            logger.critical("worker %d failed", slot, exc_info=True)
            return 1
        finally:
            sink.close()
        return 0

    async def _serve(self, end: socket.socket, sink: LineSink) -> None:
        metrics = Metrics(sink, self._make_tracer())
        server = Server(self._addresses, self._destinations, metrics, sink, shared=True)
        session = _Session(server, metrics, self._rules, self._drain_seconds)
        server.on_threats = BlockReports(
            self._pod, metrics, session.report, Allowance(self._block_events)
        ).report
        await session.run(end)


class _Session:
    """A worker's talk with the supervisor."""

    def __init__(self, server: Server, metrics: Metrics, rules: RuleSet, drain_seconds: float) -> None:
        self._server = server
        self._metrics = metrics
        self._rules = rules
        self._drain_seconds = drain_seconds
        self._stopped = asyncio.Event()
        self._prepared: Runtime | None = None
        self._served = asyncio.Event()

    async def run(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        # The end of the supervisor is the end of its workers.
        self._channel = Channel(decode_to_worker, self._do, self._stopped.set)
        await self._channel.open(end)
        work = [self._listen(), self._server.sweep(), self._tell_listening(), self._tell_counters()]
        tasks = [loop.create_task(each) for each in work]
        await self._stopped.wait()
        await self._server.drain(self._drain_seconds)
        self._metrics.close()
        self._channel.send(Counted(0, self._metrics.counters()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._channel.close()
        await asyncio.sleep(0)

    def report(self, event: bytes) -> bool:
        """Pass a block event to the supervisor; False when it has not taken the ones before."""
        if self._channel.waiting > MAX_WAITING:
            return False
        self._channel.send(Blocked(event))
        return True

    def _do(self, message: ToWorker) -> None:
        match message:
            case Prepare(number, gateway, data):
                made = make_ready(gateway, data, wire.AcceptUnsigned(), self._rules)
                if isinstance(made, Rejected):
                    self._channel.send(Refused(number, made.kind, made.message))
                else:
                    self._prepared = made
                    self._channel.send(Prepared(number))
            case Commit(number):
                runtime, self._prepared = self._prepared, None
                self._serve(runtime)
                self._channel.send(Done(number))
            case Withdraw(number):
                self._serve(None)
                self._channel.send(Done(number))
            case Count(number):
                self._channel.send(Counted(number, self._metrics.counters()))
            case Drain(seconds):
                self._drain_seconds = seconds
                self._stopped.set()
            case _:
                assert_never(message)

    def _serve(self, runtime: Runtime | None) -> None:
        self._server.serve(runtime)
        self._served.set()

    async def _listen(self) -> None:
        try:
            await self._server.listen()
        except OSError as error:
            self._channel.send(Failed(str(error)))

    async def _tell_listening(self) -> None:
        """Until what the supervisor knows is true again, look often; then wait for the next change."""
        known = False
        while True:
            listening = bool(self._server.listening)
            if listening != known:
                known = listening
                self._channel.send(Listening(listening))
                self._served.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COUNTING):
                    await self._served.wait()
            await asyncio.sleep(_LOOKING)

    async def _tell_counters(self) -> None:
        while True:
            await asyncio.sleep(COUNTING)
            self._channel.send(Counted(0, self._metrics.counters()))
