"""What the pool knows of each address that it leads to."""

from __future__ import annotations

import asyncio

from msgspec import Struct, field

from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.traffic.relay import Relay

from .http1 import Http1Upstream
from .http2 import Http2Upstream


class Place(Struct):
    """What leads to one address. application: by whose settings; others open connections of their own.
    multiplexes: what the last connection spoke was HTTP/2."""

    application: ApplicationRuntime
    idle: list[Http1Upstream] = field(default_factory=list)
    multiplexed: list[Http2Upstream] = field(default_factory=list)
    opening: list[Opening] = field(default_factory=list)
    multiplexes: bool = False


class Opening(Struct, eq=False):
    """A connection that is being opened, and who waits for it. upgrade: for one who asks for WebSocket, so it
    is to speak HTTP/1.1."""

    upgrade: bool
    task: asyncio.Task[None] | None = None
    relays: list[Relay] = field(default_factory=list)


class Waiting(Struct):
    """One relay's wait."""

    opening: Opening
    relay: Relay

    def cancel(self) -> None:
        self.opening.relays.remove(self.relay)
        if not self.opening.relays and self.opening.task is not None:
            self.opening.task.cancel()
