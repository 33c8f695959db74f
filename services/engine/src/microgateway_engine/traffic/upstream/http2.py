"""A connection to the application that speaks HTTP/2, and its streams, one for each exchange."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol, cast

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamReset,
    TrailersReceived,
)

from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    END,
    Data,
    End,
    Headers,
    Length,
    ResponseEvent,
    ResponseHead,
    Trailers,
)
from microgateway_engine.http1.reader import MAX_RESPONSE_HEAD
from microgateway_engine.http2 import heads
from microgateway_engine.http2.connection import Http2Framing
from microgateway_engine.http2.outgoing import Outgoing
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.multiplexed import Multiplexed
from microgateway_engine.traffic.relay import Relay
from microgateway_engine.traffic.sides import Processed
from microgateway_engine.traffic.turns import Turns

from .http1 import UpstreamMetrics

#: Streams on one connection, whatever the application would take.
MAX_STREAMS: Final = 250

#: Stream numbers end at 2^31 - 1 (RFC 9113 section 5.1.1).
_LAST_NUMBERS: Final = 2**31 - 1000

#: We take trailers, and gRPC asks for this field.
_TRAILERS_TAKEN: Final = (b"te", b"trailers")


class Owner(Protocol):
    """Who keeps connections: the pool."""

    metrics: UpstreamMetrics
    turns: Turns

    def forget_multiplexed(self, connection: Http2Upstream) -> None: ...


class Http2UpstreamStream:
    """The application's stream of one exchange. stream_id: 0 until the request is sent."""

    def __init__(self, connection: Http2Upstream, relay: Relay) -> None:
        self._connection = connection
        self.relay: Relay | None = relay
        self.stream_id = 0
        self.method = ""
        self.outgoing = Outgoing(connection.framing, 0)
        self.writing_paused = False
        self.reading_paused = False
        self.answered = False
        self.opens_tunnel = False
        self.received = 0
        self.expected = -1
        self.events: list[ResponseEvent] = []
        self._unacknowledged = 0

    # sides.UpstreamStream

    def send_request(self, request: Forward) -> None:
        connection = self._connection
        self.method = request.method
        self.stream_id = connection.framing.get_next_available_stream_id()
        self.outgoing = Outgoing(connection.framing, self.stream_id)
        connection.streams[self.stream_id] = self
        self.opens_tunnel = bool(request.websocket_key)
        place = request.scheme, request.authority, request.target
        if self.opens_tunnel:
            self.outgoing.head(heads.websocket_fields(*place, request.headers))
        else:
            fields = [*request.headers, _TRAILERS_TAKEN]
            self.outgoing.head(heads.request_fields(request.method, *place, fields))
        self.outgoing.data(request.body)
        if request.complete:
            self.outgoing.end(request.trailers)
        connection.push(self)

    def send_data(self, data: bytes) -> None:
        self.outgoing.data(data)
        self._connection.push(self)

    def send_end(self, trailers: Trailers) -> None:
        self.outgoing.end(trailers)
        self._connection.push(self)

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False
        self._give_window()

    def finish(self) -> None:
        self._over(ErrorCodes.NO_ERROR)

    def abort(self) -> None:
        self._over(ErrorCodes.CANCEL)

    # multiplexed.MultiplexedStream

    def hold_up(self) -> None:
        if self.relay is not None:
            self.relay.pause_request()

    def go_on(self) -> None:
        if self.relay is not None:
            self.relay.resume_request()

    def sent(self) -> None:
        """The response ends the stream, whenever the request does."""

    # Called by the connection

    def agree(self, head: ResponseHead) -> None:
        """The application opens the tunnel it was asked for."""
        if self.relay is not None:
            self.relay.tunnel_agreed(head, self)

    def deliver(self) -> None:
        """What came in one read."""
        events, self.events = self.events, []
        relay = self.relay
        if relay is not None and events:
            relay.response_events(events)
            if not self.reading_paused:
                self._give_window()

    def fail(self, status: int, details: str, processed: Processed) -> None:
        relay, self.relay = self.relay, None
        if relay is not None:
            relay.upstream_failed(status, details, processed)

    def took(self, size: int) -> None:
        self._unacknowledged += size

    def _give_window(self) -> None:
        if self.relay is not None and self._connection.acknowledge(self.stream_id, self._unacknowledged):
            self._unacknowledged = 0
            self._connection.flush_soon()

    def _over(self, code: ErrorCodes) -> None:
        self.relay = None
        self._connection.exchange_over(self, code)


