"""The server: listens while there is a configuration, sweeps deadlines, drains."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
from collections.abc import Callable

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime, Runtime
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_engine.tls.session import TlsSession

from .admission import Admissions
from .destination import Destination, Destinations, Refused
from .doorway import Doorway
from .downstream.surroundings import ClientConnection
from .exchange import Exchange
from .listener import Listener
from .turns import Turns
from .upstream.pool import UpstreamPool

logger = logging.getLogger(__name__)

#: Seconds between sweeps of deadlines; timeouts are kept with this precision.
SWEEP = 0.5

#: Connections of clients at once; more are closed at once, so that those there go on.
MAX_CONNECTIONS = 50_000

#: Seconds in which responses tell clients that their connections close.
FAREWELL = 1.0

#: Seconds between looks for clients that have been silent for long enough.
LAST_LOOKS = 0.1

#: A pod without IPv6 serves IPv4 alone.
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Server:
    """What the connections of one worker share (surroundings.Surroundings).

    on_threats: gets each finished exchange in which inspection found something.
    """

    def __init__(
        self,
        addresses: tuple[Address, ...],
        destinations: Destinations,
        metrics: Metrics,
        sink: LineSink,
        *,
        shared: bool = False,
    ) -> None:
        """shared: other workers listen at the same addresses."""
        self.loop = asyncio.get_running_loop()
        self.turns = Turns(self.loop)
        self.pool = UpstreamPool(self.loop, self.turns, metrics)
        self.draining = False
        self.on_threats: Callable[[Exchange], None] = _nobody_asks
        self.tracer = metrics.tracer
        self._addresses = addresses
        self._shared = shared
        self._destinations = destinations
        self._metrics = metrics
        self._sink = sink
        self._runtime: Runtime | None = None
        self._ports: frozenset[int] = frozenset()
        #: With the loop's time at which each began.
        self._connections: dict[ClientConnection, float] = {}
        self._listeners: list[Listener] = []
        self._admissions = Admissions(self)
        self._changed = asyncio.Event()
        self._all_closed = asyncio.Event()
        self._all_closed.set()

    @property
    def listening(self) -> tuple[Address, ...]:
        """Where the server listens at the moment."""
        return tuple(listener.address for listener in self._listeners)

    def serve(self, runtime: Runtime | None) -> None:
        """Serve this configuration from now on; None refuses all connections.

        Requests under way keep the one they began with.
        """
        self._runtime = runtime
        self._ports = frozenset() if runtime is None else frozenset(runtime.applications)
        self._admissions.change(runtime)
        self._changed.set()

    async def listen(self) -> None:
        """Listen whenever there is a configuration, forever. Raises OSError when an address is taken."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._runtime is None:
                await self._stop_listening()
                for connection in list(self._connections):
                    connection.close_if_idle(since=math.inf)
            elif not self._listeners and not self.draining:
                await self._start_listening()

    async def sweep(self) -> None:
        """Act on deadlines that passed, forever."""
        while True:
            await asyncio.sleep(SWEEP)
            now = self.loop.time()
            for connection in [each for each in self._connections if 0 < each.deadline <= now]:
                connection.expire()
            self.pool.sweep(now)

    async def drain(self, seconds: float) -> None:
        """Finish what is under way, for at most this long, then close everything.

        A connection that closes while its client sends a request loses it. So responses say first that
        theirs is closing, and only clients that stay silent for FAREWELL seconds are closed without a word.
        """
        self.draining = True
        deadline = self.loop.time() + seconds
        await self._all_closed_within(min(FAREWELL, seconds))
        await self._stop_listening()
        while self._connections and (now := self.loop.time()) < deadline:
            for connection in list(self._connections):
                connection.close_if_idle(since=now - FAREWELL)
            await self._all_closed_within(min(LAST_LOOKS, deadline - now))
        if self._connections:
            logger.warning("%d connections cut off at the end of the drain time", len(self._connections))
        for connection in list(self._connections):
            connection.transport.abort()
        self.pool.close()

    async def _all_closed_within(self, seconds: float) -> None:
        """Return when no connection is left, or that time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_closed.wait()

    def doorway(self) -> Doorway:
        """For a connection that a client has just opened."""
        return Doorway(self, self._admissions)

    # surroundings.Surroundings

    def destination(self, transport: asyncio.Transport) -> Destination | Refused:
        if len(self._connections) >= MAX_CONNECTIONS:
            refused = Refused(f"more than {MAX_CONNECTIONS} connections")
        else:
            destination = self._destinations.of(transport, self._ports)
            if isinstance(destination, Destination):
                return destination
            refused = destination
        self._metrics.refused_connections += 1
        logger.debug("connection refused: %s", refused.reason)
        return refused

    def application(self, port: int) -> ApplicationRuntime | None:
        runtime = self._runtime
        return None if runtime is None else runtime.applications.get(port)

    def opened(self, connection: ClientConnection) -> None:
        self._connections[connection] = self.loop.time()
        self._all_closed.clear()
        metrics = self._metrics.port(connection.port)
        metrics.connections += 1
        metrics.active += 1

    def received(self, connection: ClientConnection, size: int) -> None:
        self._metrics.port(connection.port).received += size

    def finished(self, exchange: Exchange) -> None:
        self._metrics.port(exchange.application.port).count(exchange)
        self._sink.write_line(exchange.application.access_log(exchange))
        if exchange.threats:
            self.on_threats(exchange)
        if exchange.trace is not None and self.tracer is not None:
            self.tracer.end(exchange.trace, exchange)

    def closed(self, connection: ClientConnection) -> None:
        began = self._connections.pop(connection)
        metrics = self._metrics.port(connection.port)
        metrics.active -= 1
        metrics.lives.observe((self.loop.time() - began) * 1e3)
        if not self._connections:
            self._all_closed.set()

    def replaced(self, before: ClientConnection, now: ClientConnection) -> None:
        self._connections[now] = self._connections.pop(before)

    def flooded(self, port: int, kind: str) -> None:
        self._metrics.port(port).flooded(kind)

    def tls_established(self, port: int, session: TlsSession) -> None:
        self._metrics.port(port).tls.established(session.version, session.cipher, session.resumed)

    def tls_failed(self, port: int, cause: str) -> None:
        self._metrics.port(port).tls.failed(cause)

    async def _start_listening(self) -> None:
        for address in self._addresses:
            try:
                listener = await Listener.open(self.loop, address, self.doorway, shared=self._shared)
            except OSError as error:
                if error.errno in _NO_SUCH_FAMILY and len(self._addresses) > 1:
                    logger.info("not listening on %s: %s", address, error.strerror)
                    continue
                raise
            self._listeners.append(listener)
        logger.info("listening on %s", ", ".join(map(str, self.listening)))

    async def _stop_listening(self) -> None:
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()


def _nobody_asks(exchange: Exchange) -> None:
    """Nobody wants to hear of threats."""
