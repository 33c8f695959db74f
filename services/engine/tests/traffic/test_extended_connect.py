"""WebSocket on streams of HTTP/2 (RFC 8441), from a client and to applications of both versions."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import engine_configurations as configurations
import h2_peers
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from h2_peers import Fields, H2Peer, Message
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn_application import hypercorn_over_tls
from msgspec.structs import replace
from running_gateway import Gateway, StartGateway, eventually
from scripted_origin import OriginConnection, Script, StartOrigin
from tls_configurations import MODERN
from websockets.asyncio.server import ServerConnection, serve
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage
from wsproto.extensions import PerMessageDeflate

from microgateway_common.ir.gateway import AutoProtocol, GatewayConfig, Http2Protocol, Protocol
from microgateway_common.ir.tls import ClientTls
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http1.websocket import UPGRADE_LINES, accept_for

AUTO = AutoProtocol(allow_connect=True)
H2 = Http2Protocol(allow_connect=True)
ATTACK = "/chat?q=%27%20UNION%20SELECT%20a%20FROM%20b--"


def config(upstream: Protocol = AUTO, protocol: Protocol = AUTO, **seconds: float) -> GatewayConfig:
    application = configurations.application(
        protocol=protocol,
        upstream_protocol=upstream,
        **seconds,  # type: ignore[arg-type]
    )
    return configurations.gateway_config(application)


def websocket(path: str = "/chat", *more: tuple[str, str], protocol: str = "websocket") -> Fields:
    return [
        (":method", "CONNECT"),
        (":protocol", protocol),
        (":scheme", "http"),
        (":authority", "shop"),
        (":path", path),
        ("sec-websocket-version", "13"),
        *more,
    ]


@asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[H2Peer]:
    client = await h2_peers.connect(gateway.address)
    try:
        await client.until(lambda: client.saw("RemoteSettingsChanged"), "settings")
        yield client
    finally:
        client.close()


async def opened(client: H2Peer, *more: tuple[str, str]) -> tuple[int, Message]:
    stream = await client.send(websocket("/chat", *more), end=False)
    message = client.received.setdefault(stream, Message())
    await client.until(lambda: message.headers, "an answer")
    assert message.status == 200
    return stream, message


def announces(client: H2Peer) -> bool:
    return client.framing.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0) == 1


def switching(then: Script, *lines: str) -> Script:
    """An application of HTTP/1.1 that agrees, whatever key it is given."""

    async def script(connection: OriginConnection) -> None:
        head = await connection.head()
        if not head:
            return
        (key,) = [line[19:] for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key: ")]
        assert len(base64.b64decode(key)) == 16
        said = b"".join(line.encode() + b"\r\n" for line in lines)
        accept = b"sec-websocket-accept: %b\r\n" % accept_for(key)
        await connection.send(b"HTTP/1.1 101 x\r\n" + UPGRADE_LINES + accept + said + b"\r\n")
        await then(connection)

    return script


async def echo(connection: OriginConnection) -> None:
    while data := await connection.reader.read(1 << 16):
        await connection.send(data)


class WebSocket:
    """Frames of WebSocket on a stream, by a library."""

    def __init__(self, client: H2Peer, stream: int, message: Message) -> None:
        extensions = [PerMessageDeflate()] if "sec-websocket-extensions" in message.headers else []
        self._frames = Connection(ConnectionType.CLIENT, extensions)  # type: ignore[arg-type]
        self._client, self._stream, self._message = client, stream, message
        self._events: list[Any] = []
        self._seen = 0

    async def send(self, event: Any, *, end: bool = False) -> None:
        await self._client.send_body(self._stream, self._frames.send(event), end=end)

    async def next(self) -> Any:
        def look() -> bool:
            body = bytes(self._message.body[self._seen :])
            self._seen += len(body)
            if body:
                self._frames.receive_data(body)
                self._events += self._frames.events()
            return bool(self._events)

        await self._client.until(look, "a WebSocket event")
        return self._events.pop(0)


async def upper(connection: ServerConnection) -> None:
    async for message in connection:
        assert isinstance(message, str)
        await connection.send(message.upper())


async def talk(gateway: Gateway, *, reset: bool = False) -> None:
    """reset: the client leaves without END_STREAM."""
    async with client_of(gateway) as client:
        assert announces(client)
        stream, message = await opened(client)
        socket_ = WebSocket(client, stream, message)
        for text in ("hello", "tea " * 100_000):
            await socket_.send(TextMessage(data=text))
            got = ""
            while len(got) < len(text):
                got += (await socket_.next()).data
            assert got == text.upper()
        await socket_.send(CloseConnection(code=4001, reason="enough"))
        assert (await socket_.next()).code == 4001
        if reset:
            client.framing.reset_stream(stream, ErrorCodes.CANCEL)
            await client.flush()
        else:
            await client.send_body(stream, b"")
            answer = await client.answer(stream)
            assert (answer.ended, answer.reset) == (True, None)
    (line,) = await gateway.log(1)
    assert line["http"]["response"]["status_code"] == 200
    assert line["airlock"]["summary"]["action"] == "forwarded"
    assert line["http"]["request"]["body"]["bytes"] > 400_000


async def test_websockets_as_http1_application(start_gateway: StartGateway) -> None:
    async with serve(upper, "127.0.0.1", 0, max_size=None, compression=None) as listening:
        address = Address(*next(iter(listening.sockets)).getsockname()[:2])
        await talk(await start_gateway(address, config()))


@asynccontextmanager
async def hypercorn() -> AsyncIterator[Address]:
    """An application that speaks WebSocket over HTTP/2 without TLS."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        assert scope["http_version"] == "2"
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address(*listening.getsockname())
        settings = Config()
        settings.bind = [f"fd://{listening.fileno()}"]
        settings.loglevel = "CRITICAL"
        stop = asyncio.Event()
        serving = asyncio.ensure_future(hypercorn_serve(app, settings, shutdown_trigger=stop.wait))
        try:
            yield address
        finally:
            stop.set()
            await serving
            listening.detach()


