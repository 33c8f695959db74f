"""Other protocols through the gateway: what may become a tunnel, and how one ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import math

import engine_configurations as configurations
import pytest
from raw_client import RawClient
from running_gateway import Gateway, StartGateway, eventually
from scripted_origin import OriginConnection, Script, StartOrigin

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_engine.traffic import tunnel

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
).decode()

UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
HANDSHAKE = (*UPGRADE, f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
AGREED = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n"
)


def limits(**seconds: float) -> GatewayConfig:
    return configurations.gateway_config(configurations.application(**seconds))  # type: ignore[arg-type]


def request(*fields: str, target: str = "/chat", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: shop", *fields, "", ""]).encode()


def switching(then: Script, head: str = AGREED, behind: bytes = b"") -> Script:
    async def script(connection: OriginConnection) -> None:
        if await connection.head():
            await connection.send(head.encode() + b"\r\n" + behind)
            await then(connection)

    return script


async def echo(connection: OriginConnection) -> None:
    while data := await connection.reader.read(1 << 16):
        await connection.send(data)


async def switched(gateway: Gateway, behind: bytes = b"") -> tuple[RawClient, bytes]:
    """A client whose tunnel is open, and the head of the 101."""
    client = await gateway.client()
    await client.send(request(*HANDSHAKE) + behind)
    async with asyncio.timeout(30):
        head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    return client, head


async def test_bytes_go_both_ways(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client, head = await switched(gateway)
    lines = head.lower().split(b"\r\n")
    assert lines.count(b"connection: upgrade") == lines.count(b"upgrade: websocket") == 1
    assert f"sec-websocket-accept: {ACCEPT}".lower().encode() in lines
    (asked,) = origin.heads
    asked_lines = asked.lower().split(b"\r\n")
    assert asked_lines.count(b"connection: upgrade") == asked_lines.count(b"upgrade: websocket") == 1
    for message in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000):
        await client.send(message)
        assert await client.reader.readexactly(len(message)) == message
    client.end()
    assert await client.closed() == b""
    (line,) = await gateway.log(1)
    assert line["http"]["response"]["status_code"] == 101
    assert line["airlock"]["summary"]["action"] == "forwarded"
    size = 6 + 18 + 100_000
    assert line["http"]["request"]["body"]["bytes"] == size
    assert line["http"]["response"]["body"]["bytes"] == size
    assert gateway.port_metrics.active == 0
    assert gateway.port_metrics.by_class[1] == 1


async def test_what_came_behind_the_heads_is_not_lost(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo, behind=b"welcome "))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway, behind=b"early")
    assert await client.reader.readexactly(13) == b"welcome early"


async def test_either_side_may_stop_sending_first(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def after_the_end(connection: OriginConnection) -> None:
        data = await connection.reader.read()
        await connection.send(b"got " + data)

    origin = await start_origin(switching(after_the_end))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    await client.send(b"all")
    client.end()
    assert await client.closed() == b"got all"

    async def ending_first(connection: OriginConnection) -> None:
        connection.writer.write_eof()
        assert await connection.reader.read() == b"still here"

    origin = await start_origin(switching(ending_first))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    assert await client.closed() == b""
    await client.send(b"still here")
    client.end()
    await eventually(lambda: gateway.port_metrics.active == 0, "the end")


@pytest.mark.parametrize("who", ["client", "application"])
async def test_a_side_that_breaks_off_breaks_the_other(
    who: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    ended = asyncio.Event()

    async def script(connection: OriginConnection) -> None:
        if who == "application":
            connection.reset()
        else:
            await connection.closed()
        ended.set()

    origin = await start_origin(switching(script))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    if who == "client":
        client.reset()
    else:
        assert await client.refused()
    await asyncio.wait_for(ended.wait(), 30)
    await eventually(lambda: gateway.port_metrics.active == 0, "the end")
    assert len(await gateway.log(1)) == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.1 101 Switching Protocols\r\n", 502),
        (f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {ACCEPT}\r\n", 502),
        (AGREED.replace("websocket", "h2c"), 502),
        (AGREED.replace(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), 502),
        ("HTTP/1.1 426 x\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", 426),
        ("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n", 200),
    ],
)
async def test_what_was_not_agreed_on_stays_http(
    head: str, status: int, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """The classic smuggling of WebSocket: a gateway that goes blind lets the next request pass unread."""

    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(head.encode() + b"\r\n")
        while await connection.head():
            await connection.respond(b"secret")

    origin = await start_origin(script)
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    attack = request(target="/?q=%27%20UNION%20SELECT%20a%20FROM%20b--")
    await client.send(request(*HANDSHAKE) + attack)
    answer = await client.answer()
    assert answer.status == status
    assert "upgrade" not in answer.headers
    assert (await client.answer()).status == 400
    assert len(origin.heads) == 1


@pytest.mark.parametrize(
    "fields",
    [
        ("Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}"),
        ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
        ("Upgrade: TLS/1.0", "Connection: Upgrade"),
        (*UPGRADE,),
    ],
)
async def test_other_upgrades_are_not_passed_on(
    fields: tuple[str, ...], start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    assert (await client.get("/", *fields)).status == 200
    assert b"upgrade" not in origin.heads[0].lower()
    assert b"http2-settings" not in origin.heads[0].lower()


async def test_an_upgrade_with_a_body_is_an_ordinary_request(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin()
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    await client.send(request(*HANDSHAKE, "Content-Length: 4") + b"body")
    assert (await client.answer()).body == b"/chat\nbody"
    assert b"upgrade" not in origin.heads[0].lower()


async def test_a_101_that_nobody_asked_for_is_an_error(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    assert (await client.get("/")).status == 502
    # Not on a connection either that carried one before.
    assert (await client.get("/")).status == 502


async def test_the_head_is_inspected(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    answer = await client.get("/chat?q=%27%20UNION%20SELECT%20a%20FROM%20b--", *HANDSHAKE)
    assert answer.status == 400
    assert origin.heads == []


async def test_connect_is_refused(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    origin = await start_origin()
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    await client.send(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n")
    assert (await client.answer("CONNECT")).status == 501
    assert origin.connections == 0


async def test_silence_ends_a_tunnel(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address, limits(idle_timeout=1.0))
    client, _ = await switched(gateway)
    for _ in range(5):
        await asyncio.sleep(0.25)
        await client.send(b"ping")
        assert await client.reader.readexactly(4) == b"ping"
    assert await client.closed() == b""
    (line,) = await gateway.log(1)
    assert "tunnel_idle_timeout" in str(line)


async def test_time_limits_of_requests_do_not_end_it(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    config = limits(request_timeout=0.2, upstream_timeout=0.2)
    gateway = await start_gateway(origin.address, config)
    client, _ = await switched(gateway)
    await asyncio.sleep(0.5)
    await client.send(b"ping")
    assert await client.reader.readexactly(4) == b"ping"


async def test_an_application_that_does_not_answer_in_time(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def silent(connection: OriginConnection) -> None:
        await connection.closed()

    origin = await start_origin(silent)
    gateway = await start_gateway(origin.address, limits(upstream_timeout=0.1))
    client = await gateway.client()
    assert (await client.get("/", *HANDSHAKE)).status == 504


@pytest.mark.parametrize("who", ["client", "application"])
async def test_who_reads_slowly_holds_up_the_other(
    who: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Memory is bounded: what nobody takes is not read."""
    size = 32 * 1024 * 1024
    sent = 0
    go_on = asyncio.Event()
    received = asyncio.Event()

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < size:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async def swallow(reader: asyncio.StreamReader) -> None:
        await go_on.wait()
        for _ in range(size // 65536):
            await reader.readexactly(65536)
        received.set()

    async def script(connection: OriginConnection) -> None:
        if who == "client":
            await pour(connection.writer)
        else:
            await swallow(connection.reader)
        await connection.closed()

    origin = await start_origin(switching(script))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    work = asyncio.create_task(swallow(client.reader) if who == "client" else pour(client.writer))
    before = -1
    while before != sent or not sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < size
    go_on.set()
    await asyncio.wait_for(received.wait(), 60)
    await work


async def test_a_drain_ends_tunnels_at_its_deadline(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    draining = asyncio.create_task(gateway.server.drain(2))
    await asyncio.sleep(0.3)
    await client.send(b"ping")
    assert await client.reader.readexactly(4) == b"ping"
    assert await client.refused()
    await draining
    assert len(await gateway.log(1)) == 1


async def test_a_drain_does_not_wait_for_a_tunnel_that_ends(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    draining = asyncio.create_task(gateway.server.drain(60))
    await asyncio.sleep(0.05)
    client.end()
    await asyncio.wait_for(draining, 30)


async def test_a_pod_that_loses_its_gateway_loses_its_tunnels(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    gateway.server.serve(None)
    assert await client.closed() == b""


async def test_what_cannot_be_delivered_does_not_stay_for_ever(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "LINGER", 0.2)

    async def deaf(connection: OriginConnection) -> None:
        await asyncio.sleep(math.inf)

    origin = await start_origin(switching(deaf))
    gateway = await start_gateway(origin.address)
    client, _ = await switched(gateway)
    client.writer.write(b"x" * 20_000_000)
    await asyncio.sleep(0.3)
    gateway.server.serve(None)
    with contextlib.suppress(ConnectionError):
        await client.closed()
    await eventually(lambda: gateway.port_metrics.active == 0, "the end")
