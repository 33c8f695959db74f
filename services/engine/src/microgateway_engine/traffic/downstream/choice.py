"""Which protocol serves a connection.

ALPN h2 ─────────────────────────────► HTTP/2
ALPN http/1.1, or TLS without ALPN ──► HTTP/1.1
cleartext ─► as configured; if both, the first bytes tell (RFC 9113 section 3.3)
"""

from __future__ import annotations

import asyncio
from typing import Final, assert_never

from microgateway_common.ir.gateway import AutoProtocol, Http1Protocol, Http2Protocol
from microgateway_engine.traffic.destination import Destination
from microgateway_engine.traffic.exchange import Peer

from .http1 import Http1Connection
from .http2 import Http2Connection
from .surroundings import Surroundings

#: What an HTTP/2 client sends first (RFC 9113 section 3.4).
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def client_connection(
    server: Surroundings,
    transport: asyncio.Transport,
    destination: Destination,
    peer: Peer,
    negotiated: str,
) -> Http1Connection | Http2Connection | FirstBytes:
    """negotiated: by ALPN, empty without."""
    target, port = destination.target, destination.port
    application = server.application(port)
    if negotiated == "h2":
        return Http2Connection(server, transport, target, port, peer)
    if negotiated or peer.scheme == b"https" or application is None:
        return Http1Connection(server, transport, target, port, peer)
    match application.protocol:
        case Http1Protocol():
            return Http1Connection(server, transport, target, port, peer)
        case Http2Protocol():
            return Http2Connection(server, transport, target, port, peer)
        case AutoProtocol():
            return FirstBytes(server, transport, destination, peer)
        case _:
            assert_never(application.protocol)


class FirstBytes(asyncio.Protocol):
    """The server's ClientConnection until enough has come to tell; what came goes to whoever is chosen."""

    def __init__(
        self, server: Surroundings, transport: asyncio.Transport, destination: Destination, peer: Peer
    ) -> None:
        self._server = server
        self.transport = transport
        self.port = destination.port
        self._destination = destination
        self._peer = peer
        self._came = b""
        self._since = server.loop.time()
        application = server.application(self.port)
        idle = 0.0 if application is None else application.idle_timeout
        self.deadline = self._since + idle if idle else 0.0

    # The server's

    def expire(self) -> None:
        self.transport.abort()

    def close_if_idle(self, since: float) -> None:
        if not self._came and self._since <= since:
            self.transport.close()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._came = came = self._came + data if self._came else data
        if came.startswith(PREFACE):
            self._hand_over(Http2Connection)
        elif not PREFACE.startswith(came[: len(PREFACE)]):
            self._hand_over(Http1Connection)
        else:
            self._wait_for_the_rest()

    def eof_received(self) -> bool:
        if self._came:
            self._hand_over(Http1Connection).eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self._server.closed(self)

    def _wait_for_the_rest(self) -> None:
        application = self._server.application(self.port)
        if application is not None and application.head_timeout:
            self.deadline = self._since + application.head_timeout

    def _hand_over(self, serve: type[Http1Connection | Http2Connection]) -> Http1Connection | Http2Connection:
        destination = self._destination
        connection = serve(self._server, self.transport, destination.target, destination.port, self._peer)
        self._server.replaced(self, connection)
        self.transport.set_protocol(connection)
        connection.data_received(self._came)
        return connection
