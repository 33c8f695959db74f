"""Tunnel: bytes both ways, once client and application have agreed on another protocol.

    OPEN ──a side has sent everything──► HALF_CLOSED ──the other too──► CLOSING ──both gone──► CLOSED
      └──── a side is lost, silence for too long, no configuration ──────┘

Nothing is inspected, kept or counted in time: a tunnel lives as long as somebody speaks.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from .exchange import Exchange

#: Seconds in which what was received is delivered, once a tunnel ends.
LINGER = 5.0


class State(Enum):
    OPEN = auto()
    HALF_CLOSED = auto()
    CLOSING = auto()
    CLOSED = auto()


class Surroundings(Protocol):
    """The server, and who counts what an application sends."""

    loop: asyncio.AbstractEventLoop

    def received(self, connection: Tunnel, size: int) -> None: ...

    def finished(self, exchange: Exchange) -> None: ...

    def closed(self, connection: Tunnel) -> None: ...


class Switched(Protocol):
    """The application's connection, which speaks another protocol from now on."""

    writing_paused: bool

    @property
    def transport(self) -> asyncio.Transport: ...

    def take_rest(self) -> bytes:
        """What came behind the head that changed the protocol."""

    def count(self, size: int) -> None:
        """Bytes from the application, for metrics."""


class Tunnel:
    """Takes over both connections. As a ClientConnection it has a deadline: that of silence.

    rest: what the client sent behind its request.
    """

    def __init__(
        self, server: Surroundings, exchange: Exchange, client: asyncio.Transport, application: Switched
    ) -> None:
        self._server = server
        self._exchange = exchange
        self._application = application
        self._idle_timeout = exchange.application.idle_timeout
        self.transport = client
        self.port = exchange.application.port
        self.deadline = 0.0
        self.state = State.OPEN
        self._client = _Side(client, self._from_client, self._lost)
        self._upstream = _Side(application.transport, self._from_application, self._lost)
        self._client.other, self._upstream.other = self._upstream, self._client

    def begin(self, rest: bytes, *, client_paused: bool, client_ended: bool) -> None:
        """client_paused: it takes no more at the moment. client_ended: it has closed its half."""
        client, upstream = self._client, self._upstream
        client.transport.set_protocol(client)
        upstream.transport.set_protocol(upstream)
        self._touch()
        client.transport.resume_reading()
        upstream.transport.resume_reading()
        if client_paused:
            client.pause_writing()
        if self._application.writing_paused:
            upstream.pause_writing()
        if rest:
            client.data_received(rest)
        if from_application := self._application.take_rest():
            upstream.data_received(from_application)
        if client_ended:
            client.eof_received()

    # Called by the server

    def expire(self) -> None:
        """Silence for too long, or an end that takes too long."""
        if self.state is State.CLOSING:
            self._client.transport.abort()
            self._upstream.transport.abort()
            return
        self._exchange.details = "tunnel_idle_timeout"
        self._close()

    def close_if_idle(self, since: float) -> None:
        """A tunnel cannot tell whether it is idle. It lasts until a drain ends, but not longer than its
        configuration or the terms under which its client was let in."""
        if since == math.inf:
            self._close()

    # Called by the sides

    def _from_client(self, size: int) -> None:
        self._exchange.request_body_bytes += size
        self._server.received(self, size)
        self._touch()

    def _from_application(self, size: int) -> None:
        self._exchange.response_body_bytes += size
        self._application.count(size)
        self._touch()

    def _lost(self) -> None:
        """A side has ended in one way or another."""
        client, upstream = self._client, self._upstream
        if client.lost and upstream.lost:
            if self.state is not State.CLOSED:
                self.state = State.CLOSED
                self.deadline = 0.0
                self._exchange.tunnel_ended()
                self._server.finished(self._exchange)
                self._server.closed(self)
        elif client.lost or upstream.lost or (client.ended and upstream.ended):
            self._close()
        else:
            self.state = State.HALF_CLOSED

    def _close(self) -> None:
        """Deliver what was received, then close both sides."""
        if self.state in (State.CLOSING, State.CLOSED):
            return
        self.state = State.CLOSING
        self.deadline = self._server.loop.time() + LINGER
        self._client.transport.close()
        self._upstream.transport.close()

    def _touch(self) -> None:
        if self._idle_timeout and self.state is not State.CLOSING:
            self.deadline = self._server.loop.time() + self._idle_timeout


class _Side(asyncio.Protocol):
    """One connection. ended: it has sent everything; lost: it is closed."""

    other: _Side

    def __init__(
        self, transport: asyncio.Transport, received: Callable[[int], None], changed: Callable[[], None]
    ) -> None:
        self.transport = transport
        self.ended = False
        self.lost = False
        self._received = received
        self._changed = changed

    def data_received(self, data: bytes) -> None:
        self._received(len(data))
        if not self.other.lost:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """True keeps the other direction open, where the transport can: TLS closes both."""
        self.ended = True
        other = self.other.transport
        if not self.other.lost and not other.is_closing():
            if other.can_write_eof():
                other.write_eof()
            else:
                other.close()
        self._changed()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if exc is not None and not self.other.lost:
            self.other.transport.abort()  # it broke off, and the other side is to see that
        self._changed()

    def pause_writing(self) -> None:
        if not self.other.lost:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.lost:
            self.other.transport.resume_reading()
