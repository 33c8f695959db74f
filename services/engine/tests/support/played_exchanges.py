"""Requests through reader, exchange and the application's stream, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

import engine_configurations as configurations
import h11

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import ApplicationRuntime
from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import Data, End, NoBody, RequestHead
from microgateway_engine.http1.reader import NeedData, RequestReader
from microgateway_engine.traffic.actions import PASS_ON, Action, Forward, PassOn
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_engine.traffic.replies import Reply
from microgateway_engine.traffic.turns import Turns
from microgateway_engine.traffic.upstream.http1 import Http1Upstream, UpstreamMetrics

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)


class Loop:
    """As much of a loop as turns need."""

    def __init__(self) -> None:
        self._due: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self._due.append(call)

    def run(self) -> None:
        """What is due."""
        due, self._due = self._due, []
        for call in due:
            call()


class Wire(asyncio.Transport):
    """What an application's connection writes; stands for its pool as well."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: UpstreamMetrics = self
        self.loop = Loop()
        self.turns = Turns(cast("asyncio.AbstractEventLoop", self.loop))
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def upstream_opened(self, port: int) -> None: ...

    def upstream_connected(self, port: int, seconds: float) -> None: ...

    def upstream_closed(self, port: int, seconds: float) -> None: ...

    def upstream_received(self, port: int, size: int) -> None: ...

    def upstream_connect_failed(self, port: int) -> None: ...

    def upstream_tls_established(self, port: int, version: str, cipher: str, resumed: bool) -> None: ...

    def upstream_tls_failed(self, port: int, cause: str) -> None: ...

    def put_back(self, connection: Http1Upstream) -> None: ...

    def see_off(self, connection: Http1Upstream) -> None: ...

    def forget(self, connection: Http1Upstream) -> None: ...


def read_by_h11(data: bytes, *, cut_off: bool) -> list[str]:
    """The complete requests that another implementation finds in what was forwarded.

    cut_off: the client had not sent all of the last one.
    """
    found: list[str] = []
    while data:
        application = h11.Connection(h11.SERVER)
        application.receive_data(data)
        request, body = "", b""
        while True:
            event = application.next_event()
            if isinstance(event, h11.Request):
                request = f"{event.method.decode()} {event.target.decode()} "
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append(request + body.decode("latin-1"))
                break
            else:
                assert cut_off, f"half a request was forwarded: {data!r}"
                return found
        data = application.trailing_data[0]
    return found


def play(pieces: Iterable[bytes], application: ApplicationRuntime) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Statuses (200 for what is forwarded) and what is forwarded, when a stream comes in these pieces."""
    reader = RequestReader(application.max_head)
    wire = Wire()
    upstream = Http1Upstream(wire, Address("127.0.0.1", 1), configurations.PORT)
    upstream.connection_made(wire)
    statuses: list[int] = []
    exchange: Exchange | None = None

    def answered(action: Action) -> bool:
        if isinstance(action, Forward):
            upstream.send_request(action)
        if isinstance(action, Reply):
            statuses.append(action.status)
        return isinstance(action, Reply)

    def result() -> tuple[tuple[int, ...], tuple[str, ...]]:
        wire.loop.run()
        cut_off = exchange is not None and not exchange.request_complete
        return tuple(statuses), tuple(read_by_h11(b"".join(wire.written), cut_off=cut_off))

    for piece in pieces:
        reader.feed(piece)
        try:
            while not isinstance(event := reader.next_event(), NeedData):
                match event:
                    case RequestHead():
                        exchange = Exchange(application, PEER, event)
                        if answered(exchange.begin()):
                            if exchange.malformed or not exchange.request_complete or not event.keep_alive:
                                return result()
                            exchange = None
                        keep_alive, framing = event.keep_alive, event.framing
                    case Data(data):
                        assert exchange is not None
                        action = exchange.request_data(data)
                        if isinstance(action, PassOn):
                            upstream.send_data(data)
                        else:
                            assert not answered(action)
                    case End(trailers):
                        if exchange is not None:
                            action = PASS_ON if exchange.request_complete else exchange.request_end(trailers)
                            if isinstance(action, PassOn) and not isinstance(framing, NoBody):
                                upstream.send_end(exchange.request_trailers)
                            if not answered(action):
                                statuses.append(200)
                            if not keep_alive:
                                return result()
        except ProtocolError as error:
            statuses.append(error.status)
            break
    return result()
