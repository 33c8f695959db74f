"""Opening a connection to the application, in cleartext or with TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar, cast

from microgateway_common.ir.tls import Cleartext
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.errors import ProtocolError

#: Seconds the application may take to answer our close_notify.
SHUTDOWN_TIMEOUT = 2.0


class TlsMetrics(Protocol):
    """Handshakes with applications, by their ports."""

    def upstream_tls_established(self, port: int, version: str, cipher: str, resumed: bool) -> None: ...

    def upstream_tls_failed(self, port: int, cause: str) -> None:
        """cause: a metric label."""


P = TypeVar("P", bound=asyncio.Protocol)


async def open_connection(
    loop: asyncio.AbstractEventLoop,
    metrics: TlsMetrics,
    application: ApplicationRuntime,
    target: Address,
    make: Callable[[str], P],
    *,
    upgrade: bool = False,
) -> P:
    """make: the protocol for what ALPN has negotiated, empty in cleartext or without. upgrade: the connection
    is to become WebSocket, so HTTP/1.1 is all that is offered.

    Raises OSError when there is no connection, and ProtocolError when there is no TLS on it.
    """
    tls = application.upstream_tls
    if isinstance(tls, Cleartext):
        _, protocol = await loop.create_connection(lambda: make(""), target.host, target.port)
        return protocol
    # For an address, which a redirect gives, no name is sent (RFC 6066 section 3): the application in our
    # pod has one certificate.
    try:
        _, choice = await loop.create_connection(
            lambda: _Choice(make),
            target.host,
            target.port,
            ssl=tls.http1 if upgrade else tls.context,
            server_hostname=target.host,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
        )
    except ssl.SSLError as error:
        metrics.upstream_tls_failed(application.port, _cause(error))
        raise ProtocolError(503, "upstream_connect_tls_failure") from error
    assert choice.chosen is not None
    version, cipher, resumed = choice.negotiated
    metrics.upstream_tls_established(application.port, version, cipher, resumed)
    return choice.chosen


#: Causes by what OpenSSL calls the reason; a metric label.
_CAUSES: Final = {
    "WRONG_VERSION_NUMBER": "not_tls",
    "UNSUPPORTED_PROTOCOL": "unsupported_version",
    "NO_CIPHERS_AVAILABLE": "no_shared_cipher",
}


def _cause(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    return _CAUSES.get(reason, "alert_of_application" if "ALERT" in reason else "failed")


class _Choice(asyncio.Protocol, Generic[P]):
    """Becomes another protocol when the handshake is over, before the first byte comes."""

    def __init__(self, make: Callable[[str], P]) -> None:
        self._make = make
        self.chosen: P | None = None
        self.negotiated: tuple[str, str, bool] = "", "", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        connection = transport.get_extra_info("ssl_object")
        cipher = connection.cipher()
        self.negotiated = connection.version() or "", cipher[0] if cipher else "", connection.session_reused
        self.chosen = chosen = self._make(connection.selected_alpn_protocol() or "")
        transport.set_protocol(chosen)
        chosen.connection_made(transport)