async def test_hypercorn_as_http2_application(start_gateway: StartGateway) -> None:
    async with hypercorn() as address:
        # After the closing handshake it forgets the stream, and an END_STREAM would break its connection.
        await talk(await start_gateway(address, config(H2)), reset=True)


def agreeing(then: h2_peers.Script) -> h2_peers.Script:
    """An application of HTTP/2 that opens the tunnel on its first stream."""

    async def script(peer: H2Peer) -> None:
        peer.framing.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
        await peer.flush()
        await peer.until(lambda: peer.received.get(1, Message()).headers, "a request")
        await peer.send([(":status", "200"), ("sec-websocket-protocol", "chat")], end=False, stream_id=1)
        await then(peer)

    return script


async def test_both_halves_end_on_their_own_over_http2(start_gateway: StartGateway) -> None:
    async def script(peer: H2Peer) -> None:
        asked = peer.received[1]
        assert asked.headers[":method"] == "CONNECT"
        assert asked.headers[":protocol"] == "websocket"
        assert asked.headers[":path"] == "/chat"
        assert asked.headers[":authority"] == "shop"
        assert "sec-websocket-key" not in asked.headers
        await peer.until(lambda: asked.ended, "the client's end")
        await peer.send_body(1, b"got " + asked.body)
        await peer.closed()

    async with (
        h2_peers.application(agreeing(script)) as (address, _),
        client_of(await start_gateway(address, config(H2))) as client,
    ):
        stream, message = await opened(client)
        assert message.headers["sec-websocket-protocol"] == "chat"
        await client.send_body(stream, b"tea " * 100_000)
        answer = await client.answer(stream)
        assert (answer.ended, answer.reset, answer.body) == (True, None, b"got " + b"tea " * 100_000)


async def test_a_reset_goes_on_over_http2(start_gateway: StartGateway) -> None:
    async def script(peer: H2Peer) -> None:
        peer.framing.reset_stream(1, ErrorCodes.INTERNAL_ERROR)
        await peer.flush()
        await peer.until(lambda: peer.received.get(3, Message()).headers, "another")
        await peer.send([(":status", "200")], end=False, stream_id=3)
        await peer.until(lambda: peer.received[3].reset is not None, "the client's reset")
        assert peer.received[3].reset == ErrorCodes.CANCEL
        reset.set()
        await peer.closed()

    reset = asyncio.Event()
    async with (
        h2_peers.application(agreeing(script)) as (address, _),
        client_of(await start_gateway(address, config(H2))) as client,
    ):
        _, message = await opened(client)
        await client.until(lambda: message.reset is not None, "a reset")
        assert message.reset == ErrorCodes.CANCEL
        stream, _ = await opened(client)
        client.framing.reset_stream(stream, ErrorCodes.CANCEL)
        await client.flush()
        await asyncio.wait_for(reset.wait(), 30)


