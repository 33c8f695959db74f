"""A client's connection that speaks HTTP/2: many requests at once, each with a relay of its own.

A stream lives from its HEADERS until its response has gone out and its request has come, or either side
resets it. The connection lives until the client closes it, it was idle for too long, or it said GOAWAY and
its last stream ended.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamReset,
    TrailersReceived,
)

from microgateway_common.settings import Address
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    UNTIL_CLOSE,
    Framing,
    Headers,
    Length,
    RequestHead,
    Trailers,
)
from microgateway_engine.http2 import heads
from microgateway_engine.http2.connection import MAX_STREAMS, Http2Framing
from microgateway_engine.http2.outgoing import Outgoing
from microgateway_engine.traffic.exchange import Exchange, Peer, allows_connect
from microgateway_engine.traffic.multiplexed import Multiplexed
from microgateway_engine.traffic.relay import Relay, TunnelState
from microgateway_engine.traffic.replies import Reply

from .http1 import LINGER
from .surroundings import Surroundings

#: A header list may be this much larger than the limit above which requests get 431, as the peer counts it:
#: RFC 9113 section 6.5.2 adds 32 bytes for each field. Above that the connection ends.
_MORE_HEADERS: Final = 16 * 1024

#: Last stream of a GOAWAY that only announces another (RFC 9113 section 6.8).
_ANY_STREAM: Final = 2**31 - 1

#: Loop time that has always passed: the sweep looks at the connection each time.
_EACH_SWEEP: Final = 1e-9

#: Seconds a client has for what is left of a response when nothing else limits it.
_TAIL: Final = 300.0


class Http2Stream:
    """The client stream of one exchange. request_complete: END_STREAM has come. whole: the relay knows that
    nothing more comes. received: bytes of the body; expected: by its Content-Length, -1 without."""

    def __init__(self, connection: Http2Connection, stream_id: int) -> None:
        self.stream_id = stream_id
        self.outgoing = Outgoing(connection.framing, stream_id)
        self.deadline = 0.0
        self.writing_paused = connection.writing_paused
        self.reading_paused = False
        self.relay: Relay | None = None
        self.request_complete = False
        self.whole = False
        self.received = 0
        self.expected = -1
        self._unacknowledged = 0
        self._connection = connection

    # sides.ClientStream

    def send_continue(self) -> None:
        self._connection.framing.send_headers(self.stream_id, [(b":status", b"100")])
        self._connection.flush_soon()

    def send_reply(self, reply: Reply) -> int:
        fields = heads.response_fields(reply.status, reply.headers)
        self.outgoing.head(fields)
        self.outgoing.data(reply.body)
        self.outgoing.end(())
        return heads.size_of(fields)

    def send_head(self, status: int, reason: bytes, headers: Headers, framing: Framing) -> None:  # noqa: ARG002
        self.outgoing.head(heads.response_fields(status, headers))

    def send_data(self, data: bytes) -> None:
        self.outgoing.data(data)

    def send_end(self, trailers: Trailers) -> None:
        self.outgoing.end(trailers)

    def flush(self) -> None:
        self._connection.push(self)

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            self._give_window()

    def finished(self, response_complete: bool) -> None:
        self._connection.exchange_over(self, response_complete)

    # multiplexed.MultiplexedStream

    def hold_up(self) -> None:
        if self.relay is not None:
            self.relay.pause_response()

    def go_on(self) -> None:
        if self.relay is not None:
            self.relay.resume_response()

    def sent(self) -> None:
        self._connection.response_sent(self)

    # The request's body

    def took(self, size: int) -> None:
        """Bytes that count against the window were passed on."""
        self._unacknowledged += size
        if not self.reading_paused:
            self._give_window()

    def _give_window(self) -> None:
        if not self.request_complete and self._connection.acknowledge(self.stream_id, self._unacknowledged):
            self._unacknowledged = 0
            self._connection.flush_soon()


class Http2Connection(Multiplexed[Http2Stream]):
    """deadline: loop time at which `expire` is due, 0 for never."""

    def __init__(
        self,
        server: Surroundings,
        transport: asyncio.Transport,
        target: Address,
        port: int,
        peer: Peer,
    ) -> None:
        application = server.application(port)
        self._max_head = 0 if application is None else application.max_head
        #: What this client was told; a setting cannot be taken back (RFC 8441 section 3).
        self._allow_connect = application is not None and allows_connect(application.protocol)
        framing = Http2Framing(False, 2 * self._max_head + _MORE_HEADERS, allow_connect=self._allow_connect)
        super().__init__(server.loop, server.turns, framing)
        self.transport = transport
        self._server = server
        self._target = target
        self._target_text = str(target)
        self.port = port
        self._peer = peer
        self._going = False
        self._announced = False
        self._midway = False
        self._last_stream = _ANY_STREAM
        self._idle_since = 0.0
        self.deadline = 0.0
        self.flush()
        self._await_stream()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._server.received(self, len(data))
        if self.closed:
            return
        self.receive(data)
        if self.framing.midway != self._midway and not self.streams and not self.closed:
            self._await_stream()

    def eof_received(self) -> bool:
        """A client that sends nothing more may still wait for responses."""
        self._going = True
        return bool(self.streams) and not self.closed

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self.closed = True
        self.end_streams()
        self._server.closed(self)

    # Called by the server

    def expire(self) -> None:
        """A deadline has passed: that of the connection, or perhaps one of a stream."""
        if self.closed:
            self.transport.abort()
            return
        if not self.streams:
            self._go_away(ErrorCodes.NO_ERROR)
            self.close()
            return
        now = self.loop.time()
        for stream in [each for each in self.streams.values() if 0 < each.deadline <= now]:
            if stream.relay is not None:
                stream.relay.expire()
            else:
                self._reset(stream, ErrorCodes.CANCEL)
        self.flush_soon()

    def close_if_idle(self, since: float) -> None:
        """See surroundings.ClientConnection. Who is not idle hears that its next request goes elsewhere."""
        if self.closed:
            return
        if not self._going:
            self._go_away(ErrorCodes.NO_ERROR)
        if since == math.inf:
            # Tunnels cannot tell whether they are idle; they last no longer than what let their clients in.
            for relay in [stream.relay for stream in self.streams.values()]:
                if relay is not None and relay.tunnel is not TunnelState.CLOSED:
                    relay.close_tunnel()
        if not self.streams and self._idle_since <= since:
            self.close()

    # multiplexed.Multiplexed

    def handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event.stream_id, event.headers, event.stream_ended is not None)
            case DataReceived():
                self._data(event)
            case TrailersReceived():
                self._trailers(event.stream_id, event.headers)
            case StreamReset():
                stream = self.streams.get(event.stream_id)
                if stream is not None:
                    self._abandon(stream)
                    self._rest()
            case ConnectionTerminated():
                self._going = True
                self._rest()
            case _:
                pass

    def flooded(self, kind: str) -> None:
        self._server.flooded(self.port, kind)

    def leave(self) -> None:
        """Closing at once could reset the connection before the client has read why."""
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.deadline = self.loop.time() + LINGER
        self.transport.write_eof()

    def end_streams(self) -> None:
        for stream in list(self.streams.values()):
            self._abandon(stream)

    # Requests

    def _begin(self, stream_id: int, fields: Headers, ended: bool) -> None:
        application = self._server.application(self.port)
        if self._server.draining and not self._announced:
            # Clients need not lose a request: they hear it now, and until `close_if_idle` may go on.
            self._announced = True
            self.framing.go_away(ErrorCodes.NO_ERROR, _ANY_STREAM)
        if stream_id > self._last_stream or application is None or len(self.streams) >= MAX_STREAMS:
            self.refuse(stream_id)
            return
        stream = Http2Stream(self, stream_id)
        self.streams[stream_id] = stream
        self.deadline = _EACH_SWEEP
        try:
            head = heads.request_head(fields, ended, application.max_head, allow_connect=self._allow_connect)
        except ProtocolError as error:
            nothing = RequestHead("", b"", "HTTP/2", [], {}, UNTIL_CLOSE, False, heads.size_of(fields))
            stream.request_complete = ended
            self._relay(stream, Exchange(application, self._peer, nothing)).refuse_malformed(error)
            return
        stream.request_complete = ended
        if isinstance(head.framing, Length):
            stream.expected = head.framing.size
        relay = self._relay(stream, Exchange(application, self._peer, head))
        relay.begin()
        if not ended:
            self._end_if_whole(stream, relay)

    def _relay(self, stream: Http2Stream, exchange: Exchange) -> Relay:
        exchange.upstream = self._target_text
        stream.relay = relay = Relay(self._server, stream, exchange, self._target)
        return relay

    def _data(self, event: DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return
        ended = stream.request_complete = event.stream_ended is not None
        relay = stream.relay
        if relay is None:
            self._response_and_request(stream)
            return
        stream.received += len(event.data)
        wrong = 0 <= stream.expected < stream.received or (ended and 0 <= stream.expected != stream.received)
        if wrong:
            self._malformed(stream, ProtocolError(400, "a body that is not as long as its Content-Length"))
            return
        if event.data:
            relay.request_data(event.data)
        if not relay.over:
            stream.took(event.flow_controlled_length)
            self._end_if_whole(stream, relay)

    def _trailers(self, stream_id: int, fields: Headers) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        stream.request_complete = True
        relay = stream.relay
        if relay is None:
            self._response_and_request(stream)
            return
        if relay.exchange.opens_tunnel:  # RFC 9113 section 8.5
            self._malformed(stream, ProtocolError(400, "fields within a tunnel"))
            return
        try:
            trailers = heads.trailers(fields, 400)
        except ProtocolError as error:
            self._malformed(stream, error)
            return
        if 0 <= stream.expected != stream.received:
            self._malformed(stream, ProtocolError(400, "a body that is not as long as its Content-Length"))
            return
        if not stream.whole:
            stream.whole = True
            relay.request_end(trailers)

    def _end_if_whole(self, stream: Http2Stream, relay: Relay) -> None:
        """A body is whole when all of its Content-Length has come: END_STREAM may follow alone, and an
        application that counts need not wait for it."""
        if not relay.over and not stream.whole:
            stream.whole = stream.request_complete or stream.received == stream.expected
            if stream.whole:
                relay.request_end()

    def _malformed(self, stream: Http2Stream, error: ProtocolError) -> None:
        """RFC 9113 section 8.1.1: an error of the stream, which may be answered first."""
        assert stream.relay is not None
        self.misused()
        if not self.closed:
            stream.relay.refuse_malformed(error)

    # The end of streams

    def exchange_over(self, stream: Http2Stream, response_complete: bool) -> None:
        """The relay is done. What is left of the response still goes out."""
        relay, stream.relay = stream.relay, None
        if not response_complete:
            # A tunnel's connection that broke off is a cancelled stream (RFC 8441 section 5).
            tunnel = relay is not None and relay.tunnel is not TunnelState.CLOSED
            self._reset(stream, ErrorCodes.CANCEL if tunnel else ErrorCodes.INTERNAL_ERROR)
            return
        self.earned()
        if stream.outgoing.done:
            self._response_and_request(stream)
        elif not stream.deadline:
            stream.deadline = self.loop.time() + _TAIL

    def response_sent(self, stream: Http2Stream) -> None:
        """END_STREAM has gone out."""
        if stream.relay is None:
            self._response_and_request(stream)

    def _response_and_request(self, stream: Http2Stream) -> None:
        """The stream is over once its response is out; nobody waits for the rest of its request."""
        if not stream.outgoing.done:
            return
        if stream.request_complete:
            self.drop(stream)
            self._rest()
        elif stream.whole:
            stream.deadline = self.loop.time() + _TAIL  # END_STREAM is all that is left to come
        else:
            self._reset(stream, ErrorCodes.NO_ERROR)  # RFC 9113 section 8.1

    def _reset(self, stream: Http2Stream, code: ErrorCodes) -> None:
        self.reset(stream, code)
        self._abandon(stream)
        self._rest()

    def _abandon(self, stream: Http2Stream) -> None:
        relay, stream.relay = stream.relay, None
        self.drop(stream)
        if relay is not None:
            relay.abandon()

    def _rest(self) -> None:
        """Wait for the next stream when there is no other, or close."""
        if self.streams or self.closed:
            return
        if self._going:
            self.loop.call_soon(self._close_when_empty)
        else:
            self._await_stream()

    def _close_when_empty(self) -> None:
        if not self.streams:
            self.close()

    def _await_stream(self) -> None:
        self._idle_since = self.loop.time()
        self._midway = self.framing.midway
        application = self._server.application(self.port)
        if application is None:
            self.close()
            return
        seconds = application.head_timeout if self._midway else application.idle_timeout
        self.deadline = self._idle_since + seconds if seconds else 0.0

    def _go_away(self, code: ErrorCodes) -> None:
        """No stream after those that came."""
        self._going = True
        self._last_stream = self.framing.highest_inbound_stream_id
        self.framing.go_away(code, self._last_stream)
        self.flush_soon()
