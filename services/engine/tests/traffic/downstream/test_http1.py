"""The client's connection, with real sockets at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import engine_configurations as configurations
import pytest
from raw_client import CutOffError
from running_gateway import StartGateway, eventually
from scripted_origin import OriginConnection, StartOrigin, never_accepting

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.traffic.downstream import http1
from microgateway_engine.traffic.upstream.http1 import Http1Upstream

MIB = 1024 * 1024

#: What deny rules refuse.
ATTACK = "/?q=%27%20UNION%20SELECT%20a%20FROM%20b--"

GET = b"GET %b HTTP/1.1\r\nHost: shop\r\n\r\n"

#: An upload to a route without limits.
UPLOAD = b"PUT /open HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n"


def times(**seconds: float) -> GatewayConfig:
    """A configuration with these timeouts."""
    return configurations.gateway_config(configurations.application(**seconds))  # type: ignore[arg-type]


# One request after the other


async def test_a_connection_carries_many_requests_and_so_does_the_applications(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    for number in range(5):
        answer = await client.get(f"/{number}")
        assert (answer.status, answer.body) == (200, f"/{number}\n".encode())
        assert "connection" not in answer.headers
    assert origin.connections == 1
    assert gateway.port_metrics.connections == 1
    assert [line["url"]["path"] for line in await gateway.log(5)] == [f"/{number}" for number in range(5)]


async def test_a_refused_request_leaves_the_connection_open(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    for _ in range(2):
        refused = await client.get(ATTACK)
        assert refused.status == 400
        assert "connection" not in refused.headers
        assert (await client.get("/fine")).status == 200
    assert origin.targets == [b"/fine", b"/fine"]


async def test_pipelined_requests_are_answered_in_order(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def the_first_takes_longest(connection: OriginConnection) -> None:
        while head := await connection.head():
            target = head.split(b" ")[1]
            await asyncio.sleep(0.05 if target == b"/0" else 0)
            await connection.respond(target)

    origin = await start_origin(the_first_takes_longest)
    client = await (await start_gateway(origin.address)).client()
    targets = [b"/0", b"/1", ATTACK.encode(), b"/3"]
    await client.send(b"".join(GET % target for target in targets))
    answers = [await client.answer() for _ in targets]
    assert [answer.status for answer in answers] == [200, 200, 400, 200]
    assert [answers[at].body for at in (0, 1, 3)] == [b"/0", b"/1", b"/3"]
    assert origin.targets == [b"/0", b"/1", b"/3"]


async def test_a_long_pipeline_waits_in_the_clients_kernel(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    release = asyncio.Event()

    async def hesitate(connection: OriginConnection) -> None:
        while await connection.head():
            await release.wait()
            await connection.respond(b"")

    origin = await start_origin(hesitate)
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    request = GET % (b"/" + b"a" * 90)
    count = 16 * MIB // len(request)
    sending = asyncio.ensure_future(client.send(request * count))
    await asyncio.sleep(0.3)
    assert not sending.done()
    (connection,) = gateway.server._connections
    assert isinstance(connection, http1.Http1Connection)
    assert connection._reader.buffered < 1 * MIB
    sending.cancel()
    release.set()


async def test_a_client_that_never_reads_its_refusals_is_not_read_either(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Each refusal is longer than its request: without backpressure a client could fill our memory."""
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client(receive_buffer=4096)
    request = GET % (b"/" + b"a" * 200)  # a path above the limit
    sending = asyncio.ensure_future(client.send(request * (16 * MIB // len(request))))
    await asyncio.sleep(0.3)
    assert not sending.done()
    (connection,) = gateway.server._connections
    assert connection.transport.get_write_buffer_size() < 2 * MIB
    served = gateway.port_metrics.requests
    sending.cancel()
    while gateway.port_metrics.requests == served:
        assert await client.reader.read(MIB)


async def test_lines_between_requests_are_skipped(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    client = await (await start_gateway((await start_origin()).address)).client()
    await client.send(GET % b"/1" + b"\r\n\r\n" + GET % b"/2")
    assert (await client.answer()).body == b"/1\n"
    assert (await client.answer()).body == b"/2\n"


# Bodies


async def test_a_stalled_client_holds_up_the_application_and_not_our_memory(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    sent = 0

    async def pour(connection: OriginConnection) -> None:
        nonlocal sent
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(64):
            await connection.send(b"x" * MIB)
            sent += 1

    gateway = await start_gateway((await start_origin(pour)).address)
    client = await gateway.client(receive_buffer=8192)
    await client.send(GET % b"/open")
    await asyncio.sleep(0.4)
    assert sent < 20  # what kernels buffer
    (connection,) = gateway.server._connections
    assert connection.transport.get_write_buffer_size() < MIB
    await client.reader.readuntil(b"\r\n\r\n")
    left = 64 * MIB
    while left:
        left -= len(await client.reader.read(MIB))
    assert sent == 64
    (line,) = await gateway.log(1)
    assert line["http"]["response"]["body"]["bytes"] == 64 * MIB


@pytest.mark.parametrize("pooled", [False, True], ids=["on a new connection", "on a pooled connection"])
async def test_a_stalled_application_holds_up_the_client_and_not_our_memory(
    pooled: bool, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    release = asyncio.Event()

    async def stall(connection: OriginConnection) -> None:
        if pooled:
            await connection.request()
            await connection.respond(b"")
        head = await connection.head()
        await release.wait()
        await connection.respond(b"%d" % len(await connection.body(head)))

    gateway = await start_gateway((await start_origin(stall)).address)
    client = await gateway.client()
    if pooled:
        await client.get("/")
    body = b"x" * (64 * MIB)
    sending = asyncio.ensure_future(client.send(UPLOAD % len(body) + body))
    await asyncio.sleep(0.4)
    assert not sending.done()
    (connection,) = gateway.server._connections
    assert isinstance(connection, http1.Http1Connection)
    assert connection._relay is not None
    assert isinstance(connection._relay._upstream, Http1Upstream)
    assert connection._relay._upstream.transport.get_write_buffer_size() < 2 * MIB
    release.set()
    assert (await client.answer()).body == b"%d" % len(body)
    await sending


@pytest.mark.parametrize(("te", "trailers"), [("", []), ("TE: trailers\r\n", [b"x-sum: 1"])])
async def test_chunks_go_both_ways_with_trailers_for_who_takes_them(
    te: str, trailers: list[bytes], start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def in_chunks(connection: OriginConnection) -> None:
        _, body = await connection.request()
        assert connection.trailers == [b"x-sum: 9"]
        await connection.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            b"%x;ext=1\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(body), body)
        )
        await connection.request()
        await connection.respond(b"next")

    origin = await start_origin(in_chunks)
    client = await (await start_gateway(origin.address)).client()
    await client.send(
        b"PUT /open HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
        b"%b\r\n3\r\nabc\r\n2;ext\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n" % te.encode()
    )
    answer = await client.answer()
    assert (answer.body, answer.framing) == (b"abcde", "chunked")
    assert client.trailers == trailers
    assert "trailer" not in answer.headers
    assert b"trailer" not in origin.heads[0].lower()
    assert (await client.get("/")).body == b"next"


async def test_a_piece_of_a_body_is_passed_on_before_the_rest_comes(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    first_piece = asyncio.Event()

    async def reply_as_it_comes(connection: OriginConnection) -> None:
        await connection.head()
        assert await connection.reader.readexactly(3) == b"abc"
        first_piece.set()
        assert await connection.reader.readexactly(3) == b"def"
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nuvw")
        await asyncio.sleep(0.05)
        await connection.send(b"xyz")

    client = await (await start_gateway((await start_origin(reply_as_it_comes)).address)).client()
    await client.send(UPLOAD % 6 + b"abc")
    await asyncio.wait_for(first_piece.wait(), 30)
    await client.send(b"def")
    await client.reader.readuntil(b"\r\n\r\n")
    assert await client.reader.readexactly(3) == b"uvw"
    assert await client.reader.readexactly(3) == b"xyz"


@pytest.mark.parametrize(
    ("method", "response", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "5000"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\nETag: x\r\n\r\n", "5000"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
    ],
)
async def test_a_response_without_a_body_ends_with_its_head(
    method: str, response: bytes, length: str | None, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def answer_twice(connection: OriginConnection) -> None:
        for _ in range(2):
            await connection.request()
            await connection.send(response)

    origin = await start_origin(answer_twice)
    client = await (await start_gateway(origin.address)).client()
    for _ in range(2):
        answer = await client.get("/", method=method)
        assert answer.headers.get("content-length") == length
        assert "transfer-encoding" not in answer.headers
        assert "connection" not in answer.headers
    assert origin.connections == 1


async def test_expect_is_answered_before_the_body_comes(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    await client.send(
        b"POST /a HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"[]")
    assert (await client.answer()).body == b"/a\n[]"
    assert b"expect" not in origin.heads[0].lower()


async def test_expect_is_refused_without_asking_for_the_body(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    await client.send(
        b"POST %b HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n" % ATTACK.encode()
    )
    answer = await client.answer()
    assert (answer.status, answer.interim, answer.headers["connection"]) == (400, [], "close")
    assert origin.heads == []


async def test_the_gateway_speaks_for_nobody_elses_protocol(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c, websocket", "HTTP2-Settings: AAMA")
    assert (await client.get("/", *fields)).status == 200
    for name in (b"upgrade", b"http2-settings", b"connection"):
        assert name not in origin.heads[0].lower()


# Refusing while the client still sends


async def test_a_refusal_is_readable_while_the_client_still_sends(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    head = (
        b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n"
    )
    await client.send(head)
    for _ in range(40):  # a client that first sends everything
        await client.send(b"x" * 100_000)
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert await client.closed() == b""
    assert origin.heads == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 4_000_000, 431),
        (b"\0" * 4_000_000, 431),
        (b"BAD\r\n\r\n" * 600_000, 400),
    ],
    ids=["endless head", "no text", "no request"],
)
async def test_what_is_no_request_gets_a_readable_answer(
    data: bytes, status: int, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(data)
    assert (await client.answer()).status == status
    assert await client.closed() == b""
    (line,) = await gateway.log(1)
    assert line["http"]["response"]["status_code"] == status
    assert line["airlock"]["summary"]["action"] == "refused"


async def test_an_early_response_ends_the_upload(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def too_large(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"too large", status="413 Content Too Large")
        await connection.closed()

    client = await (await start_gateway((await start_origin(too_large)).address)).client()
    await client.send(UPLOAD % 4_000_001)
    for _ in range(40):
        await client.send(b"x" * 100_000)
    answer = await client.answer()
    assert (answer.status, answer.body, answer.headers["connection"]) == (413, b"too large", "close")
    assert await client.closed() == b""


async def test_lingering_has_an_end(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "LINGER", 0.1)
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(b"BAD\r\n\r\n")
    assert (await client.answer()).status == 400

    async def send_on() -> None:
        while True:
            await client.send(b"x" * 1000)
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(send_on(), 30)


async def test_what_follows_a_last_request_is_not_answered(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    await client.send(b"GET /last HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" + GET % b"/more")
    assert (await client.answer()).headers["connection"] == "close"
    assert await client.closed() == b""
    assert origin.targets == [b"/last"]


# Clients that go


async def test_a_client_that_has_closed_its_half_gets_its_response(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def slowly(connection: OriginConnection) -> None:
        await connection.request()
        await asyncio.sleep(0.05)
        await connection.respond(b"late")

    client = await (await start_gateway((await start_origin(slowly)).address)).client()
    await client.send(GET % b"/")
    client.end()
    assert (await client.answer()).body == b"late"
    assert await client.closed() == b""


async def test_a_client_that_has_closed_its_half_gets_all_its_responses(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    client = await (await start_gateway((await start_origin()).address)).client()
    await client.send(b"".join(GET % b"/%d" % number for number in range(20)))
    client.end()
    for number in range(20):
        assert (await client.answer()).body == b"/%d\n" % number
    assert await client.closed() == b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", UPLOAD % 10 + b"half"], ids=["nothing", "head", "body"])
async def test_half_a_request_ends_with_the_clients_half(
    sent: bytes, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(sent)
    client.end()
    assert await client.closed() == b""
    await eventually(lambda: gateway.port_metrics.active == 0)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_client_that_is_gone_ends_the_applications_work(
    reset: bool, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    ended = asyncio.Event()

    async def endless(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await connection.send(b"4\r\nmore\r\n")
                await asyncio.sleep(0.005)
        except ConnectionError:
            ended.set()

    gateway = await start_gateway((await start_origin(endless)).address)
    client = await gateway.client()
    await client.send(GET % b"/")
    await client.reader.readuntil(b"more")
    if reset:
        client.reset()
    else:
        client.close()
    await asyncio.wait_for(ended.wait(), 30)
    (line,) = await gateway.log(1)
    assert line["airlock"]["summary"]["action"] == "client_gone"
    assert gateway.port_metrics.active == 0


async def test_a_client_that_goes_while_we_connect_leaves_nothing_behind(
    start_gateway: StartGateway,
) -> None:
    with never_accepting() as address:
        gateway = await start_gateway(address)
        client = await gateway.client()
        await client.send(GET % b"/")
        await eventually(lambda: gateway.server.pool._connecting)
        client.reset()
        await eventually(lambda: not gateway.server.pool._connecting)
        (line,) = await gateway.log(1)
        assert line["airlock"]["summary"]["action"] == "client_gone"


# HTTP/1.0


@pytest.mark.parametrize(
    ("fields", "connection"), [("", "close"), ("Connection: Keep-Alive\r\n", "keep-alive")]
)
async def test_http_1_0_keeps_a_connection_only_when_asked(
    fields: str, connection: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    client = await (await start_gateway(origin.address)).client()
    await client.send(f"GET /old HTTP/1.0\r\n{fields}\r\n".encode())
    answer = await client.answer()
    assert (answer.headers["connection"], answer.framing, answer.body) == (connection, "length", b"/old\n")
    if connection == "close":
        assert await client.closed() == b""
    else:
        assert (await client.get("/new")).status == 200


async def test_http_1_0_gets_chunks_without_their_framing(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def in_chunks(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    client = await (await start_gateway((await start_origin(in_chunks)).address)).client()
    await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    answer = await client.answer()
    assert (answer.framing, answer.body, answer.headers["connection"]) == ("close", b"abc", "close")


async def test_http_1_0_sees_when_a_response_was_cut(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Nothing but a reset tells it from a whole one."""

    async def half(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")

    client = await (await start_gateway((await start_origin(half)).address)).client()
    await client.send(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(CutOffError):
        await client.answer()


# Timeouts


async def test_half_a_head_times_out_however_slowly_it_goes_on(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address, times(head_timeout=0.2))
    client = await gateway.client()

    async def trickle() -> None:
        await client.send(b"GET / HTTP/1.1\r\nX: ")
        while True:
            await client.send(b"a")
            await asyncio.sleep(0.02)

    trickling = asyncio.ensure_future(trickle())
    answer = await client.answer()
    trickling.cancel()
    assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_an_unused_connection_is_closed_without_a_word(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address, times(idle_timeout=0.1))
    unused, used = await gateway.client(), await gateway.client()
    assert (await used.get("/")).status == 200
    assert await unused.refused()
    assert await used.refused()
    assert len(await gateway.log(1)) == 1


@pytest.mark.parametrize(
    ("target", "content_type"),
    [("/open", "image/png"), ("/", "image/png"), ("/", "application/json")],
    ids=["unsecured", "streamed", "held"],
)
async def test_a_slow_body_is_the_clients_timeout(
    target: str, content_type: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address, times(request_timeout=0.15))
    client = await gateway.client()
    await client.send(
        f"POST {target} HTTP/1.1\r\nHost: shop\r\nContent-Type: {content_type}\r\n"
        "Content-Length: 10\r\n\r\n12345".encode()
    )
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    (line,) = await gateway.log(1)
    assert line["event"]["reason"] == "request_timeout"


async def test_an_application_that_takes_no_more_is_the_applications_timeout(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def never_read(connection: OriginConnection) -> None:
        await connection.head()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(5)

    gateway = await start_gateway((await start_origin(never_read)).address, times(request_timeout=0.3))
    client = await gateway.client()
    sending = asyncio.ensure_future(client.send(UPLOAD % (64 * MIB) + b"x" * (64 * MIB)))
    assert (await client.answer()).status == 504
    sending.cancel()


async def test_an_application_that_does_not_answer_times_out_and_the_connection_goes_on(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def silent_once(connection: OriginConnection) -> None:
        await connection.request()
        if connection.number:
            await connection.respond(b"ok")
        assert await connection.closed() == b""

    origin = await start_origin(silent_once)
    gateway = await start_gateway(origin.address, times(upstream_timeout=1.0))
    client = await gateway.client()
    assert (await client.get("/")).status == 504
    assert (await client.get("/")).body == b"ok"
    assert origin.connections == 2
    first, second = await gateway.log(2)
    assert first["event"]["reason"] == "upstream_response_timeout"
    assert second["event"]["outcome"] == "success"


async def test_a_response_that_takes_too_long_is_cut(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def half(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        assert await connection.closed() == b""

    gateway = await start_gateway((await start_origin(half)).address, times(upstream_timeout=0.1))
    with pytest.raises(CutOffError):
        await (await gateway.client()).get("/")
    (line,) = await gateway.log(1)
    assert line["airlock"]["summary"]["action"] == "failed"
    assert line["http"]["response"]["status_code"] == 200


async def test_timeouts_of_zero_never_end_anything(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def slowly(connection: OriginConnection) -> None:
        while (await connection.request())[0]:
            await asyncio.sleep(0.15)
            await connection.respond(b"")

    off = times(head_timeout=0, request_timeout=0, upstream_timeout=0, idle_timeout=0)
    client = await (await start_gateway((await start_origin(slowly)).address, off)).client()
    await asyncio.sleep(0.15)
    await client.send(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(0.15)
    await client.send(b"Host: shop\r\n\r\n")
    assert (await client.answer()).status == 200


# Configurations that come and go


async def test_a_request_sees_one_configuration_and_the_next_one_sees_the_next(
    start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    answering = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        while (await connection.request())[0]:
            await answering.wait()
            await connection.respond(b"")

    gateway = await start_gateway((await start_origin(wait)).address)
    clients = [await gateway.client() for _ in range(10)]
    requests = [asyncio.ensure_future(client.get("/old")) for client in clients]
    await eventually(lambda: gateway.port_metrics.upstream_connections == 10)
    gateway.server.serve(make_runtime(generation=2))
    answering.set()
    assert {answer.status for answer in await asyncio.gather(*requests)} == {200}
    assert {(await client.get("/new")).status for client in clients} == {200}
    assert gateway.port_metrics.connections == 10
    lines = await gateway.log(20)
    seen = {(line["url"]["path"], line["airlock"]["configuration"]["generation"]) for line in lines}
    assert seen == {("/old", 1), ("/new", 2)}


async def test_without_a_configuration_a_request_under_way_is_the_last(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    answering = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        await connection.request()
        await answering.wait()
        await connection.respond(b"whole" * 100_000)

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    client, idle, half = [await gateway.client() for _ in range(3)]
    await client.send(GET % b"/first" + GET % b"/second")
    await half.send(b"GET / HTTP/1.1\r\n")
    await eventually(lambda: origin.heads)
    gateway.server.serve(None)
    assert await idle.refused()
    await half.send(b"Host: shop\r\n\r\n")
    assert await half.refused()
    answering.set()
    assert len((await client.answer()).body) == 500_000
    assert await client.closed() == b""
    assert origin.targets == [b"/first"]
