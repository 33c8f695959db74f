"""Clients that speak HTTP/2, frame by frame, before an application that speaks HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import engine_configurations as configurations
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from h2_peers import Fields, H2Peer, connect, get
from running_gateway import Gateway, StartGateway, eventually
from scripted_origin import OriginConnection, StartOrigin

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_engine.config.runtime import Runtime

MIB = 1024 * 1024
ATTACK = "/?q=%27%20UNION%20SELECT%20a%20FROM%20b--"

#: Connects to a gateway.
Connect = Callable[[Gateway], "asyncio.Future[H2Peer]"]


@pytest.fixture
async def client_of() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def make(gateway: Gateway) -> H2Peer:
            peer = await connect(gateway.address)
            stack.callback(peer.close)
            return peer

        yield lambda gateway: asyncio.ensure_future(make(gateway))


def times(**seconds: float) -> GatewayConfig:
    return configurations.gateway_config(configurations.application(**seconds))  # type: ignore[arg-type]


# Streams


async def test_many_requests_are_served_at_once(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    together = asyncio.Barrier(50)

    async def all_at_once(connection: OriginConnection) -> None:
        head = await connection.head()
        await together.wait()
        await connection.respond(head.split(b" ")[1])

    gateway = await start_gateway((await start_origin(all_at_once)).address)
    client = await client_of(gateway)
    streams = {await client.send(get(f"/{number}")): number for number in range(50)}
    for stream, number in streams.items():
        answer = await client.answer(stream)
        assert (answer.status, answer.body) == (200, f"/{number}".encode())
    assert gateway.port_metrics.connections == 1
    lines = await gateway.log(50)
    assert {line["http"]["version"] for line in lines} == {"2"}


async def test_what_goes_to_the_application_is_that_of_http_1(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    origin = await start_origin()
    client = await client_of(await start_gateway(origin.address))
    crumbs = ("cookie", "a=1"), ("x-mine", "1"), ("cookie", "b=2")
    fields = get("/a/../b?q=tea", *crumbs, ("te", "trailers"))
    assert (await client.ask(fields)).body == b"/b?q=tea\n"
    line, *lines = origin.heads[0].decode().lower().split("\r\n")
    assert line == "get /b?q=tea http/1.1"
    assert lines[0] == "host: shop"
    assert "cookie: a=1; b=2" in lines
    assert "x-mine: 1" in lines
    assert not [
        each for each in lines if each.startswith(("te:", ":", "transfer-encoding", "content-length"))
    ]


async def test_an_attack_is_refused_and_the_others_go_on(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    origin = await start_origin()
    gateway = await start_gateway(origin.address)
    client = await client_of(gateway)
    streams = [await client.send(get(path)) for path in ("/1", ATTACK, "/2")]
    answers = [await client.answer(stream) for stream in streams]
    assert [answer.status for answer in answers] == [200, 400, 200]
    assert answers[1].headers["x-request-id"] in answers[1].body.decode()
    assert sorted(origin.targets) == [b"/1", b"/2"]
    log = await gateway.log(3)
    (blocked,) = [line for line in log if line["airlock"]["summary"]["action"] == "blocked"]
    assert blocked["http"]["response"]["status_code"] == 400


@pytest.mark.parametrize("size", [0, 1, 100_000, 3 * MIB])
@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "without"])
async def test_bodies_go_both_ways(
    size: int, announced: bool, start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    origin = await start_origin()
    client = await client_of(await start_gateway(origin.address))
    length = [("content-length", str(size))] if announced else []
    answer = await client.ask(get("/open", *length, method="PUT"), b"x" * size)
    assert answer.body == b"/open\n" + b"x" * size
    assert (b"content-length: %d\r\n" % size in origin.heads[0]) is announced


async def test_a_body_that_is_inspected_is_held(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    origin = await start_origin()
    client = await client_of(await start_gateway(origin.address))
    fields = get("/", ("content-type", "application/json"), method="POST")
    assert (await client.ask(fields, b'{"a": 1}')).body == b'/\n{"a": 1}'
    assert (await client.ask(fields, b'{"a": "; cat /etc/passwd"}')).status == 400
    assert len(origin.heads) == 1


async def test_pieces_are_passed_on_as_they_come_in_both_directions_at_once(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def answer_each_piece(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await connection.reader.readline(), 16):
            piece = await connection.reader.readexactly(size + 2)
            await connection.send(b"%x\r\n%b" % (size, piece))
        await connection.reader.readline()
        await connection.send(b"0\r\nX-Sum: 7\r\n\r\n")

    gateway = await start_gateway((await start_origin(answer_each_piece)).address)
    client = await client_of(gateway)
    stream = await client.send(get("/open", method="POST"), end=False)
    expected = b""
    for number in range(5):
        await client.send_body(stream, b"piece %d" % number, end=False)
        expected += b"piece %d" % number
        await client.until(lambda: client.body(stream) == expected)  # noqa: B023
    await client.send_body(stream, b"")
    answer = await client.answer(stream)
    assert answer.ended
    assert answer.trailers == {"x-sum": "7"}


async def test_trailers_of_a_request_reach_the_application(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    seen: list[bytes] = []

    async def note(connection: OriginConnection) -> None:
        await connection.request()
        seen.extend(connection.trailers)
        await connection.respond(b"")

    client = await client_of(await start_gateway((await start_origin(note)).address))
    stream = await client.send(get("/open", method="POST"), b"abc", end=False)
    await client.send([("x-sum", "1"), ("authorization", "no trailer")], stream_id=stream)
    assert (await client.answer(stream)).status == 200
    assert seen == [b"x-sum: 1"]


@pytest.mark.parametrize(
    ("method", "response", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "5000"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n", "5000"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
    ],
)
async def test_a_response_without_a_body_ends_with_its_head(
    method: str,
    response: bytes,
    length: str | None,
    start_origin: StartOrigin,
    start_gateway: StartGateway,
    client_of: Connect,
) -> None:
    async def answer(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(response)

    client = await client_of(await start_gateway((await start_origin(answer)).address))
    message = await client.ask(get("/", method=method))
    assert (message.body, message.headers.get("content-length")) == (b"", length)
    assert not {"connection", "transfer-encoding"} & message.headers.keys()


async def test_expect_is_answered(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    client = await client_of(await start_gateway((await start_origin()).address))
    fields = get("/open", ("expect", "100-continue"), method="PUT")
    stream = await client.send(fields, end=False)
    await client.until(lambda: client.saw("InformationalResponseReceived"))
    await client.send_body(stream, b"abc")
    assert (await client.answer(stream)).body == b"/open\nabc"


async def test_an_early_response_ends_the_upload(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def too_large(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"too large", status="413 Content Too Large")
        await connection.closed()

    client = await client_of(await start_gateway((await start_origin(too_large)).address))
    stream = await client.send(get("/open", method="PUT"), b"abc", end=False)
    answer = await client.answer(stream)
    assert (answer.status, answer.body) == (413, b"too large")
    await client.until(lambda: answer.reset == ErrorCodes.NO_ERROR)
    assert (await client.ask(get("/open"))).status == 413


@pytest.mark.parametrize("body", [b"", b"abc"])
async def test_an_answer_may_come_before_an_end_that_says_nothing_new(
    body: bytes, start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    """Clients send all of a Content-Length and then, in a frame of its own, END_STREAM."""
    origin = await start_origin()
    client = await client_of(await start_gateway(origin.address))
    for _ in range(2):
        fields = get("/open", ("content-length", str(len(body))), method="PUT")
        stream = await client.send(fields, body, end=False)
        answer = await client.answer(stream)
        assert (answer.body, answer.reset) == (b"/open\n" + body, None)
        await client.send_body(stream, b"")
    assert (await client.ask(get("/"))).status == 200
    assert client.received[stream].reset is None
    assert origin.connections == 1


async def test_half_a_response_is_reset(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def half(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    gateway = await start_gateway((await start_origin(half)).address)
    client = await client_of(gateway)
    answer = await client.ask(get("/"))
    assert (answer.status, answer.body, answer.ended) == (200, b"half", False)
    assert answer.reset == ErrorCodes.INTERNAL_ERROR
    (line,) = await gateway.log(1)
    assert line["event"]["reason"] == "upstream_connection_closed"


async def test_a_client_that_gives_up_ends_the_applications_work(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    ended = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        head = await connection.head()
        if b"/slow" in head:
            await connection.closed()
            ended.set()
        else:
            await connection.respond(b"")

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    client = await client_of(gateway)
    stream = await client.send(get("/slow"))
    await eventually(lambda: origin.heads)
    client.framing.reset_stream(stream, ErrorCodes.CANCEL)
    await client.flush()
    await asyncio.wait_for(ended.wait(), 30)
    (line,) = await gateway.log(1)
    assert line["airlock"]["summary"]["action"] == "client_gone"
    assert (await client.ask(get("/"))).status == 200


# What is malformed is an error of its stream

_MALFORMED: dict[str, tuple[Fields, bytes | None]] = {
    "no method": ([(":scheme", "http"), (":authority", "shop"), (":path", "/")], None),
    "no path": ([(":method", "GET"), (":scheme", "http"), (":authority", "shop")], None),
    "no scheme": ([(":method", "GET"), (":authority", "shop"), (":path", "/")], None),
    "no authority": ([(":method", "GET"), (":scheme", "http"), (":path", "/")], None),
    "empty path": (get(""), None),
    "relative path": (get("a"), None),
    "absolute form": (get("http://other/a"), None),
    "asterisk of a GET": (get("*"), None),
    "fragment": (get("/a#b"), None),
    "space in the path": (get("/a b"), None),
    "line break in the path": (get("/a HTTP/1.1\r\nX: y"), None),
    "doubled method": ([(":method", "GET"), *get("/")], None),
    "doubled path": ([(":path", "/b"), *get("/")], None),
    "unknown pseudo": ([(":status", "200"), *get("/")], None),
    "pseudo after a field": ([*get("/")[:3], ("a", "b"), (":path", "/")], None),
    "method no token": (get("/", method="GE T"), None),
    "upper case name": (get("/", ("X-Mine", "1")), None),
    "name with a space": (get("/", ("x mine", "1")), None),
    "name with a colon": (get("/", ("x:mine", "1")), None),
    "empty name": (get("/", ("", "1")), None),
    "line break in a value": (get("/", ("x", "a\r\nhost: evil")), None),
    "bare line feed": (get("/", ("x", "a\nb")), None),
    "nul": (get("/", ("x", "a\0b")), None),
    "space before a value": (get("/", ("x", " a")), None),
    "tab after a value": (get("/", ("x", "a\t")), None),
    "connection": (get("/", ("connection", "close")), None),
    "keep-alive": (get("/", ("keep-alive", "1")), None),
    "proxy-connection": (get("/", ("proxy-connection", "close")), None),
    "transfer-encoding": (get("/", ("transfer-encoding", "chunked"), method="POST"), b"0\r\n\r\n"),
    "upgrade": (get("/", ("upgrade", "h2c")), None),
    "te": (get("/", ("te", "gzip")), None),
    "two hosts": (get("/", ("host", "other")), None),
    "user in the authority": (
        [(":method", "GET"), (":scheme", "http"), (":authority", "me@shop"), (":path", "/")],
        None,
    ),
    "two lengths": (
        get("/", ("content-length", "1"), ("content-length", "1"), method="POST"),
        b"a",
    ),
    "signed length": (get("/", ("content-length", "+1"), method="POST"), b"a"),
    "length without a body": (get("/", ("content-length", "1"), method="POST"), None),
    "body longer than its length": (get("/open", ("content-length", "1"), method="POST"), b"ab"),
    "body shorter than its length": (get("/open", ("content-length", "3"), method="POST"), b"ab"),
}


@pytest.mark.parametrize(("fields", "body"), _MALFORMED.values(), ids=_MALFORMED)
async def test_a_malformed_request_is_refused_alone(
    fields: Fields,
    body: bytes | None,
    start_origin: StartOrigin,
    start_gateway: StartGateway,
    client_of: Connect,
) -> None:
    served: list[bytes] = []

    async def note(connection: OriginConnection) -> None:
        while True:
            head, _ = await connection.request()
            if not head:
                return
            served.append(head.split(b" ")[1])
            await connection.respond(b"")

    gateway = await start_gateway((await start_origin(note)).address)
    client = await client_of(gateway)
    answer = await client.ask(fields, body)
    assert answer.status == 400
    assert (await client.ask(get("/next"))).status == 200
    assert served == [b"/next"]
    assert len(await gateway.log(2)) == 2


@pytest.mark.parametrize("trailers", [[(":path", "/")], [("X", "1")], [("connection", "x")], [("x", "a\nb")]])
async def test_malformed_trailers_are_refused(
    trailers: Fields, start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    client = await client_of(await start_gateway((await start_origin()).address))
    stream = await client.send(get("/open", method="POST"), b"abc", end=False)
    await client.send(trailers, stream_id=stream)
    assert (await client.answer(stream)).status == 400
    assert (await client.ask(get("/"))).status == 200


async def test_a_head_above_the_limit_is_refused_alone(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await client_of(gateway)
    assert (await client.ask(get("/", ("x", "a" * 5000)))).status == 431
    assert (await client.ask(get("/", *[("x", "y")] * 300))).status == 431
    assert (await client.ask(get("/"))).status == 200


async def test_connect_is_refused(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    client = await client_of(await start_gateway((await start_origin()).address))
    answer = await client.ask([(":method", "CONNECT"), (":authority", "shop:443")])
    assert answer.status in (405, 501)


# Flow control


async def test_a_stalled_stream_holds_up_its_application_and_nobody_else(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    sent = 0

    async def pour(connection: OriginConnection) -> None:
        nonlocal sent
        while head := await connection.head():
            if b"/big" not in head:
                await connection.respond(b"small")
                continue
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (32 * MIB))
            for _ in range(32):
                await connection.send(b"x" * MIB)
                sent += 1

    gateway = await start_gateway((await start_origin(pour)).address)
    client = await client_of(gateway)
    client.acknowledge = False
    client.framing.increment_flow_control_window(64 * MIB)
    big = await client.send(get("/open/big"))
    await client.until(lambda: len(client.body(big)) == 65535)
    for _ in range(3):
        answer = await client.ask(get("/open/small"))
        assert answer.body == b"small"
    assert sent < 16  # what kernels buffer
    (connection,) = gateway.server._connections
    assert connection._waiting_bytes < MIB  # type: ignore[attr-defined]
    client.acknowledge = True
    client.framing.increment_flow_control_window(64 * MIB, big)
    await client.flush()
    assert len((await client.answer(big)).body) == 32 * MIB


async def test_a_stalled_application_holds_up_its_stream_and_nobody_else(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    release = asyncio.Event()

    async def stall(connection: OriginConnection) -> None:
        while head := await connection.head():
            if b"PUT" in head:
                await release.wait()
            await connection.respond(b"%d" % len(await connection.body(head)))

    gateway = await start_gateway((await start_origin(stall)).address)
    client = await client_of(gateway)
    body = b"x" * (16 * MIB)
    fields = get("/open", ("content-length", str(len(body))), method="PUT")
    stalled = await client.send(fields, end=False)
    sent = 0
    while True:
        room = min(client.framing.local_flow_control_window(stalled), 16384)
        if room <= 0:
            try:
                async with asyncio.timeout(0.3):
                    await client.read_once()
            except TimeoutError:
                break
            continue
        client.framing.send_data(stalled, body[sent : sent + room])
        sent += room
        await client.flush()
    assert sent < 12 * MIB
    assert (await client.ask(get("/open"))).body == b"0"
    release.set()
    await client.send_body(stalled, body[sent:])
    assert (await client.answer(stalled)).body == b"%d" % len(body)


async def test_many_large_responses_share_a_connection(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def large(connection: OriginConnection) -> None:
        while head := await connection.head():
            await connection.respond(head.split(b" ")[1][-1:] * MIB)

    client = await client_of(await start_gateway((await start_origin(large)).address))
    streams = [await client.send(get(f"/open/{number}")) for number in range(10)]
    for number, stream in enumerate(streams):
        assert (await client.answer(stream)).body == b"%d" % number * MIB


async def test_a_window_that_shrinks_below_zero_is_waited_for(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def large(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"x" * 200_000)

    client = await client_of(await start_gateway((await start_origin(large)).address))
    client.acknowledge = False
    stream = await client.send(get("/open"))
    await client.until(lambda: len(client.body(stream)) == 65535)
    client.framing.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    client.framing.increment_flow_control_window(MIB)
    await client.flush()
    await client.ask(get("/", method="HEAD"))
    client.framing.increment_flow_control_window(MIB, stream)
    await client.flush()
    assert len((await client.answer(stream)).body) == 200_000


# Limits of time


async def test_half_a_header_block_times_out(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    gateway = await start_gateway((await start_origin()).address, times(head_timeout=0.1))
    client = await client_of(gateway)
    await client.until(lambda: client.saw("SettingsAcknowledged"))
    client.framing.send_headers(1, get("/"), end_stream=True)
    client.writer.write(client.framing.data_to_send()[:-3])
    await client.closed()
    assert client.goaway[-1][0] == ErrorCodes.NO_ERROR


async def test_an_unused_connection_is_closed_with_a_word(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    gateway = await start_gateway((await start_origin()).address, times(idle_timeout=0.1))
    client = await client_of(gateway)
    assert (await client.ask(get("/"))).status == 200
    await client.closed()
    assert client.goaway == [(ErrorCodes.NO_ERROR, 1)]


async def test_timeouts_are_those_of_each_stream(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def silent(connection: OriginConnection) -> None:
        head = await connection.head()
        if b"/silent" in head or b"POST" in head:
            await connection.closed()
        else:
            await connection.respond(b"ok")

    config = times(upstream_timeout=0.1, request_timeout=0.3)
    gateway = await start_gateway((await start_origin(silent)).address, config)
    client = await client_of(gateway)
    silent_stream = await client.send(get("/silent"))
    slow_upload = await client.send(get("/open", method="POST"), b"abc", end=False)
    assert (await client.ask(get("/"))).body == b"ok"
    assert (await client.answer(silent_stream)).status == 504
    assert (await client.answer(slow_upload)).status == 408
    assert (await client.ask(get("/"))).body == b"ok"
    reasons = {line["event"].get("reason") for line in await gateway.log(4)}
    assert reasons == {None, "upstream_response_timeout", "request_timeout"}


async def test_a_response_nobody_takes_ends_in_time(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    """A window that stays shut: the application is let go, and memory with it."""

    async def large(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"x" * MIB)

    gateway = await start_gateway((await start_origin(large)).address, times(request_timeout=0.2))
    client = await client_of(gateway)
    client.acknowledge = False
    answer = await client.ask(get("/open"))
    assert answer.reset in (ErrorCodes.CANCEL, ErrorCodes.INTERNAL_ERROR)
    await eventually(lambda: not gateway.server._connections or _waiting(gateway) == 0)


def _waiting(gateway: Gateway) -> int:
    (connection,) = gateway.server._connections
    waiting: int = connection._waiting_bytes  # type: ignore[attr-defined]
    return waiting


# Configurations that come and go


async def test_each_stream_sees_one_configuration(
    start_origin: StartOrigin,
    start_gateway: StartGateway,
    make_runtime: Callable[..., Runtime],
    client_of: Connect,
) -> None:
    answering = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        while (await connection.request())[0]:
            await answering.wait()
            await connection.respond(b"")

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    client = await client_of(gateway)
    old = await client.send(get("/old"))
    await eventually(lambda: origin.heads)
    gateway.server.serve(make_runtime(generation=2))
    new = await client.send(get("/new"))
    await eventually(lambda: len(origin.heads) == 2)
    answering.set()
    assert (await client.answer(old)).status == (await client.answer(new)).status == 200
    lines = await gateway.log(2)
    seen = {(line["url"]["path"], line["airlock"]["configuration"]["generation"]) for line in lines}
    assert seen == {("/old", 1), ("/new", 2)}


async def test_draining_finishes_streams_and_refuses_others(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    answering = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        await connection.request()
        await answering.wait()
        await connection.respond(b"done")

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    busy, idle = await client_of(gateway), await client_of(gateway)
    await idle.until(lambda: idle.events)
    stream = await busy.send(get("/"))
    await eventually(lambda: origin.heads)
    draining = asyncio.ensure_future(gateway.server.drain(60))
    await idle.closed()
    assert idle.goaway[-1] == (ErrorCodes.NO_ERROR, 0)
    await busy.until(lambda: busy.goaway)
    assert busy.goaway[-1] == (ErrorCodes.NO_ERROR, stream)
    late = await busy.send(get("/late"))
    assert (await busy.answer(late)).reset == ErrorCodes.REFUSED_STREAM
    answering.set()
    assert (await busy.answer(stream)).body == b"done"
    await busy.closed()
    await asyncio.wait_for(draining, 30)
    assert len(origin.heads) == 1


async def test_a_client_that_goes_away_gets_its_responses(
    start_origin: StartOrigin, start_gateway: StartGateway, client_of: Connect
) -> None:
    async def slowly(connection: OriginConnection) -> None:
        await connection.request()
        await asyncio.sleep(0.05)
        await connection.respond(b"late")

    client = await client_of(await start_gateway((await start_origin(slowly)).address))
    stream = await client.send(get("/"))
    client.writer.write(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))  # GOAWAY, no error
    assert (await client.answer(stream)).body == b"late"
    await client.closed()
