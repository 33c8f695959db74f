"""Whatever frames a client sends, in whatever order: nothing raises, every exchange ends, nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine_configurations as configurations
import pytest
from fake_ends import TARGET, Application, Surroundings, Wire
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgateway_common.names import Generation
from microgateway_common.wire import Header, digest_of, encode
from microgateway_engine.config.runtime import ApplicationRuntime, Runtime, build
from microgateway_engine.http.messages import END, Data, End
from microgateway_engine.http1.heads import parse_response_head
from microgateway_engine.traffic.downstream.choice import PREFACE
from microgateway_engine.traffic.downstream.http2 import Http2Connection
from microgateway_engine.traffic.exchange import Peer
from microgateway_engine.traffic.sides import Processed

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
_PSEUDO = [(":method", "GET"), (":path", "/open"), (":scheme", "http"), (":authority", "shop")]
_HEADS = [
    Encoder().encode([*_PSEUDO, *more])
    for more in ([], [("content-length", "3")], [("expect", "100-continue")], [("Bad", "x")])
] + [Encoder().encode([("x-sum", "1")]), b"\xff\xff\xff"]

_stream = st.sampled_from([1, 1, 1, 3, 3, 5, 7, 2])
_flags = st.sets(st.sampled_from(["END_HEADERS", "END_HEADERS", "END_STREAM"]))
_frame: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        lambda stream, head, flags: HeadersFrame(stream, head, flags=[*flags, "END_HEADERS"]),
        _stream,
        st.sampled_from(_HEADS),
        _flags,
    ),
    st.builds(
        lambda stream, data, flags: DataFrame(
            stream, data, flags=[each for each in flags if each == "END_STREAM"]
        ),
        _stream,
        st.sampled_from([b"", b"abc", b"x" * 16384]),
        _flags,
    ),
    st.builds(lambda stream, code: RstStreamFrame(stream, error_code=code), _stream, st.integers(0, 20)),
    st.builds(
        lambda stream, size: WindowUpdateFrame(stream, window_increment=size),
        st.sampled_from([0, 1, 3, 5]),
        st.sampled_from([1, 65535, 2**31 - 1]),
    ),
    st.builds(
        lambda code, value: SettingsFrame(0, {code: value}),
        st.integers(1, 8),
        st.sampled_from([0, 1, 4096, 65535, 2**31 - 1]),
    ),
    st.just(SettingsFrame(0, flags=["ACK"])),
    st.just(PingFrame(0, b"12345678")),
    st.just(PriorityFrame(3, depends_on=1)),
    st.just(GoAwayFrame(0, last_stream_id=0)),
    st.builds(lambda stream: ContinuationFrame(stream, b"", flags=["END_HEADERS"]), _stream),
    st.builds(lambda stream: HeadersFrame(stream, _HEADS[0]), _stream),
)

#: What the other side does next, with the exchange it is about.
_OK = parse_response_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "GET")
_deed = st.sampled_from(
    ["head", "data", "end", "trailers", "fail", "pause", "resume", "expire", "full", "empty"]
)
_step = st.one_of(_frame, st.tuples(_deed, st.integers(0, 3)), st.binary(min_size=1, max_size=40))


class Pool(Surroundings):
    """Every relay gets an application at once."""

    def __init__(self, application: ApplicationRuntime) -> None:
        super().__init__(application)
        self.relays: list[Any] = []

    def take(self, application: Any, target: Any, relay: Any) -> Application:  # noqa: ARG002
        self.relays.append(relay)
        return Application()


@pytest.fixture(scope="module")
def application(rules: Any) -> ApplicationRuntime:

    config = configurations.gateway_config()
    runtime: Runtime = build(Header(config.gateway, Generation(1), digest_of(encode(config))), config, rules)
    return runtime.applications[configurations.PORT]


def do(connection: Http2Connection, server: Pool, deed: str, which: int) -> None:
    """One thing that the application, the transport or the clock does."""
    if deed == "full":
        connection.pause_writing()
    elif deed == "empty":
        connection.resume_writing()
    elif deed == "expire":
        server.loop.now += 1000
        connection.expire()
    alive = [relay for relay in server.relays if not relay.over]
    if which >= len(alive):
        return
    relay = alive[which]
    begun = bool(relay.exchange.answered)
    deeds: dict[str, Callable[[], None]] = {
        "head": lambda: None if begun else relay.response_events([_OK]),
        "data": lambda: relay.response_events([Data(b"x" * 30_000)] if begun else [_OK, Data(b"x")]),
        "end": lambda: relay.response_events([END] if begun else [_OK, END]),
        "trailers": lambda: relay.response_events([End(((b"x", b"1"),))] if begun else [_OK, END]),
        "fail": lambda: relay.upstream_failed(502, "upstream_reset", Processed.PERHAPS),
        "pause": relay.pause_request,
        "resume": relay.resume_request,
    }
    deeds.get(deed, lambda: None)()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_step, max_size=30))
def test_any_frames(application: ApplicationRuntime, steps: list[Any]) -> None:
    server, wire = Pool(application), Wire()
    connection = Http2Connection(server, wire, TARGET, configurations.PORT, PEER)  # type: ignore[arg-type]
    connection.data_received(PREFACE + SettingsFrame(0).serialize())
    for step in steps:
        match step:
            case Frame():
                connection.data_received(step.serialize())
            case (deed, which):
                do(connection, server, deed, which)
            case bytes():
                connection.data_received(step)
        assert connection._waiting_bytes == sum(
            stream.outgoing.size for stream in connection.streams.values()
        )
        assert set(connection._waiting) <= set(connection.streams)
    connection.connection_lost(None)
    assert connection.streams == {}
    assert connection._waiting_bytes == 0
    assert all(relay.over for relay in server.relays)
    assert len(server.ended) >= len(server.relays)
