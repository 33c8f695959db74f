"""A connection to the application that speaks HTTP/1.1. It carries one exchange at a time, so it is that
exchange's stream as well."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, cast

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    END,
    Data,
    End,
    NoBody,
    ResponseEvent,
    ResponseHead,
    Streamed,
    Trailers,
)
from microgateway_engine.http1.heads import write_last_chunk, write_request_head
from microgateway_engine.http1.reader import NeedData, ResponseReader
from microgateway_engine.http1.websocket import KEY, UPGRADE_LINES
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.forwarding import first
from microgateway_engine.traffic.relay import Relay, TunnelState
from microgateway_engine.traffic.sides import Processed
from microgateway_engine.traffic.turns import ENOUGH, Turns

from .opening import TlsMetrics

_WITH_CONTENT = frozenset(("POST", "PUT", "PATCH"))
_CHUNKED = b"transfer-encoding: chunked\r\n"


class UpstreamMetrics(TlsMetrics, Protocol):
    """Counters of the application's side, by its port."""

    def upstream_opened(self, port: int) -> None: ...

    def upstream_connected(self, port: int, seconds: float) -> None:
        """Opening a connection took so long."""

    def upstream_closed(self, port: int, seconds: float) -> None:
        """A connection lived so long."""

    def upstream_received(self, port: int, size: int) -> None: ...

    def upstream_connect_failed(self, port: int) -> None: ...


class Owner(Protocol):
    """Who keeps connections while they carry no exchange: the pool."""

    metrics: UpstreamMetrics
    turns: Turns

    def put_back(self, connection: Http1Upstream) -> None: ...

    def see_off(self, connection: Http1Upstream) -> None:
        """It closes once everything is delivered; when that takes too long, cut it off."""

    def forget(self, connection: Http1Upstream) -> None: ...


