"""Both ends of a relay without sockets: a server's surroundings, a transport, an application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.messages import Framing, Headers, Trailers
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.exchange import Exchange
from microgateway_engine.traffic.relay import Relay
from microgateway_engine.traffic.replies import Reply

TARGET = Address("127.0.0.1", 8080)


class Clock:
    """A loop's time, which stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> None:
        callback(*arguments)


class AtOnce:
    """Turns of a loop that end at once."""

    def at_end(self, write: Callable[[], None]) -> None:
        write()


class Wire(asyncio.Transport):
    """What is written is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    abort = close


class Application:
    """sides.UpstreamStream. said: what it was told, in order."""

    def __init__(self) -> None:
        self.writing_paused = False
        self.said: list[object] = []

    def send_request(self, request: Forward) -> None:
        self.said.append((request.method, request.target, request.body, request.complete))

    def send_data(self, data: bytes) -> None:
        self.said.append(data)

    def send_end(self, trailers: Trailers) -> None:
        self.said.append(("end", trailers))

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")

    def finish(self) -> None:
        self.said.append("finish")

    def abort(self) -> None:
        self.said.append("abort")


class Attempt:
    """A connection being opened. cancelled: nobody waits for it any more."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Surroundings:
    """A server and its pool. kept: connections to take; attempts: to open one; finished: exchanges."""

    def __init__(self, application: ApplicationRuntime | None) -> None:
        self.loop: Any = Clock()
        self.turns: Any = AtOnce()
        self.draining = False
        self.tracer: Any = None
        self.kept: list[Application] = []
        self.attempts: list[Attempt] = []
        self.ended: list[Exchange] = []
        self.floods: list[str] = []
        self._application = application

    @property
    def pool(self) -> Any:
        return self

    def take(self, _application: ApplicationRuntime, _target: Address, _relay: Relay) -> Application | None:
        return self.kept.pop() if self.kept else None

    def connect(self, _application: ApplicationRuntime, _target: Address, relay: Relay) -> Attempt:
        self.attempts.append(Attempt(relay))
        return self.attempts[-1]

    def finished(self, exchange: Exchange) -> None:
        self.ended.append(exchange)

    def application(self, _port: int) -> ApplicationRuntime | None:
        return self._application

    def received(self, _connection: object, _size: int) -> None: ...

    def closed(self, _connection: object) -> None: ...

    def flooded(self, _port: int, kind: str) -> None:
        self.floods.append(kind)


class Client:
    """sides.ClientStream. heard: what it was sent, in order."""

    def __init__(self) -> None:
        self.deadline = 0.0
        self.writing_paused = False
        self.reading_paused = False
        self.heard: list[object] = []

    def send_continue(self) -> None:
        self.heard.append(100)

    def send_reply(self, reply: Reply) -> int:
        self.heard.append(reply.status)
        return 10

    def send_head(self, status: int, _reason: bytes, _headers: Headers, _framing: Framing) -> None:
        self.heard.append(status)

    def send_data(self, data: bytes) -> None:
        self.heard.append(data)

    def send_end(self, trailers: Trailers) -> None:
        self.heard.append(("end", trailers))

    def flush(self) -> None: ...

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False

    def finished(self, response_complete: bool) -> None:
        self.heard.append("whole" if response_complete else "cut off")
