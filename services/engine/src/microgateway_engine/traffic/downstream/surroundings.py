"""What clients' connections share, and what the server asks of each."""

from __future__ import annotations

import asyncio
from typing import Protocol

from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.tls.session import TlsSession
from microgateway_engine.traffic import sides
from microgateway_engine.traffic.destination import Destination, Refused
from microgateway_engine.traffic.turns import Turns


class ClientConnection(Protocol):
    """deadline: loop time at which `expire` is due, 0 for never. port: the application's."""

    transport: asyncio.Transport
    deadline: float
    port: int

    def expire(self) -> None: ...

    def close_if_idle(self, since: float) -> None:
        """The server drains, or the pod lost its gateway. since: loop time; who has been idle for a shorter
        time may be about to send."""


class Surroundings(sides.Surroundings, Protocol):
    """The server."""

    turns: Turns

    @property
    def draining(self) -> bool:
        """No connection is to serve another request."""

    def destination(self, transport: asyncio.Transport) -> Destination | Refused:
        """Where a new connection wants to go."""

    def application(self, port: int) -> ApplicationRuntime | None:
        """The current configuration of an application; None when it is not to be served (any more)."""

    def opened(self, connection: ClientConnection) -> None: ...

    def received(self, connection: ClientConnection, size: int) -> None: ...

    def closed(self, connection: ClientConnection) -> None: ...

    def replaced(self, before: ClientConnection, now: ClientConnection) -> None:
        """A handshake is over: the same connection, served by something else from now on."""

    def flooded(self, port: int, kind: str) -> None:
        """A client's HTTP/2 connection was ended. kind: what there was too much of, a metric label."""

    def tls_established(self, port: int, session: TlsSession) -> None: ...

    def tls_failed(self, port: int, cause: str) -> None:
        """cause: a metric label."""
