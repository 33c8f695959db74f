"""Applications that speak HTTP/2, before clients of both versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import engine_configurations as configurations
import h2_peers
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from h2_peers import Fields, H2Peer, get
from hypercorn_application import hypercorn
from hyperframe.frame import GoAwayFrame
from raw_client import CutOffError
from running_gateway import StartGateway, eventually
from scripted_origin import OriginConnection, StartOrigin

from microgateway_common.ir.gateway import GatewayConfig, Http2Protocol
from microgateway_engine.traffic.upstream import pool

H2 = Http2Protocol(allow_connect=False)
MIB = 1024 * 1024
OK: Fields = [(":status", "200")]


def over_h2(**seconds: float) -> GatewayConfig:
    """The application speaks HTTP/2."""
    return configurations.gateway_config(configurations.application(upstream_protocol=H2, **seconds))  # type: ignore[arg-type]


async def requests(peer: H2Peer) -> AsyncIterator[int]:
    """Streams of whole requests, as they come."""
    seen: set[int] = set()
    while True:
        for stream, message in list(peer.received.items()):
            if message.ended and stream not in seen:
                seen.add(stream)
                yield stream
        if not await peer.read_once():
            return


# All combinations


@pytest.mark.parametrize("size", [0, 5, 2 * MIB])
async def test_clients_of_both_versions_reach_a_real_server(size: int, start_gateway: StartGateway) -> None:
    async with hypercorn() as address:
        gateway = await start_gateway(address, over_h2())
        expected = b"2 PUT /open\n" + b"x" * size
        client = await gateway.client()
        head = b"PUT /open HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % size
        sending = asyncio.ensure_future(client.send(head + b"x" * size))
        assert (await client.answer()).body == expected
        await sending
        multiplexed = await h2_peers.connect(gateway.address)
        answer = await multiplexed.ask(get("/open", method="PUT"), b"x" * size)
        assert answer.body == expected
        multiplexed.close()
        client.close()
        assert gateway.port_metrics.upstream_connections == 1


async def test_many_requests_share_a_connection(start_gateway: StartGateway) -> None:
    async def answer_when_all_are_there(peer: H2Peer) -> None:
        streams: list[int] = []
        async for stream in requests(peer):
            streams.append(stream)
            if len(streams) == 50:
                for each in streams:
                    await peer.send(OK, peer.received[each].headers[":path"].encode(), stream_id=each)

    async with h2_peers.application(answer_when_all_are_there) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        clients = [await gateway.client() for _ in range(50)]
        answers = await asyncio.gather(*(client.get(f"/{n}") for n, client in enumerate(clients)))
        assert [answer.body for answer in answers] == [b"/%d" % n for n in range(50)]
        assert len(peers) == 1


async def test_what_the_application_is_sent(start_gateway: StartGateway) -> None:
    async with h2_peers.application(h2_peers.echo) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        client = await gateway.client()
        assert (await client.get("/a/../b?q=tea", "X-Mine: 1", "Connection: x-hop", "X-Hop: 1")).status == 200
        headers = peers[0].received[1].headers
        pseudo = {name: value for name, value in headers.items() if name.startswith(":")}
        assert pseudo == {":method": "GET", ":scheme": "http", ":authority": "shop", ":path": "/b?q=tea"}
        assert (headers["x-mine"], headers["te"]) == ("1", "trailers")
        assert not {"host", "connection", "x-hop", "transfer-encoding"} & headers.keys()


async def test_trailers_go_both_ways(start_gateway: StartGateway) -> None:
    async def with_trailers(peer: H2Peer) -> None:
        async for stream in requests(peer):
            assert peer.received[stream].trailers == {"x-sum": "1"}
            await peer.send(OK, b"body", end=False, stream_id=stream)
            await peer.send([("x-sum", "2")], stream_id=stream)

    async with h2_peers.application(with_trailers) as (address, _):
        gateway = await start_gateway(address, over_h2())
        client = await gateway.client()
        await client.send(
            b"PUT /open HTTP/1.1\r\nHost: shop\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"
        )
        assert (await client.answer()).body == b"body"
        assert client.trailers == [b"x-sum: 2"]
        multiplexed = await h2_peers.connect(gateway.address)
        stream = await multiplexed.send(get("/open", method="PUT"), b"a", end=False)
        await multiplexed.send([("x-sum", "1")], stream_id=stream)
        assert (await multiplexed.answer(stream)).trailers == {"x-sum": "2"}
        multiplexed.close()


@pytest.mark.parametrize(
    ("fields", "length"),
    [(OK, "0"), ([(":status", "204")], None), ([(":status", "304"), ("content-length", "5")], "5")],
)
async def test_a_response_that_ends_with_its_head(
    fields: Fields, length: str | None, start_gateway: StartGateway
) -> None:
    async def heads_only(peer: H2Peer) -> None:
        async for stream in requests(peer):
            await peer.send(fields, stream_id=stream)

    async with h2_peers.application(heads_only) as (address, _):
        client = await (await start_gateway(address, over_h2())).client()
        for _ in range(2):
            answer = await client.get("/")
            assert (answer.body, answer.headers.get("content-length")) == (b"", length)


async def test_interim_responses_are_not_passed_on(start_gateway: StartGateway) -> None:
    async def early_hints(peer: H2Peer) -> None:
        async for stream in requests(peer):
            peer.framing.send_headers(stream, [(":status", "103"), ("link", "</a>")])
            await peer.send(OK, b"ok", stream_id=stream)

    async with h2_peers.application(early_hints) as (address, _):
        answer = await (await (await start_gateway(address, over_h2())).client()).get("/")
        assert (answer.status, answer.interim, answer.body) == (200, [], b"ok")


# Flow control


async def test_a_client_that_does_not_read_holds_up_its_stream(start_gateway: StartGateway) -> None:
    sent = 0

    async def pour(peer: H2Peer) -> None:
        nonlocal sent
        async for stream in requests(peer):
            if peer.received[stream].headers[":path"] != "/open/big":
                await peer.send(OK, b"small", stream_id=stream)
                continue
            await peer.send(OK, end=False, stream_id=stream)
            asyncio.ensure_future(pour_into(peer, stream))  # noqa: RUF006 - ends with the connection

    async def pour_into(peer: H2Peer, stream: int) -> None:
        nonlocal sent
        piece = bytes(16384)
        while sent < 16 * MIB:
            await eventually(lambda: peer.framing.local_flow_control_window(stream) >= len(piece), "a window")
            peer.framing.send_data(stream, piece)
            sent += len(piece)
            await peer.flush()
        peer.framing.end_stream(stream)
        await peer.flush()

    async with h2_peers.application(pour) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        stalled, other = await gateway.client(receive_buffer=8192), await gateway.client()
        await stalled.send(b"GET /open/big HTTP/1.1\r\nHost: shop\r\n\r\n")
        await asyncio.sleep(0.3)
        assert sent < 12 * MIB
        assert (await other.get("/open")).body == b"small"
        assert len(peers) == 1
        await stalled.reader.readuntil(b"\r\n\r\n")
        while sent < 16 * MIB:
            assert await stalled.reader.read(MIB)


async def test_an_application_that_does_not_read_holds_up_its_client(start_gateway: StartGateway) -> None:
    release = asyncio.Event()

    async def stall(peer: H2Peer) -> None:
        peer.acknowledge = False
        while not release.is_set():
            if 1 in peer.received and len(peer.received[1].body) >= 65535:
                await release.wait()
                break
            await peer.read_once()
        peer.acknowledge = True
        peer.framing.increment_flow_control_window(64 * MIB, 1)
        peer.framing.increment_flow_control_window(64 * MIB)
        await peer.flush()
        await peer.until(lambda: peer.received[1].ended)
        await peer.send(OK, b"%d" % len(peer.received[1].body), stream_id=1)

    async with h2_peers.application(stall) as (address, _):
        gateway = await start_gateway(address, over_h2())
        client = await gateway.client()
        body = b"x" * (32 * MIB)
        head = b"PUT /open HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(body)
        sending = asyncio.ensure_future(client.send(head + body))
        await asyncio.sleep(0.3)
        assert not sending.done()
        ((upstream,),) = (place.multiplexed for place in gateway.server.pool._places.values())
        assert upstream._waiting_bytes < MIB
        release.set()
        assert (await client.answer()).body == b"%d" % len(body)
        await sending


# What an application may not send

_BAD: dict[str, Fields] = {
    "no status": [("a", "b")],
    "two statuses": [(":status", "200"), (":status", "204")],
    "letters": [(":status", "abc")],
    "above 599": [(":status", "999")],
    "a pseudo of requests": [(":status", "200"), (":path", "/")],
    "upper case": [(":status", "200"), ("X-A", "b")],
    "line break": [(":status", "200"), ("x", "a\r\nset-cookie: b=c")],
    "nul": [(":status", "200"), ("x", "a\0b")],
    "connection": [(":status", "200"), ("connection", "close")],
    "chunked": [(":status", "200"), ("transfer-encoding", "chunked")],
    "two lengths": [(":status", "200"), ("content-length", "1"), ("content-length", "2")],
    "length without body": [(":status", "200"), ("content-length", "1")],
}


@pytest.mark.parametrize("fields", _BAD.values(), ids=_BAD)
async def test_what_is_no_response_is_a_bad_gateway(fields: Fields, start_gateway: StartGateway) -> None:
    async def bad_once(peer: H2Peer) -> None:
        async for stream in requests(peer):
            await peer.send(fields if stream == 1 else OK, stream_id=stream)

    async with h2_peers.application(bad_once) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        client = await gateway.client()
        answer = await client.get("/")
        assert answer.status == 502
        assert "set-cookie" not in answer.headers
        assert (await client.get("/")).status == 200
        assert len(peers) == 1  # an error of the stream
        first, _ = await gateway.log(2)
        assert first["event"]["reason"].startswith("upstream_protocol_error")


@pytest.mark.parametrize(("length", "body"), [("3", b"ab"), ("1", b"ab")], ids=["shorter", "longer"])
async def test_a_body_that_is_not_as_long_as_it_says_is_cut_off(
    length: str, body: bytes, start_gateway: StartGateway
) -> None:
    async def wrong(peer: H2Peer) -> None:
        async for stream in requests(peer):
            await peer.send([*OK, ("content-length", length)], body, stream_id=stream)

    async with h2_peers.application(wrong) as (address, _):
        gateway = await start_gateway(address, over_h2())
        try:
            assert (await (await gateway.client()).get("/")).status == 502
        except CutOffError:
            (line,) = await gateway.log(1)
            assert line["airlock"]["summary"]["action"] == "failed"


async def test_an_application_without_http_2_is_a_bad_gateway(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def puzzled(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"what?", status="400 Bad Request")

    origin = await start_origin(puzzled)
    gateway = await start_gateway(origin.address, over_h2())
    assert (await (await gateway.client()).get("/")).status == 502
    assert gateway.port_metrics.upstream_connect_failures == 1


async def test_an_application_that_says_nothing_is_a_timeout(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 0.2)

    async def silent(connection: OriginConnection) -> None:
        await connection.closed()

    gateway = await start_gateway((await start_origin(silent)).address, over_h2())
    assert (await (await gateway.client()).get("/")).status == 504


# Streams that are refused, reset, or never looked at


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_request_is_sent_again_whatever_its_method(
    method: str, start_gateway: StartGateway
) -> None:
    async def refuse_the_first(peer: H2Peer) -> None:
        async for stream in requests(peer):
            if peer is peers[0]:
                peer.framing.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
                await peer.flush()
            else:
                await peer.send(OK, peer.received[stream].body, stream_id=stream)

    async with h2_peers.application(refuse_the_first) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        client = await gateway.client()
        fields = ("Content-Type: application/json", "Content-Length: 4")
        await client.send("\r\n".join([f"{method} / HTTP/1.1", "Host: shop", *fields, "", "[12]"]).encode())
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"[12]")
        assert len(await gateway.log(1)) == 1


async def test_a_request_that_is_always_refused_is_not_sent_for_ever(start_gateway: StartGateway) -> None:
    async def refuse(peer: H2Peer) -> None:
        async for stream in requests(peer):
            peer.framing.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            await peer.flush()

    async with h2_peers.application(refuse) as (address, peers):
        assert (await (await (await start_gateway(address, over_h2())).client()).get("/")).status == 502
        assert sum(len(peer.received) for peer in peers) == 2


async def test_a_reset_is_a_bad_gateway_and_not_sent_again(start_gateway: StartGateway) -> None:
    async def reset(peer: H2Peer) -> None:
        async for stream in requests(peer):
            peer.framing.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            await peer.flush()

    async with h2_peers.application(reset) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        assert (await (await gateway.client()).get("/")).status == 502
        assert sum(len(peer.received) for peer in peers) == 1


async def test_what_came_after_a_goaway_is_sent_elsewhere_and_the_rest_finishes(
    start_gateway: StartGateway,
) -> None:
    async def leave(peer: H2Peer) -> None:
        streams: list[int] = []
        async for stream in requests(peer):
            streams.append(stream)
            if len(peers) > 1:
                await peer.send(OK, b"second", stream_id=stream)
            elif len(streams) == 2:
                await peer.send_frames(GoAwayFrame(0, last_stream_id=1, error_code=0))
                await asyncio.sleep(0.05)
                await peer.send(OK, b"first", stream_id=1)

    async with h2_peers.application(leave) as (address, peers):
        gateway = await start_gateway(address, over_h2())
        one, two = await gateway.client(), await gateway.client()
        first = asyncio.ensure_future(one.get("/1", method="POST"))
        await eventually(lambda: peers and peers[0].received)
        second = asyncio.ensure_future(two.get("/2", method="POST"))
        assert (await first).body == b"first"
        assert (await second).body == b"second"
        assert (await one.get("/3")).body == b"second"


async def test_the_limit_of_streams_is_respected(start_gateway: StartGateway) -> None:
    most = 0

    async def few(peer: H2Peer) -> None:
        nonlocal most
        peer.framing.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
        await peer.flush()
        async for stream in requests(peer):
            open_streams = [each for each, message in peer.received.items() if message.ended]
            most = max(most, len(open_streams))
            await asyncio.sleep(0.02)
            await peer.send(OK, b"", stream_id=stream)
            peer.received.pop(stream)

    async with h2_peers.application(few) as (address, _):
        gateway = await start_gateway(address, over_h2())
        clients = [await gateway.client() for _ in range(10)]
        await clients[0].get("/")
        answers = await asyncio.gather(*(client.get("/") for client in clients))
        assert {answer.status for answer in answers} == {200}
        assert most <= 2


async def test_an_unused_connection_is_closed_in_time(start_gateway: StartGateway) -> None:
    async with h2_peers.application(h2_peers.echo) as (address, peers):
        gateway = await start_gateway(address, over_h2(upstream_idle_timeout=0.05))
        client = await gateway.client()
        assert (await client.get("/")).status == 200
        await eventually(lambda: peers[0].over)
        assert peers[0].goaway == [(ErrorCodes.NO_ERROR, 0)]
        assert (await client.get("/")).status == 200
        assert len(peers) == 2


async def test_a_connection_that_was_kept_and_died_is_replaced(start_gateway: StartGateway) -> None:
    async def die_after_one(peer: H2Peer) -> None:
        async for stream in requests(peer):
            if peer is peers[0] and stream > 1:
                return
            await peer.send(OK, b"ok", stream_id=stream)

    async with h2_peers.application(die_after_one) as (address, peers):
        client = await (await start_gateway(address, over_h2())).client()
        assert (await client.get("/")).status == 200
        assert (await client.get("/")).status == 200
        assert len(peers) == 2
