"""WebSocket and server-sent events with the libraries that people use."""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from certificates import authority, pem
from hypercorn_application import hypercorn_over_tls
from running_gateway import Gateway, StartGateway, eventually
from tls_configurations import IGNORED, MODERN, config, materials, server_tls
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from microgateway_common.ir.tls import ClientTls
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime

PATIENCE = 60.0

Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def server(handler: Handler = echo, **options: Any) -> AsyncIterator[Address]:
    async with serve(handler, "127.0.0.1", 0, max_size=None, **options) as listening:
        yield Address(*next(iter(listening.sockets)).getsockname()[:2])


Open = Callable[..., Awaitable[ClientConnection]]


@pytest.fixture
async def open_websocket() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_(gateway: Gateway, path: str = "/chat", **options: Any) -> ClientConnection:
            url = f"{'wss' if 'ssl' in options else 'ws'}://{gateway.address}{path}"
            connecting = connect(url, max_size=None, proxy=None, **options)
            return await stack.enter_async_context(connecting)

        yield open_


async def test_a_dialogue(start_gateway: StartGateway, open_websocket: Open) -> None:
    async with server(subprotocols=[Subprotocol("chat.v2")]) as address:
        gateway = await start_gateway(address)
        socket = await open_websocket(gateway, subprotocols=["chat.v1", "chat.v2"])
        assert socket.subprotocol == "chat.v2"
        assert socket.response is not None
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        for message in ("hello", b"\x00\xff", "", "ü" * 1000, "' UNION SELECT a FROM b--"):
            await socket.send(message)
            assert await socket.recv() == message
        await asyncio.wait_for(await socket.ping(), PATIENCE)
        await socket.close(4001, "enough")
        assert socket.close_code == 4001
        (line,) = await gateway.log(1)
        assert line["http"]["response"]["status_code"] == 101


async def test_over_tls(start_gateway: StartGateway, open_websocket: Open, tmp_path: Path) -> None:
    ca = authority()
    (tmp_path / "ca.crt").write_bytes(pem(ca.certificate))
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    secrets = materials(ca.leaf("shop.example", "127.0.0.1"), authority("Client CA"), b"")

    async def leaving(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())
        connection.transport.abort()

    for handler in (echo, leaving):
        async with server(handler) as address:
            gateway = await start_gateway(address, config(secrets, server_tls(IGNORED, MODERN)))
            socket = await open_websocket(gateway, ssl=trusting)
            await asyncio.wait_for(socket.send("x" * 1_000_000), PATIENCE)
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == "x" * 1_000_000
            if handler is echo:
                await socket.close()
            await asyncio.wait_for(socket.wait_closed(), PATIENCE)
            await eventually(lambda gateway=gateway: gateway.port_metrics.active == 0, "the end")  # type: ignore[misc]
            await gateway.server.drain(0)


SPEAKS_BOTH = """
async def app(scope, receive, send):
    await receive()
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["http_version"].encode()})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"].upper()})
"""


async def test_an_application_that_prefers_http2_over_tls(
    start_gateway: StartGateway, open_websocket: Open, tmp_path: Path
) -> None:
    async with hypercorn_over_tls(tmp_path, SPEAKS_BOTH) as address:
        gateway = await start_gateway(address, config({}, upstream=ClientTls(MODERN)))
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
            spoken, status = "", 0
            while status != 200:
                async with session.get(f"http://{gateway.address}/open/x") as response:
                    spoken, status = await response.text(), response.status
                await asyncio.sleep(0.05)
            assert spoken == "2"
            for _ in range(2):
                socket = await open_websocket(gateway)
                await socket.send("hello")
                assert await socket.recv() == "HELLO"
            async with session.get(f"http://{gateway.address}/open/x") as response:
                assert await response.text() == "2"


async def test_the_application_closes(start_gateway: StartGateway, open_websocket: Open) -> None:
    async def closing(connection: ServerConnection) -> None:
        await connection.close(4002, "gone")

    async with server(closing) as address:
        socket = await open_websocket(await start_gateway(address))
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), PATIENCE)
        assert (socket.close_code, socket.close_reason) == (4002, "gone")


