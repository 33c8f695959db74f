"""A client's connection that speaks HTTP/1.1: it reads requests one after the other and is the client
stream of each.

IDLE ──head──► READING ──end──► AWAITING ──response end──► IDLE
                  └── refused while the client still sends ──► LINGERING ──► closed
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum, auto
from typing import Final

from microgateway_common.settings import Address
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    UNTIL_CLOSE,
    Data,
    End,
    Framing,
    Headers,
    NoBody,
    RequestHead,
    Streamed,
    Trailers,
    UntilClose,
    Version,
)
from microgateway_engine.http1.heads import write_last_chunk, write_response_head
from microgateway_engine.http1.reader import RequestReader
from microgateway_engine.http1.websocket import UPGRADE_LINES
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_engine.traffic.forwarding import first, takes_trailers
from microgateway_engine.traffic.relay import Relay
from microgateway_engine.traffic.replies import REASONS, Reply
from microgateway_engine.traffic.tunnel import Switched, Tunnel
from microgateway_engine.traffic.turns import ENOUGH

from .surroundings import Surroundings

#: Bytes of further requests that may wait while one is served.
MAX_PIPELINED = 64 * 1024

#: Seconds in which a client that was refused may stop sending and read why (RFC 9112 section 9.6).
LINGER = 2.0

#: Framings of a body that does not say its length beforehand.
_ENDLESS: Final = (Streamed, UntilClose)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_CLOSE: Final = b"connection: close\r\n"
_KEEP_ALIVE: Final = b"connection: keep-alive\r\n"

#: struct linger: on, 0 seconds. Closing then resets the connection.
_RESET: Final = struct.pack("ii", 1, 0)


class State(Enum):
    """What the connection waits for."""

    IDLE = auto()
    READING = auto()
    AWAITING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Http1Connection(asyncio.Protocol):
    """deadline: loop time at which `expire` is due, 0 for never; the relay's while there is one."""

    def __init__(
        self,
        server: Surroundings,
        transport: asyncio.Transport,
        target: Address,
        port: int,
        peer: Peer,
    ) -> None:
        self._server = server
        self.transport = transport
        self._target = target
        self._target_text = str(target)
        self.port = port
        self._peer = peer
        self._reader = RequestReader(0)
        self._relay: Relay | None = None
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flush_due = False
        self._version: Version = "HTTP/1.1"
        self._keep_alive = True
        self._chunked = False
        self._half_closed = False
        self.reading_paused = False
        self.writing_paused = False
        self.state = State.IDLE
        self._idle_since = 0.0
        self.deadline = 0.0
        self._await_request()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._server.received(self, len(data))
        if self.state is State.LINGERING or self.state is State.CLOSED:
            return
        self._reader.feed(data)
        self._read_on()

    def eof_received(self) -> bool:
        """True keeps our half open: a client may close its half and still read its responses. Not with TLS,
        where transports close both (asyncio's and uvloop's)."""
        self._half_closed = True
        self._read_on()  # requests that were waiting behind another
        if not self.transport.can_write_eof():
            return False
        return self.state is State.AWAITING or (self.writing_paused and self._reader.buffered > 0)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.abandon()
        self.state = State.CLOSED
        self._server.closed(self)

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self._relay is not None:
            self._relay.pause_response()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._relay is not None:
            self._relay.resume_response()
        if self.state is State.IDLE:
            self.resume_reading()
            self._read_on()

    # Called by the server

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = 0.0
        if self._relay is not None:
            self._relay.expire()
        elif self.state is State.IDLE and not self._reader.between_messages:
            self._refuse_unread(ProtocolError(408, "request head timeout"))
        else:
            self.transport.abort()

    def close_if_idle(self, since: float) -> None:
        """The server drains, or the pod lost its gateway. since: loop time; who has been idle for a shorter
        time may be about to send."""
        if self.state is State.IDLE and self._reader.between_messages and self._idle_since <= since:
            self.transport.close()

    # Reading requests

    def _read_on(self) -> None:
        """Pull events until bytes run out or a request waits for its response."""
        try:
            # No further request while responses wait for a client that does not read them.
            while self.state is State.READING or (self.state is State.IDLE and not self.writing_paused):
                event = self._reader.next_event()
                # Class patterns look attributes up by name each time, which shows here.
                if isinstance(event, RequestHead):
                    self._begin(event)
                elif isinstance(event, Data):
                    assert self._relay is not None
                    self._relay.request_data(event.data)
                elif isinstance(event, End):
                    assert self._relay is not None
                    self.state = State.AWAITING
                    self._relay.request_end(event.trailers)
                else:
                    self._need_data()
                    return
        except ProtocolError as error:
            self._refuse_unread(error)
            return
        if self._reader.buffered > MAX_PIPELINED and self.state in (State.IDLE, State.AWAITING):
            self.pause_reading()

    def _begin(self, head: RequestHead) -> None:
        relay = self._new_relay(head)
        if relay is None:
            return
        if isinstance(head.framing, NoBody):
            self._reader.next_event()  # its End: the head said so already
            self.state = State.AWAITING
        relay.begin()

    def _new_relay(self, head: RequestHead) -> Relay | None:
        """None when the application is not to be served any more."""
        application = self._server.application(self.port)
        if application is None:
            self._close()
            return None
        exchange = Exchange(application, self._peer, head)
        exchange.upstream = self._target_text
        self._relay = relay = Relay(self._server, self, exchange, self._target)
        relay.on_upgrade = self._tunnel
        self.state = State.READING
        self._version = head.version
        self._keep_alive = head.keep_alive
        self._chunked = False
        return relay

    def _need_data(self) -> None:
        if self.state is not State.IDLE:
            return
        if self._half_closed:
            self._close()
        elif not self._reader.between_messages:
            self._arm_head_timeout()

    def _refuse_unread(self, error: ProtocolError) -> None:
        """What came is no request, or no longer one."""
        relay = self._relay
        if relay is None:
            # A request that never ends: nobody can tell where the next one would begin.
            nothing = RequestHead("", b"", "HTTP/1.1", [], {}, UNTIL_CLOSE, False, self._reader.buffered)
            relay = self._new_relay(nothing)
        if relay is not None:
            relay.refuse_malformed(error)

    # sides.ClientStream

    def send_continue(self) -> None:
        self._out.append(_CONTINUE)
        self.flush()

    def send_reply(self, reply: Reply) -> int:
        head = write_response_head(
            reply.status, REASONS[reply.status], reply.headers, self._connection_line()
        )
        self._out += (head, reply.body)
        return len(head)

    def send_head(self, status: int, reason: bytes, headers: Headers, framing: Framing) -> None:
        chunked = False
        if isinstance(framing, _ENDLESS):
            if self._version == "HTTP/1.0":
                self._keep_alive = False  # it knows no chunks: the body ends with the connection
            else:
                self._chunked = chunked = True
        elif isinstance(framing, NoBody) and self._needs_length(status, headers):
            headers.append((b"content-length", b"0"))
        line = self._connection_line()
        self._out.append(write_response_head(status, reason, headers, _CHUNKED + line if chunked else line))

    def send_data(self, data: bytes) -> None:
        self._out.append(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        self._out_bytes += len(data)

    def send_end(self, trailers: Trailers) -> None:
        if self._chunked:
            relay = self._relay
            assert relay is not None
            taken = trailers if trailers and takes_trailers(relay.exchange.request_headers) else ()
            self._out.append(write_last_chunk(taken))

    def flush(self) -> None:
        if self._out_bytes > ENOUGH:
            self._write_out()
        elif not self._flush_due:
            self._flush_due = True
            self._server.turns.at_end(self._write_out)

    def pause_reading(self) -> None:
        if not self.reading_paused:
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.reading_paused and self.state is not State.CLOSED:
            self.reading_paused = False
            self.transport.resume_reading()

    def finished(self, response_complete: bool) -> None:
        """Go on with the next request, or close."""
        relay, self._relay = self._relay, None
        assert relay is not None
        if not response_complete:
            self._cut_off()
        elif not relay.exchange.request_complete:
            self._linger()
        elif not self._keep_alive or self._server.draining:
            if self._reader.buffered:
                self._linger()
            else:
                self._close()
        elif self._half_closed and not self._reader.buffered:
            self._close()
        else:
            self._await_request()
            self.resume_reading()
            if self._reader.buffered:
                # Not from within this call: a long pipeline must not become a deep stack.
                self._server.loop.call_soon(self._read_on)

    def _tunnel(self, reason: bytes, headers: Headers, application: Switched) -> None:
        """Another protocol from now on: the tunnel has the connection."""
        relay, self._relay = self._relay, None
        assert relay is not None
        self._out.append(write_response_head(101, reason, headers, UPGRADE_LINES))
        self._write_out()
        self.state = State.CLOSED
        tunnel = Tunnel(self._server, relay.exchange, self.transport, application)
        self._server.replaced(self, tunnel)
        tunnel.begin(
            self._reader.take_rest(), client_paused=self.writing_paused, client_ended=self._half_closed
        )

    def _connection_line(self) -> bytes:
        """What the response says about its connection (RFC 9112 section 9.6)."""
        relay = self._relay
        assert relay is not None
        exchange = relay.exchange
        if exchange.malformed or not exchange.request_complete or self._server.draining:
            self._keep_alive = False
        if not self._keep_alive:
            return _CLOSE
        return _KEEP_ALIVE if self._version == "HTTP/1.0" else b""

    def _write_out(self) -> None:
        self._flush_due = False
        out, self._out = self._out, []
        self._out_bytes = 0
        if out and not self.transport.is_closing():
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _needs_length(self, status: int, headers: Headers) -> bool:
        """From HTTP/2 comes a response without a body that does not say so."""
        relay = self._relay
        assert relay is not None
        return (
            status not in (204, 304)
            and relay.exchange.method != "HEAD"
            and first(headers, b"content-length") is None
        )

    # The end of the connection

    def _close(self) -> None:
        """When everything is written."""
        self._write_out()
        self.state = State.CLOSED
        self.transport.close()

    def _cut_off(self) -> None:
        """With a reset: a client whose response ends with its connection must see that it is not whole."""
        self._write_out()
        self.state = State.CLOSED
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _linger(self) -> None:
        """Closing at once could reset the connection before the client has read the response."""
        if self._half_closed:
            self._close()
            return
        self._write_out()
        self.state = State.LINGERING
        self._arm(LINGER)
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # Deadlines

    def _await_request(self) -> None:
        self.state = State.IDLE
        self._idle_since = now = self._server.loop.time()
        application = self._server.application(self.port)
        if application is None:
            self._close()
            return
        self._reader.max_head = application.max_head
        timeout = application.idle_timeout
        self.deadline = now + timeout if timeout else 0.0
        self._head_timeout = application.head_timeout
        self._head_armed = False

    def _arm_head_timeout(self) -> None:
        """Once for each head, so that a client that sends byte by byte gains no time."""
        if not self._head_armed and self._head_timeout:
            self._head_armed = True
            self._arm(self._head_timeout)

    def _arm(self, seconds: float) -> None:
        self.deadline = self._server.loop.time() + seconds if seconds else 0.0
