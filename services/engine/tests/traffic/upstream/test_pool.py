"""The application's side: what it may send, how it may fail, and which connections are used again."""

from __future__ import annotations

import asyncio
import socket

import engine_configurations as configurations
import pytest
from raw_client import CutOffError
from running_gateway import StartGateway, eventually
from scripted_origin import OriginConnection, Script, StartOrigin, never_accepting

from microgateway_common.settings import Address
from microgateway_engine.config import runtime
from microgateway_engine.traffic.downstream.http1 import Http1Connection
from microgateway_engine.traffic.upstream import pool


def scripted(response: bytes, *, then_close: bool = True) -> Script:
    """Answer the first request with these bytes."""

    async def script(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(response)
        if not then_close:
            assert await connection.closed() == b""

    return script


# What an application may send


async def test_interim_responses_are_not_passed_on(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    script = scripted(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    client = await (await start_gateway((await start_origin(script)).address)).client()
    answer = await client.get("/")
    assert (answer.status, answer.interim, answer.body) == (200, [], b"ok")
    assert "link" not in answer.headers


async def test_a_body_may_end_with_the_connection(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(scripted(b"HTTP/1.0 200 OK\r\n\r\nall of it"))
    client = await (await start_gateway(origin.address)).client()
    for _ in range(2):
        answer = await client.get("/")
        assert (answer.body, answer.framing) == (b"all of it", "chunked")
    assert origin.connections == 2


async def test_a_reset_does_not_end_a_body(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    async def reset(connection: OriginConnection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\npart of it")
        await asyncio.sleep(0.05)
        connection.reset()

    gateway = await start_gateway((await start_origin(reset)).address)
    with pytest.raises(CutOffError):
        await (await gateway.client()).get("/")
    (line,) = await gateway.log(1)
    assert line["event"]["reason"] == "upstream_connection_closed"


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n",
    ],
    ids=["length", "in a chunk", "between chunks", "before the last empty line", "bad chunk size"],
)
async def test_half_a_response_reaches_the_client_as_half(
    response: bytes, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin(scripted(response))).address)
    with pytest.raises(CutOffError):
        await (await gateway.client()).get("/")
    (line,) = await gateway.log(1)
    assert line["airlock"]["summary"]["action"] == "failed"


_BAD = {
    "nothing": b"",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "http/2": b"HTTP/2 200\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "status above 599": b"HTTP/1.1 999 OK\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "split by a bare lf": b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n",
    "split by a bare cr": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n",
    "nul in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
    "endless fields": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
}


@pytest.mark.parametrize("response", _BAD.values(), ids=_BAD)
async def test_what_is_no_response_is_a_bad_gateway(
    response: bytes, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(scripted(response))
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    for _ in range(2):  # the client's connection goes on
        answer = await client.get("/")
        assert answer.status == 502
        assert "set-cookie" not in answer.headers
    assert origin.connections == 2
    assert {line["event"]["reason"].partition(":")[0] for line in await gateway.log(2)} <= {
        "upstream_protocol_error",
        "upstream_connection_closed",
    }


async def test_a_second_response_reaches_nobody(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Response splitting: what follows a response must not answer the next request."""
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
    origin = await start_origin(scripted(one + one.replace(b"one", b"two"), then_close=False))
    client = await (await start_gateway(origin.address)).client()
    assert (await client.get("/1")).body == b"one"
    assert (await client.get("/2")).body == b"one"
    assert origin.connections == 2


async def test_a_response_nobody_asked_for_closes_the_connection(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    dropped = asyncio.Event()

    async def talkative(connection: OriginConnection) -> None:
        await connection.request()
        await connection.respond(b"%d" % connection.number)
        await asyncio.sleep(0.02)
        await connection.respond(b"poison")
        assert await connection.closed() == b""
        dropped.set()

    client = await (await start_gateway((await start_origin(talkative)).address)).client()
    assert (await client.get("/")).body == b"0"
    await asyncio.wait_for(dropped.wait(), 30)
    assert (await client.get("/")).body == b"1"


async def test_fields_of_the_connection_stay_on_it(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def answer(connection: OriginConnection) -> None:
        await connection.request()
        await connection.respond(
            b"", "Connection: close, X-Hop", "Connection: X-Other", "X-Hop: 1", "X-Other: 2", "Keep-Alive: 5",
            "X-End: 3",
        )  # fmt: skip

    origin = await start_origin(answer)
    client = await (await start_gateway(origin.address)).client()
    for _ in range(2):
        headers = (await client.get("/")).headers
        assert headers["x-end"] == "3"
        assert not {"connection", "x-hop", "x-other", "keep-alive"} & headers.keys()
    assert origin.connections == 2


# Connecting


async def test_nobody_listening_is_service_unavailable(start_gateway: StartGateway) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        gateway = await start_gateway(Address(*bound.getsockname()))
        client = await gateway.client()
        for _ in range(2):
            assert (await client.get("/")).status == 503
    assert gateway.port_metrics.upstream_connect_failures == 2
    lines = await gateway.log(2)
    assert {line["event"]["reason"] for line in lines} == {"upstream_connect_failure"}


async def test_no_answer_to_a_connect_is_a_timeout(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 0.1)
    with never_accepting() as address:
        gateway = await start_gateway(address)
        assert (await (await gateway.client()).get("/")).status == 504
    (line,) = await gateway.log(1)
    assert line["event"]["reason"] == "upstream_connect_timeout"


async def test_an_upload_waits_for_the_connection(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 2.0)
    with never_accepting() as address:
        gateway = await start_gateway(address)
        client = await gateway.client()
        size = 16 * 1024 * 1024
        head = b"PUT /open HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % size
        sending = asyncio.ensure_future(client.send(head + b"x" * size))
        await asyncio.sleep(0.15)
        (connection,) = gateway.server._connections
        assert isinstance(connection, Http1Connection)
        assert connection._relay is not None
        assert connection._relay._unsent_bytes < 1024 * 1024
        assert (await client.answer()).status == 504
        sending.cancel()


# Connections that are used again


async def kept_once(connection: OriginConnection) -> None:
    """Answer one request; the connection looks kept, and is closed when the next request comes."""
    await connection.request()
    await connection.respond(b"%d" % connection.number)
    if connection.number == 0:
        await connection.head()
        connection.reset()
    else:
        await connection.closed()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
async def test_a_request_that_meets_a_closed_connection_is_sent_again(
    method: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(kept_once)
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    assert (await client.get("/1")).status == 200
    assert (await client.get("/2", method=method)).status == 200
    assert origin.targets == [b"/1", b"/2", b"/2"]
    assert len(await gateway.log(2)) == 2


async def test_a_whole_body_is_sent_again_with_its_request(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def script(connection: OriginConnection) -> None:
        _, body = await connection.request()
        await connection.respond(body)
        if connection.number == 0:
            await connection.request()
            connection.reset()

    origin = await start_origin(script)
    client = await (await start_gateway(origin.address)).client()
    await client.get("/1")
    fields = ("Content-Type: application/json", "Content-Length: 4")
    await client.send("\r\n".join(["PUT /2 HTTP/1.1", "Host: shop", *fields, "", "[12]"]).encode())
    assert (await client.answer()).body == b"[12]"
    assert origin.targets == [b"/1", b"/2", b"/2"]


async def test_half_a_body_is_never_sent_again(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """What was streamed is not kept: sending the head alone again would change the request."""

    async def script(connection: OriginConnection) -> None:
        await connection.request()
        await connection.respond(b"")
        await connection.request()
        connection.reset()

    origin = await start_origin(script)
    client = await (await start_gateway(origin.address)).client()
    await client.get("/1")
    await client.send(b"PUT /open HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\n")
    await asyncio.sleep(0.05)
    await client.send(b"abcd")
    assert (await client.answer()).status == 502
    assert origin.targets == [b"/1", b"/open"]


async def test_what_may_have_had_an_effect_is_not_sent_again(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(kept_once)
    client = await (await start_gateway(origin.address)).client()
    await client.get("/1")
    assert (await client.get("/2", method="POST")).status == 502
    assert (await client.get("/3")).status == 200
    assert origin.targets == [b"/1", b"/2", b"/3"]


async def test_a_first_request_is_not_sent_again(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """A connection that was not kept cannot have been stale: the application itself failed."""

    async def crash(connection: OriginConnection) -> None:
        await connection.head()
        connection.reset()

    origin = await start_origin(crash)
    client = await (await start_gateway(origin.address)).client()
    assert (await client.get("/")).status == 502
    assert origin.targets == [b"/"]


async def test_an_unused_connection_is_closed_in_time(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "UPSTREAM_IDLE_TIMEOUT", 0.05)
    ended = asyncio.Event()

    async def script(connection: OriginConnection) -> None:
        while (await connection.request())[0]:
            await connection.respond(b"")
        ended.set()

    origin = await start_origin(script)
    client = await (await start_gateway(origin.address)).client()
    await client.get("/")
    await asyncio.wait_for(ended.wait(), 30)
    assert (await client.get("/")).status == 200
    assert origin.connections == 2


async def test_only_so_many_unused_connections_are_kept(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE", 2)
    together = asyncio.Barrier(5)

    async def script(connection: OriginConnection) -> None:
        await connection.request()
        await together.wait()
        await connection.respond(b"")
        await connection.closed()

    gateway = await start_gateway((await start_origin(script)).address)
    clients = [await gateway.client() for _ in range(5)]
    answers = await asyncio.gather(*(client.get("/") for client in clients))
    assert [answer.status for answer in answers] == [200] * 5
    (place,) = gateway.server.pool._places.values()
    await eventually(lambda: len(place.idle) == 2)


async def test_metrics_are_those_of_the_application_port(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """In explicit mode the port that is connected to may be another than the application's."""
    origin = await start_origin()
    assert origin.address.port != configurations.PORT
    gateway = await start_gateway(origin.address)
    await (await gateway.client()).get("/")
    assert gateway.port_metrics.upstream_connections == 1
    assert gateway.port_metrics.upstream_received_bytes > 0
    assert list(gateway.metrics.counters().ports) == [configurations.PORT]


async def test_opening_and_life_of_connections_are_counted(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    await (await gateway.client()).get("/")
    assert sum(gateway.port_metrics.upstream_connect.counts) == 1
    assert sum(gateway.port_metrics.upstream_lives.counts) == 0
    gateway.server.pool.close()
    await eventually(lambda: sum(gateway.port_metrics.upstream_lives.counts) == 1)