class Http2Upstream(Multiplexed[Http2UpstreamStream]):
    """ready: done once the application's settings came, failed when it does not speak HTTP/2.
    idle_until: loop time until which it is kept without streams, 0 for ever."""

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, port: int) -> None:
        super().__init__(loop, owner.turns, Http2Framing(True, MAX_RESPONSE_HEAD))
        self._owner = owner
        self._port = port
        self.ready: asyncio.Future[None] = loop.create_future()
        self.idle_until = 0.0
        self._idle_timeout = 0.0
        self._going = False
        self._served = False
        self._delivering: dict[int, Http2UpstreamStream] = {}

    @property
    def has_room(self) -> bool:
        """Whether another stream may be opened."""
        framing = self.framing
        return (
            not self.closed
            and not self._going
            and len(self.streams) < min(framing.remote_settings.max_concurrent_streams, MAX_STREAMS)
            and framing.highest_outbound_stream_id < _LAST_NUMBERS
        )

    @property
    def takes_tunnels(self) -> bool:
        """Whether the application said that extended CONNECT may be used (RFC 8441 section 3)."""
        return self.framing.remote_settings.enable_connect_protocol == 1

    def start(self, relay: Relay, application: ApplicationRuntime) -> Http2UpstreamStream:
        """A stream for an exchange."""
        self._idle_timeout = application.upstream_idle_timeout
        self.idle_until = 0.0
        return Http2UpstreamStream(self, relay)

    def go_away(self) -> None:
        """Nobody needs it any more; streams under way finish."""
        self._going = True
        self._close_if_done()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self._opened = time.monotonic()
        self._owner.metrics.upstream_opened(self._port)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._owner.metrics.upstream_received(self._port, len(data))
        if not self.closed:
            self.receive(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self.closed = True
        self._owner.metrics.upstream_closed(self._port, time.monotonic() - self._opened)
        self._owner.forget_multiplexed(self)
        self._fail_streams("upstream_connection_closed")

    # multiplexed.Multiplexed

    def handle(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._head(event.stream_id, event.headers, event.stream_ended is not None)
            case DataReceived():
                self._data(event)
            case TrailersReceived():
                self._trailers(event.stream_id, event.headers)
            case StreamReset():
                self._reset(event)
            case ConnectionTerminated():
                self._terminated(event.last_stream_id or 0)
            case RemoteSettingsChanged():
                if not self.ready.done():
                    self.ready.set_result(None)
            case _:
                pass

    def handled(self) -> None:
        delivering, self._delivering = self._delivering, {}
        for stream in delivering.values():
            stream.deliver()
        self._close_if_done()

    def flooded(self, kind: str) -> None:
        self.handled()
        self._fail_streams(f"upstream_protocol_error: {kind}")

    def end_streams(self) -> None:
        self._owner.forget_multiplexed(self)
        self._fail_streams("upstream_connection_closed")

    # Responses

    def _head(self, stream_id: int, fields: Headers, ended: bool) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        try:
            head = heads.response_head(fields, ended, stream.method)
        except ProtocolError as error:
            self._malformed(stream, error)
            return
        stream.answered = True
        if stream.opens_tunnel and 200 <= head.status < 300:
            stream.agree(head)
        else:
            if isinstance(head.framing, Length):
                stream.expected = head.framing.size
            stream.events.append(head)
        self._delivering[stream_id] = stream
        if ended:
            self._ended(stream, END)

    def _data(self, event: DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return
        stream.received += len(event.data)
        ended = event.stream_ended is not None
        if 0 <= stream.expected < stream.received or (ended and 0 <= stream.expected != stream.received):
            self._malformed(stream, ProtocolError(502, "a body that is not as long as its Content-Length"))
            return
        if event.data:
            stream.events.append(Data(event.data))
        stream.took(event.flow_controlled_length)
        self._delivering[event.stream_id] = stream
        if ended:
            self._ended(stream, END)

    def _trailers(self, stream_id: int, fields: Headers) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        try:
            end = End(heads.trailers(fields, 502))
        except ProtocolError as error:
            self._malformed(stream, error)
            return
        if 0 <= stream.expected != stream.received:
            self._malformed(stream, ProtocolError(502, "a body that is not as long as its Content-Length"))
            return
        self._delivering[stream_id] = stream
        self._ended(stream, end)

    def _ended(self, stream: Http2UpstreamStream, end: End) -> None:
        self._served = True
        self.earned()
        stream.events.append(end)

    def _malformed(self, stream: Http2UpstreamStream, error: ProtocolError) -> None:
        """RFC 9113 section 8.1.1: an error of the stream."""
        stream.deliver()
        self.reset(stream, ErrorCodes.PROTOCOL_ERROR)
        stream.fail(502, f"upstream_protocol_error: {error.reason}", Processed.PERHAPS)

    def _reset(self, event: StreamReset) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return
        stream.deliver()
        self.drop(stream)
        refused = event.error_code == ErrorCodes.REFUSED_STREAM
        stream.fail(502, "upstream_reset", Processed.NO if refused else Processed.PERHAPS)

    def _terminated(self, last_stream: int) -> None:
        """RFC 9113 section 6.8: what came after that stream was not looked at."""
        self._going = True
        self._owner.forget_multiplexed(self)
        for stream in [each for each in self.streams.values() if each.stream_id > last_stream]:
            self.drop(stream)
            stream.fail(502, "upstream_connection_closed", Processed.NO)

    # The end

    def exchange_over(self, stream: Http2UpstreamStream, code: ErrorCodes) -> None:
        """The relay is done with a stream."""
        if stream.stream_id not in self.streams:
            return
        if stream.outgoing.done and code is ErrorCodes.NO_ERROR:
            self.drop(stream)
        else:
            self.reset(stream, code)
        if not self.streams and self._idle_timeout:
            self.idle_until = self.loop.time() + self._idle_timeout
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._going and not self.streams and not self.closed:
            self.framing.go_away(ErrorCodes.NO_ERROR, 0)
            self.close()

    def _fail_streams(self, details: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(ProtocolError(502, details))
            self.ready.exception()  # whoever waited may be gone
        for stream in list(self.streams.values()):
            self.drop(stream)
            stale = self._served and not stream.answered
            stream.fail(502, details, Processed.HARDLY if stale else Processed.PERHAPS)