class Http1Upstream(asyncio.Protocol):
    """relay: whose exchange it carries. place: where the pool keeps it. idle_timeout: seconds it may be kept
    unused, 0 for ever; idle_until: loop time, 0 for ever."""

    def __init__(self, owner: Owner, target: Address, port: int) -> None:
        self._owner = owner
        self._port = port
        self.target = target
        self.relay: Relay | None = None
        self.place: object = None
        self.closed = False
        self.writing_paused = False
        self.idle_timeout = 0.0
        self.idle_until = 0.0
        self._reader = ResponseReader()
        self._served = 0
        self._answered = False
        self._reusable = False
        self._chunked = False
        self._tunnel = False
        self._reading_paused = False
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._opened = 0.0
        self._transport: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def start(self, relay: Relay, application: ApplicationRuntime) -> None:
        """Carry an exchange from now on."""
        self.relay = relay
        self.idle_timeout = application.upstream_idle_timeout
        self._answered = False
        self._served += 1

    # sides.UpstreamStream

    def send_request(self, request: Forward) -> None:
        self._reader.method = request.method
        self._reader.may_upgrade = request.upgrade
        chunked = self._chunked = isinstance(request.framing, Streamed)
        data = write_request_head(
            request.method,
            request.target,
            request.authority,
            request.headers,
            _CHUNKED if chunked else _lines(request),
        )
        body = request.body
        if chunked:
            if body:
                data = b"%b%x\r\n%b\r\n" % (data, len(body), body)
            if request.complete:
                data += write_last_chunk(request.trailers)
        elif body:
            data += body
        self._write(data)

    def send_data(self, data: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def send_end(self, trailers: Trailers) -> None:
        if self._chunked:
            self._write(write_last_chunk(trailers))
        elif self._tunnel and not self.closed:
            self._write_out()
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    def pause_reading(self) -> None:
        if not self.closed:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and not self.closed:
            self._reading_paused = False
            self.transport.resume_reading()

    def finish(self) -> None:
        self.relay = None
        if self.closed:
            return
        if self._tunnel:
            self._leave_tunnel()
            return
        self.resume_reading()
        if self._reusable and self._reader.between_messages and not self.writing_paused:
            self._owner.put_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        self.relay = None
        self.closed = True
        self.transport.abort()

    # tunnel.Switched

    def take_rest(self) -> bytes:
        return self._reader.take_rest()

    def count(self, size: int) -> None:
        self._owner.metrics.upstream_received(self._port, size)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._opened = time.monotonic()
        self._owner.metrics.upstream_opened(self._port)

    def data_received(self, data: bytes) -> None:
        self._owner.metrics.upstream_received(self._port, len(data))
        relay = self.relay
        if relay is None:
            self.abort()  # bytes nobody asked for
            return
        if self._tunnel:
            relay.response_events([Data(data)])
            return
        self._answered = True
        reader = self._reader
        reader.feed(data)
        events: list[ResponseEvent] = []
        try:
            while True:
                event = reader.next_event()
                if isinstance(event, NeedData):
                    break
                if isinstance(event, ResponseHead) and event.status == 101:
                    self._switch(relay, event)
                    return
                events.append(event)
                if isinstance(event, End):
                    break
        except ProtocolError as error:
            if events:
                relay.response_events(events)
            self.abort()
            relay.upstream_failed(502, f"upstream_protocol_error: {error.reason}", Processed.PERHAPS)
            return
        if events:
            first_event = events[0]
            if isinstance(first_event, ResponseHead):
                self._reusable = first_event.keep_alive
            relay.response_events(events)

    def eof_received(self) -> bool:
        """True keeps our half of a tunnel open, where the transport can: TLS closes both."""
        relay = self.relay
        if not self._tunnel or relay is None:
            return False
        relay.response_events([END])
        return self.relay is not None and self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._owner.metrics.upstream_closed(self._port, time.monotonic() - self._opened)
        self._owner.forget(self)
        relay, self.relay = self.relay, None
        if relay is None:
            return
        if self._tunnel:
            if exc is None and relay.tunnel is TunnelState.OPEN:
                relay.response_events([END])
            if not relay.over:
                relay.upstream_failed(502, "upstream_connection_closed", Processed.PERHAPS)
        elif exc is None and self._reader.end_of_stream():
            relay.response_events([End()])
        else:
            stale = not self._answered and self._served > 1
            relay.upstream_failed(
                502, "upstream_connection_closed", Processed.HARDLY if stale else Processed.PERHAPS
            )

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self.relay is not None:
            self.relay.pause_request()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self.relay is not None:
            self.relay.resume_request()

    def _switch(self, relay: Relay, head: ResponseHead) -> None:
        """101: what follows is no HTTP. It belongs to a tunnel that has both connections, or this stream."""
        if not relay.exchange.opens_tunnel:
            relay.upgraded(head, self)
            return
        self._tunnel = True
        relay.tunnel_agreed(head, self)
        rest = self._reader.take_rest()
        if rest and not relay.over:
            relay.response_events([Data(rest)])

    def _leave_tunnel(self) -> None:
        """Deliver what was received, within limits."""
        self._write_out()
        self.closed = True
        self.transport.close()
        self._owner.see_off(self)

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > ENOUGH:
            self._write_out()
        elif len(self._out) == 1:
            self._owner.turns.at_end(self._write_out)

    def _write_out(self) -> None:
        out, self._out = self._out, []
        self._out_bytes = 0
        if out and not self.closed:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))


def _lines(request: Forward) -> bytes:
    """That it asks for another protocol, or that there is no content where a method may have some (RFC 9110
    section 8.6), which HTTP/2 need not say."""
    if request.upgrade:
        key = request.websocket_key
        return b"%b%b: %b\r\n" % (UPGRADE_LINES, KEY, key) if key else UPGRADE_LINES
    none_said = (
        request.method in _WITH_CONTENT
        and isinstance(request.framing, NoBody)
        and first(request.headers, b"content-length") is None
    )
    return b"content-length: 0\r\n" if none_said else b""