async def test_the_application_sees_an_ordinary_handshake(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    of_one_connection = ("connection: x-hop", "x-hop: 1")
    answer = ("sec-websocket-protocol: chat", "x-more: yes", *of_one_connection)
    origin = await start_origin(switching(echo, *answer))
    async with client_of(await start_gateway(origin.address, config())) as client:
        theirs = ("sec-websocket-key", "bm90IHRoZSBnYXRld2F5cw==")
        stream, message = await opened(client, ("sec-websocket-protocol", "chat"), theirs)
        assert message.headers["sec-websocket-protocol"] == "chat"
        assert message.headers["x-response"] == "out"
        assert not {"sec-websocket-accept", "upgrade", "connection", "x-hop"} & set(message.headers)
        (asked,) = origin.heads
        lines = asked.split(b"\r\n")
        assert lines[0] == b"GET /chat HTTP/1.1"
        assert lines.count(b"connection: upgrade") == lines.count(b"upgrade: websocket") == 1
        assert b"sec-websocket-version: 13" in lines
        assert b"x-request: in" in lines
        assert b"bm90IHRoZSBnYXRld2F5cw==" not in asked
        await client.send_body(stream, b"GET / HTTP/1.1\r\n\r\n", end=False)
        await client.until(lambda: message.body == b"GET / HTTP/1.1\r\n\r\n", "the echo")


@pytest.mark.parametrize("upstream", [AUTO, H2], ids=["HTTP/1.1", "HTTP/2"])
async def test_nothing_reaches_an_application_that_has_not_agreed(
    upstream: Protocol, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """What the client sends early would be read as its next request."""
    attack = f"GET {ATTACK} HTTP/1.1\r\nHost: shop\r\n\r\n".encode()
    seen = b""
    if upstream is AUTO:

        async def refusing(connection: OriginConnection) -> None:
            nonlocal seen
            await connection.head()
            await asyncio.sleep(0.1)
            await connection.send(b"HTTP/1.1 403 x\r\ncontent-length: 2\r\n\r\nno")
            seen = await connection.reader.read()

        address = (await start_origin(refusing)).address
        async with client_of(await start_gateway(address, config())) as client:
            answer = await client.answer(await client.send(websocket(), attack, end=False))
            assert (answer.status, answer.body) == (403, b"no")
    else:

        async def refusing2(peer: H2Peer) -> None:
            nonlocal seen
            peer.framing.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
            await peer.flush()
            await peer.until(lambda: peer.received.get(1, Message()).headers)
            await asyncio.sleep(0.1)
            await peer.send([(":status", "403")], b"no", stream_id=1)
            while await peer.read_once():
                seen = bytes(peer.received[1].body)

        async with (
            h2_peers.application(refusing2) as (address, _),
            client_of(await start_gateway(address, config(H2))) as client,
        ):
            answer = await client.answer(await client.send(websocket(), attack, end=False))
            assert (answer.status, answer.body) == (403, b"no")
    assert seen == b""


async def test_what_came_early_arrives_once_it_is_agreed(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def all_of_it(connection: OriginConnection) -> None:
        await connection.send(b"got " + await connection.reader.read())

    origin = await start_origin(switching(all_of_it))
    async with client_of(await start_gateway(origin.address, config())) as client:
        answer = await client.ask(websocket(), b"early" * 40_000)
        assert answer.body == b"got " + b"early" * 40_000
        assert answer.reset is None


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    ],
)
async def test_what_is_no_agreement_is_an_error(
    head: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(head.encode())
        await connection.closed()

    origin = await start_origin(script)
    async with client_of(await start_gateway(origin.address, config())) as client:
        stream = await client.send(websocket(), end=False)
        assert (await client.answer(stream)).status == 502


async def test_the_handshake_is_inspected(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    origin = await start_origin(switching(echo))
    async with client_of(await start_gateway(origin.address, config())) as client:
        stream = await client.send(websocket(ATTACK), end=False)
        assert (await client.answer(stream)).status == 400
        stream = await client.send(websocket("/", ("x-name", "' UNION SELECT a FROM b--")), end=False)
        assert (await client.answer(stream)).status == 400
    assert origin.connections == 0


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (websocket(protocol="connect-udp"), 501),
        ([(":method", "CONNECT"), (":authority", "elsewhere:443")], 501),
        ([field for field in websocket() if field[0] != ":path"], 400),
        ([field for field in websocket() if field[0] != ":scheme"], 400),
        ([field for field in websocket() if field[0] != ":authority"], 400),
        ([(":method", "GET"), *websocket()[1:]], 400),
        (websocket("/chat", ("content-length", "5")), 400),
    ],
)
async def test_other_tunnels_are_refused(
    fields: Fields, status: int, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    async with client_of(await start_gateway(origin.address, config())) as client:
        assert (await client.answer(await client.send(fields, end=False))).status == status
        assert (await client.ask(websocket())).status == 400  # it ends with its head
    assert origin.connections == 0


@pytest.mark.parametrize(
    ("protocol", "upstream", "announced", "status"),
    [
        (AutoProtocol(allow_connect=False), AUTO, False, 400),
        (AUTO, Http2Protocol(allow_connect=False), True, 501),
    ],
)
async def test_what_is_not_allowed(
    protocol: Protocol,
    upstream: Protocol,
    announced: bool,
    status: int,
    start_origin: StartOrigin,
    start_gateway: StartGateway,
) -> None:
    origin = await start_origin(switching(echo))
    async with client_of(await start_gateway(origin.address, config(upstream, protocol))) as client:
        assert announces(client) is announced
        assert (await client.answer(await client.send(websocket(), end=False))).status == status
        plain = await client.send([(":method", "CONNECT"), (":authority", "shop:80")], end=False)
        assert (await client.answer(plain)).status == 501
    assert origin.connections == 0


async def test_a_permission_that_was_withdrawn(
    start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    """SETTINGS cannot be taken back: a request is refused, and tunnels go on."""
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address, config())
    async with client_of(gateway) as client:
        stream, message = await opened(client)
        forbidding = config(protocol=AutoProtocol(allow_connect=False))
        gateway.server.serve(make_runtime(forbidding, generation=2))
        assert (await client.answer(await client.send(websocket(), end=False))).status == 501
        await client.send_body(stream, b"ping", end=False)
        await client.until(lambda: message.body == b"ping", "the echo")


TELLS_ITS_VERSION = """
async def app(scope, receive, send):
    await receive()
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["http_version"].encode()})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["http_version"]})
    await receive()
"""


async def test_with_auto_an_application_is_asked_as_it_speaks(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    """Over TLS: by HTTP/1.1 at first, on its connection of HTTP/2 once there is one."""
    async with hypercorn_over_tls(tmp_path, TELLS_ITS_VERSION) as address:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(*address)
                writer.close()
                break
            await asyncio.sleep(0.05)
        allowing = config()
        (application,) = allowing.applications
        upstream = replace(application.upstream, tls=ClientTls(MODERN))
        allowing = replace(allowing, applications=(replace(application, upstream=upstream),))
        async with client_of(await start_gateway(address, allowing)) as client:
            for version in ("1.1", "2"):
                stream, message = await opened(client)
                socket_ = WebSocket(client, stream, message)
                assert (await socket_.next()).data == version
                await socket_.send(CloseConnection(code=1000))
                await socket_.next()
                client.framing.reset_stream(stream, ErrorCodes.CANCEL)
                assert (await client.ask(h2_peers.get("/open"))).body == b"2"


async def test_an_http2_application_that_does_not_announce_it(start_gateway: StartGateway) -> None:
    async with (
        h2_peers.application(h2_peers.echo) as (address, peers),
        client_of(await start_gateway(address, config(H2))) as client,
    ):
        for _ in range(2):
            assert (await client.answer(await client.send(websocket(), end=False))).status == 502
        assert (await client.ask(h2_peers.get("/x"))).body == b"/x\n"
        assert all(not peer.received.get(1, Message()).headers.get(":protocol") for peer in peers)


@pytest.mark.parametrize("who", ["client", "application"])
async def test_a_side_that_breaks_off_breaks_the_other(
    who: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    ended = asyncio.Event()

    async def script(connection: OriginConnection) -> None:
        if who == "application":
            await connection.reader.readexactly(2)
            connection.reset()
        else:
            await connection.closed()
        ended.set()

    origin = await start_origin(switching(script))
    gateway = await start_gateway(origin.address, config())
    async with client_of(gateway) as client:
        stream, message = await opened(client)
        if who == "client":
            client.framing.reset_stream(stream, ErrorCodes.CANCEL)
            await client.flush()
        else:
            await client.send_body(stream, b"go", end=False)
            await client.until(lambda: message.reset is not None, "a reset")
            assert message.reset == ErrorCodes.CANCEL
        await asyncio.wait_for(ended.wait(), 30)
        assert len(await gateway.log(1)) == 1


async def test_the_application_may_stop_sending_first(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    rest = b""

    async def script(connection: OriginConnection) -> None:
        nonlocal rest
        connection.writer.write_eof()
        rest = await connection.reader.read()

    origin = await start_origin(switching(script))
    gateway = await start_gateway(origin.address, config())
    async with client_of(gateway) as client:
        stream, message = await opened(client)
        await client.until(lambda: message.ended, "the end")
        await client.send_body(stream, b"still here")
        await eventually(lambda: rest == b"still here", "the rest")
        (line,) = await gateway.log(1)
        assert line["airlock"]["summary"]["action"] == "forwarded"


async def test_silence_ends_a_tunnel_and_other_limits_do_not(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    limits = config(idle_timeout=1.0, request_timeout=0.3, upstream_timeout=0.3)
    gateway = await start_gateway(origin.address, limits)
    async with client_of(gateway) as client:
        stream, message = await opened(client)
        for number in range(1, 5):
            await asyncio.sleep(0.4)
            await client.send_body(stream, b"ping", end=False)
            await client.until(lambda number=number: message.body == b"ping" * number, "the echo")  # type: ignore[misc]
        await client.until(lambda: message.ended, "the end")
    (line,) = await gateway.log(1)
    assert "tunnel_idle_timeout" in str(line)


async def test_an_application_that_does_not_answer_in_time(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def silent(connection: OriginConnection) -> None:
        await connection.closed()

    origin = await start_origin(silent)
    async with client_of(await start_gateway(origin.address, config(upstream_timeout=0.1))) as client:
        assert (await client.answer(await client.send(websocket(), end=False))).status == 504


async def test_a_pod_that_loses_its_gateway_loses_its_tunnels(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address, config())
    async with client_of(gateway) as client:
        _, message = await opened(client)
        gateway.server.serve(None)
        await client.closed()
        assert message.ended
        assert len(await gateway.log(1)) == 1


async def test_a_drain_ends_tunnels_at_its_deadline(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(switching(echo))
    gateway = await start_gateway(origin.address, config())
    async with client_of(gateway) as client:
        stream, message = await opened(client)
        draining = asyncio.create_task(gateway.server.drain(2))
        await asyncio.sleep(0.3)
        await client.send_body(stream, b"ping", end=False)
        await client.until(lambda: message.body == b"ping", "the echo")
        await client.closed()
        await draining
        assert len(await gateway.log(1)) == 1


@pytest.mark.parametrize("who", ["client", "application"])
async def test_who_reads_slowly_holds_up_the_other(
    who: str, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Memory is bounded by windows and what nobody takes is not read."""
    size, sent, go_on = 32 * 1024 * 1024, 0, asyncio.Event()

    async def script(connection: OriginConnection) -> None:
        nonlocal sent
        if who == "client":
            while sent < size:
                await connection.send(b"x" * 65536)
                sent += 65536
        else:
            await go_on.wait()
            left = size
            while left:
                left -= len(await connection.reader.read(1 << 20))
            await connection.send(b"done")
        await connection.closed()

    async def pour(client: H2Peer, stream: int) -> None:
        nonlocal sent
        while sent < size:
            await client.send_body(stream, b"x" * 65536, end=False)
            sent += 65536

    origin = await start_origin(switching(script))
    async with client_of(await start_gateway(origin.address, config())) as client:
        client.acknowledge = False
        stream, message = await opened(client)
        sending = None if who == "client" else asyncio.create_task(pour(client, stream))
        before = -1
        while before != sent or not sent:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < size
        go_on.set()
        if sending is None:
            client.acknowledge = True
            client.framing.increment_flow_control_window(2**30)
            client.framing.increment_flow_control_window(2**30, stream)
            await client.flush()
            await client.until(lambda: len(message.body) == size, "all of it")
        else:
            await sending
            await client.until(lambda: message.body == b"done", "the answer")
