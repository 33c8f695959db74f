"""What a relay asks of its two sides, and of what relays share."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.messages import Framing, Headers, Trailers

from .actions import Forward
from .exchange import Exchange
from .replies import Reply

if TYPE_CHECKING:
    from microgateway_engine.telemetry.tracing.tracer import Tracer

    from .relay import Relay


class Processed(Enum):
    """Whether the application may have acted on a request that failed."""

    #: It says that it did not (RFC 9113 section 8.7): any request may be sent again.
    NO = auto()
    #: A kept connection closed without a word: one that is safe to repeat may be sent again.
    HARDLY = auto()
    PERHAPS = auto()


class ClientStream(Protocol):
    """The client's side of one exchange. What is sent goes out with the next `flush`.

    deadline: loop time at which the relay's `expire` is due, 0 for never; the relay sets it.
    writing_paused: the client takes no more at the moment. reading_paused: it is asked to wait.
    """

    deadline: float
    writing_paused: bool
    reading_paused: bool

    def send_continue(self) -> None:
        """100, at once: the client may send its body (RFC 9110 section 10.1.1)."""

    def send_reply(self, reply: Reply) -> int:
        """A whole response of the gateway's own. Returns the bytes of its head."""

    def send_head(self, status: int, reason: bytes, headers: Headers, framing: Framing) -> None: ...

    def send_data(self, data: bytes) -> None: ...

    def send_end(self, trailers: Trailers) -> None: ...

    def flush(self) -> None: ...

    def pause_reading(self) -> None:
        """The application takes no more of the request's body at the moment."""

    def resume_reading(self) -> None: ...

    def finished(self, response_complete: bool) -> None:
        """The exchange is over. When its response is not complete, the client must come to know."""


class UpstreamStream(Protocol):
    """The application's side of one exchange.

    writing_paused: the application takes no more at the moment; changes are told to the relay.
    """

    writing_paused: bool

    def send_request(self, request: Forward) -> None: ...

    def send_data(self, data: bytes) -> None: ...

    def send_end(self, trailers: Trailers) -> None: ...

    def pause_reading(self) -> None:
        """The client takes no more of the response at the moment."""

    def resume_reading(self) -> None: ...

    def finish(self) -> None:
        """Request and response are complete: the connection may serve others."""

    def abort(self) -> None:
        """Nobody wants this exchange any more."""


class Attempt(Protocol):
    """A connection that is being opened."""

    def cancel(self) -> object: ...


class Streams(Protocol):
    """Where a relay gets its stream to the application: the pool."""

    def take(self, application: ApplicationRuntime, target: Address, relay: Relay) -> UpstreamStream | None:
        """A stream on a connection that is there."""

    def connect(self, application: ApplicationRuntime, target: Address, relay: Relay) -> Attempt:
        """Open one, and tell the relay how that went. Cancel the attempt when the relay is over."""


class Surroundings(Protocol):
    """What relays share: the server."""

    loop: asyncio.AbstractEventLoop
    tracer: Tracer | None

    @property
    def pool(self) -> Streams: ...

    def finished(self, exchange: Exchange) -> None:
        """Count and log it."""
