"""A client's connection while TLS is established.

accepted ─► handshake ─► client check ─► the protocol that ALPN has chosen
               └───────────────┴── refused, or too slow: closed, counted by cause
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final, cast

from microgateway_engine.tls.context import ServerSide
from microgateway_engine.tls.identity import NotAccepted
from microgateway_engine.tls.session import TlsSession, established

from .downstream.surroundings import ClientConnection, Surroundings

logger = logging.getLogger(__name__)

#: Seconds until the handshake must be over, and a client's close_notify must have come.
TIMEOUT: Final = 10.0
SHUTDOWN_TIMEOUT: Final = 2.0

#: Serves what comes over TLS: (transport, session) to the connection that is its protocol.
Serve = Callable[[asyncio.Transport, TlsSession], ClientConnection]


class Handshake(asyncio.Protocol):
    """The server's ClientConnection until it hands over. What comes right behind the handshake waits."""

    def __init__(
        self, server: Surroundings, transport: asyncio.Transport, port: int, side: ServerSide, serve: Serve
    ) -> None:
        self._server = server
        self.transport = transport
        self.port = port
        self.deadline = 0.0  # the loop has one for handshakes
        self._side = side
        self._serve = serve
        self._early: list[bytes] = []
        self._eof = False
        self._lost = False
        self._began = server.loop.time()

    def begin(self) -> None:
        """To be called from `connection_made`, when the server knows the connection.

        start_tls is driven by hand and not by a task, which would begin it in the next turn of the loop:
        uvloop reads as soon as connection_made returns, and what a client says first would be lost.
        """
        self._steps = self._server.loop.start_tls(
            self.transport,
            self,
            self._side.context,
            server_side=True,
            ssl_handshake_timeout=TIMEOUT,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
        ).__await__()
        self._step()

    def _step(self, _waited_for: asyncio.Future[None] | None = None) -> None:
        try:
            waiting_for = next(self._steps)
        except StopIteration as end:
            self._established(end.value)
        except (OSError, asyncio.CancelledError) as error:
            self.transport.abort()
            self._refuse(_cause(error), str(error))
        else:
            waiting_for._asyncio_future_blocking = False
            waiting_for.add_done_callback(self._step)

    # The server's

    def expire(self) -> None:
        self.transport.abort()

    def close_if_idle(self, since: float) -> None:
        if self._began <= since:
            self.transport.abort()

    # asyncio.Protocol, of the decrypted side

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def eof_received(self) -> bool:
        self._eof = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self._lost = True

    def _established(self, transport: asyncio.Transport) -> None:
        connection = transport.get_extra_info("ssl_object")
        if connection is None:
            # start_tls does not raise when its transport is aborted.
            self._refuse("aborted", "the connection was closed during the handshake")
            return
        session = established(self._side, connection)
        if isinstance(session, NotAccepted):
            transport.abort()
            self._refuse(session.cause, session.details)
            return
        self._server.tls_established(self.port, session)
        if self._lost:
            self._server.closed(self)
            return
        connection = self._serve(transport, session)
        self._server.replaced(self, connection)
        protocol = cast("asyncio.Protocol", connection)
        transport.set_protocol(protocol)
        if self._early:
            protocol.data_received(b"".join(self._early))
        if self._eof:
            protocol.eof_received()

    def _refuse(self, cause: str, details: str) -> None:
        self._server.tls_failed(self.port, cause)
        logger.debug("TLS on port %d refused: %s", self.port, details, extra={"event.reason": cause})
        self._server.closed(self)


#: Causes by what OpenSSL calls the reason; a metric label, so there are few.
_CAUSES: Final = {
    "HTTP_REQUEST": "plain_http",
    "WRONG_VERSION_NUMBER": "not_tls",
    "UNSUPPORTED_PROTOCOL": "unsupported_version",
    "NO_SHARED_CIPHER": "no_shared_cipher",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
    "CERTIFICATE_VERIFY_FAILED": "certificate_refused",
}


def _cause(error: BaseException) -> str:
    match error:
        case ssl.SSLError(reason=str(reason)):
            return _CAUSES.get(reason, "alert_of_client" if "ALERT" in reason else "failed")
        case TimeoutError():
            return "timeout"
        case ConnectionError():
            # uvloop reports its own timeout as an aborted connection.
            return "timeout" if "timeout" in str(error) or "longer than" in str(error) else "client_gone"
        case _:
            return "failed"
