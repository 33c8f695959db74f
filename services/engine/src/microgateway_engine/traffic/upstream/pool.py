"""Connections to the pod's applications, kept while they may be used again.

An HTTP/1.1 connection carries one exchange and is put back; an HTTP/2 connection stays where it is and has
room for more, or not.
"""

from __future__ import annotations

import asyncio

from microgateway_common.ir.gateway import Http2Protocol
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.traffic.exchange import Exchange, allows_connect
from microgateway_engine.traffic.relay import Relay
from microgateway_engine.traffic.sides import Attempt, Processed, UpstreamStream
from microgateway_engine.traffic.tunnel import LINGER
from microgateway_engine.traffic.turns import Turns

from .http1 import Http1Upstream, UpstreamMetrics
from .http2 import Http2Upstream
from .opening import open_connection
from .places import Opening, Place, Waiting

#: Seconds to wait for the application to accept a connection.
CONNECT_TIMEOUT = 5.0

#: Unused connections kept for each application.
MAX_IDLE = 256

#: Exchanges that wait for one HTTP/2 connection to open; more open another.
MAX_WAITING = 100


class UpstreamPool:
    """Connections by where they lead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Turns, metrics: UpstreamMetrics) -> None:
        self._loop = loop
        self.turns = turns
        self._places: dict[Address, Place] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._leaving: set[Http1Upstream] = set()
        self.metrics = metrics

    # sides.Streams

    def take(self, application: ApplicationRuntime, target: Address, relay: Relay) -> UpstreamStream | None:
        """A stream on a connection that is there, of HTTP/1.1 the most recently used first."""
        place = self._place(application, target)
        exchange = relay.exchange
        for multiplexed in place.multiplexed:
            if multiplexed.has_room and (not exchange.asks_for_upgrade or _may_tunnel(exchange, multiplexed)):
                return multiplexed.start(relay, application)
        idle = place.idle
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                connection.start(relay, application)
                return connection
        return None

    def connect(self, application: ApplicationRuntime, target: Address, relay: Relay) -> Attempt:
        """Open a connection, or wait for one that is being opened, and tell the relay how that went."""
        place = self._place(application, target)
        exchange = relay.exchange
        http2 = isinstance(application.upstream_protocol, Http2Protocol)
        upgrade = exchange.asks_for_upgrade and not (exchange.opens_tunnel and http2)
        if place.multiplexes and not upgrade:
            for opening in place.opening:
                if len(opening.relays) < MAX_WAITING:
                    opening.relays.append(relay)
                    return Waiting(opening, relay)
        opening = Opening(relays=[relay], upgrade=upgrade)
        if not upgrade:
            place.opening.append(opening)
        opening.task = task = self._loop.create_task(self._open(place, application, target, opening))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return Waiting(opening, relay)

    # http1.Owner, http2.Owner

    def put_back(self, connection: Http1Upstream) -> None:
        place = self._places.get(connection.target)
        if place is None or connection.place is not place or len(place.idle) >= MAX_IDLE:
            connection.abort()
            return
        timeout = connection.idle_timeout
        connection.idle_until = self._loop.time() + timeout if timeout else 0.0
        place.idle.append(connection)

    def see_off(self, connection: Http1Upstream) -> None:
        connection.idle_until = self._loop.time() + LINGER
        self._leaving.add(connection)

    def forget(self, connection: Http1Upstream) -> None:
        self._leaving.discard(connection)
        place = self._places.get(connection.target)
        if place is not None and connection in place.idle:
            place.idle.remove(connection)

    def forget_multiplexed(self, connection: Http2Upstream) -> None:
        for place in self._places.values():
            if connection in place.multiplexed:
                place.multiplexed.remove(connection)

    # Called by the server

    def sweep(self, now: float) -> None:
        """Close what was unused for too long. now: the loop's time."""
        for leaving in list(self._leaving):
            if leaving.idle_until <= now:
                leaving.transport.abort()
        for place in self._places.values():
            kept: list[Http1Upstream] = []
            for connection in place.idle:
                if 0 < connection.idle_until <= now:
                    connection.abort()
                else:
                    kept.append(connection)
            place.idle = kept
            for multiplexed in list(place.multiplexed):
                if 0 < multiplexed.idle_until <= now and not multiplexed.streams:
                    multiplexed.go_away()

    def close(self) -> None:
        for task in self._connecting:
            task.cancel()
        for place in list(self._places.values()):
            self._leave(place)
        self._places.clear()
        for leaving in list(self._leaving):
            leaving.transport.abort()

    def _place(self, application: ApplicationRuntime, target: Address) -> Place:
        place = self._places.get(target)
        if place is None:
            place = self._places[target] = Place(application)
            place.multiplexes = isinstance(application.upstream_protocol, Http2Protocol)
        elif place.application is not application:
            before = place.application
            if (before.upstream_tls, before.upstream_protocol) == (
                application.upstream_tls,
                application.upstream_protocol,
            ):
                place.application = application
            else:
                del self._places[target]
                self._leave(place)
                return self._place(application, target)
        return place

    def _leave(self, place: Place) -> None:
        """Its connections are used no more."""
        for connection in list(place.idle):
            connection.abort()
        for multiplexed in list(place.multiplexed):
            multiplexed.go_away()

    async def _open(
        self, place: Place, application: ApplicationRuntime, target: Address, opening: Opening
    ) -> None:
        """As many connections as those who wait need, one after the other."""
        try:
            while opening.relays:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    connection = await self._open_one(application, target, opening.upgrade)
                self._opened(place, application, opening, connection)
        except TimeoutError:
            self._failed(application.port, opening, 504, "upstream_connect_timeout")
        except ProtocolError as error:
            self._failed(application.port, opening, error.status, error.reason)
        except OSError:
            self._failed(application.port, opening, 503, "upstream_connect_failure")
        finally:
            if not opening.upgrade:
                place.opening.remove(opening)

    async def _open_one(
        self, application: ApplicationRuntime, target: Address, upgrade: bool
    ) -> Http1Upstream | Http2Upstream:
        """Raises OSError, and ProtocolError when the application does not speak what it should."""
        port = application.port  # for metrics; that of the target may be another in explicit mode

        def make(negotiated: str) -> Http1Upstream | Http2Upstream:
            if negotiated == "h2" or isinstance(application.upstream_protocol, Http2Protocol):
                return Http2Upstream(self, self._loop, port)
            return Http1Upstream(self, target, port)

        started = self._loop.time()
        connection = await open_connection(
            self._loop, self.metrics, application, target, make, upgrade=upgrade
        )
        self.metrics.upstream_connected(port, self._loop.time() - started)
        if isinstance(connection, Http2Upstream):
            try:
                await connection.ready
            except BaseException:
                connection.transport.abort()
                raise
        return connection

    def _opened(
        self,
        place: Place,
        application: ApplicationRuntime,
        opening: Opening,
        connection: Http1Upstream | Http2Upstream,
    ) -> None:
        if isinstance(connection, Http1Upstream):
            if not opening.upgrade:
                place.multiplexes = False
            connection.place = place
            relay = opening.relays.pop(0)
            connection.start(relay, application)
            relay.upstream_connected(connection)
            return
        place.multiplexes = True
        if not connection.has_room:
            connection.transport.abort()
            raise ProtocolError(503, "upstream_takes_no_streams")
        place.multiplexed.append(connection)
        while opening.relays and connection.has_room:
            relay = opening.relays.pop(0)
            if relay.exchange.opens_tunnel and not connection.takes_tunnels:
                relay.upstream_failed(502, "upstream_takes_no_websocket", Processed.PERHAPS)
            else:
                relay.upstream_connected(connection.start(relay, application))

    def _failed(self, port: int, opening: Opening, status: int, details: str) -> None:
        self.metrics.upstream_connect_failed(port)
        relays, opening.relays = opening.relays, []
        for relay in relays:
            relay.upstream_failed(status, details, Processed.PERHAPS)


def _may_tunnel(exchange: Exchange, connection: Http2Upstream) -> bool:
    """A tunnel on a stream of the application: both sides and the configuration allow it."""
    allowed = allows_connect(exchange.application.upstream_protocol)
    return exchange.opens_tunnel and allowed and connection.takes_tunnels