async def test_an_application_that_refuses(start_gateway: StartGateway, open_websocket: Open) -> None:
    async def script(request: web.BaseRequest) -> web.Response:
        return web.Response(status=403, text="not you")

    async with web_server(script) as address:
        with pytest.raises(InvalidStatus) as refused:
            await open_websocket(await start_gateway(address))
        assert refused.value.response.status_code == 403


async def test_an_attack_in_the_handshake_is_blocked(
    start_gateway: StartGateway, open_websocket: Open
) -> None:
    async with server() as address:
        gateway = await start_gateway(address)
        with pytest.raises(InvalidStatus) as refused:
            await open_websocket(gateway, "/chat?q=%27%20UNION%20SELECT%20a%20FROM%20b--")
        assert refused.value.response.status_code == 400
        with pytest.raises(InvalidStatus):
            await open_websocket(gateway, additional_headers={"X-Name": "' UNION SELECT a FROM b--"})


async def test_ten_thousand_messages(start_gateway: StartGateway, open_websocket: Open) -> None:
    async with server() as address:
        socket = await open_websocket(await start_gateway(address))
        count = 10_000

        async def send() -> None:
            for number in range(count):
                await socket.send(f"message {number}")

        sending = asyncio.create_task(send())
        async with asyncio.timeout(PATIENCE):
            for number in range(count):
                assert await socket.recv() == f"message {number}"
        await sending


async def test_large_messages_take_no_memory(start_gateway: StartGateway, open_websocket: Open) -> None:
    """In fragments, so that neither end keeps them."""
    piece, count = os.urandom(256 * 1024), 400

    async def swallow(connection: ServerConnection) -> None:
        size = 0
        async for fragment in connection.recv_streaming(decode=False):
            size += len(fragment)
        await connection.send(str(size))

    async with server(swallow, compression=None) as address:
        socket = await open_websocket(await start_gateway(address), compression=None)
        await socket.ping()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with asyncio.timeout(PATIENCE):
            await socket.send(piece for _ in range(count))
            assert await socket.recv() == str(len(piece) * count)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


async def test_an_open_socket_outlives_reloads(
    start_gateway: StartGateway, open_websocket: Open, make_runtime: Callable[..., Runtime]
) -> None:
    async with server() as address:
        gateway = await start_gateway(address)
        sockets = [await open_websocket(gateway) for _ in range(10)]
        for generation in range(2, 20):
            gateway.server.serve(make_runtime(generation=generation))
            for socket in sockets:
                await socket.send(f"generation {generation}")
            for socket in sockets:
                assert await socket.recv() == f"generation {generation}"


@asynccontextmanager
async def web_server(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[Address]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Address(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def test_aiohttp_on_both_sides(start_gateway: StartGateway) -> None:
    async def talk(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    async with web_server(talk) as address:
        gateway = await start_gateway(address)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://{gateway.address}/chat", compress=15) as socket,
        ):
            await socket.send_str("hello")
            assert (await socket.receive(PATIENCE)).data == "HELLO"


async def test_events_arrive_one_by_one(start_gateway: StartGateway) -> None:
    """Server-sent events: what the application sends arrives before it sends more."""
    seen = asyncio.Event()

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(20):
            await response.write(f"id: {number}\ndata: news\n\n".encode())
            await asyncio.wait_for(seen.wait(), PATIENCE)
            seen.clear()
        return response

    async with web_server(events) as address:
        gateway = await start_gateway(address)
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"http://{gateway.address}/events", headers={"Accept": "text/event-stream"}
            ) as response,
        ):
            assert response.content_type == "text/event-stream"
            for number in range(20):
                event = await asyncio.wait_for(response.content.readuntil(b"\n\n"), PATIENCE)
                assert event == f"id: {number}\ndata: news\n\n".encode()
                seen.set()
            assert await response.content.read() == b""
