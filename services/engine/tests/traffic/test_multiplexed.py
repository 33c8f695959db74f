"""Peers that keep the gateway busy with nothing: each is sent away, and the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from h2.errors import ErrorCodes
from h2_peers import H2Peer, connect, get
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from running_gateway import Gateway, StartGateway, eventually
from scripted_origin import OriginConnection, StartOrigin

Attack = Callable[[H2Peer], Awaitable[None]]


async def repeat(client: H2Peer, frame: Frame, times: int = 5000) -> None:
    await client.send_frames(*[frame] * times)


def block(*fields: tuple[str, str]) -> bytes:
    encoded: bytes = Encoder().encode([*get("/"), *fields])
    return encoded


async def pings(client: H2Peer) -> None:
    await repeat(client, PingFrame(0, b"12345678"))


async def settings(client: H2Peer) -> None:
    await repeat(client, SettingsFrame(0, {4: 65535}))


async def priorities(client: H2Peer) -> None:
    await repeat(client, PriorityFrame(5, depends_on=3))


async def window_updates(client: H2Peer) -> None:
    await repeat(client, WindowUpdateFrame(0, window_increment=1))


async def unknown_frames(client: H2Peer) -> None:
    client.writer.write(b"\0\0\0\x7f\0\0\0\0\0" * 5000)
    await client.writer.drain()


async def empty_data(client: H2Peer) -> None:
    await client.send(get("/open", method="POST"), end=False)
    await repeat(client, DataFrame(1, b""))


async def padding(client: H2Peer) -> None:
    """Frames of nothing but padding use windows up and bring nothing."""
    await client.send(get("/open", method="POST"), end=False)
    await repeat(client, DataFrame(1, b"", pad_length=1, flags=["PADDED"]))


async def rapid_reset(client: H2Peer) -> None:
    """CVE-2023-44487."""
    head = block()
    frames: list[Frame] = []
    for number in range(1000):
        stream = 2 * number + 1
        frames += (
            HeadersFrame(stream, head, flags=["END_HEADERS", "END_STREAM"]),
            RstStreamFrame(stream, error_code=8),
        )
    await client.send_frames(*frames)


async def made_resets(client: H2Peer) -> None:
    """CVE-2025-8671: streams that the gateway has to reset."""
    head = block()
    frames: list[Frame] = []
    for number in range(1000):
        stream = 2 * number + 1
        frames += (
            HeadersFrame(stream, head, flags=["END_HEADERS", "END_STREAM"]),
            WindowUpdateFrame(stream, window_increment=2**31 - 1),
        )
    await client.send_frames(*frames)


async def too_many_streams(client: H2Peer) -> None:
    head = block()
    await client.send_frames(
        *(HeadersFrame(2 * number + 1, head, flags=["END_HEADERS"]) for number in range(1000))
    )


async def continuations(client: H2Peer) -> None:
    """CVE-2024-27316."""
    await client.send_frames(HeadersFrame(1, block(), flags=["END_STREAM"]))
    await repeat(client, ContinuationFrame(1, b""))


async def large_continuations(client: H2Peer) -> None:
    await client.send_frames(HeadersFrame(1, block(), flags=["END_STREAM"]))
    await repeat(client, ContinuationFrame(1, b"\x40\x01a\x7f\x80\x7e" + b"b" * 16000), 60)


async def header_bomb(client: H2Peer) -> None:
    """One large entry of the table, named thousands of times (CVE-2016-6581)."""
    encoder = Encoder()
    fields = [*get("/"), ("x", "y" * 3900)]
    encoded = encoder.encode(fields) + b"\xbe" * 10_000
    await client.send_frames(HeadersFrame(1, encoded, flags=["END_HEADERS", "END_STREAM"]))


async def large_frame(client: H2Peer) -> None:
    client.writer.write(b"\x01\x00\x00\0\0\0\0\0\x01" + bytes(65536))
    await client.writer.drain()


async def no_frames(client: H2Peer) -> None:
    client.writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n" * 10)
    await client.writer.drain()


_CALM = ErrorCodes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    ("attack", "kind", "code"),
    [
        (pings, "ping", _CALM),
        (settings, "settings", _CALM),
        (priorities, "priority", _CALM),
        (window_updates, "window_update", _CALM),
        (unknown_frames, "other", _CALM),
        (empty_data, "empty_data", _CALM),
        (padding, "empty_data", _CALM),
        (rapid_reset, "reset", _CALM),
        (made_resets, "reset", _CALM),
        (too_many_streams, "refused_streams", _CALM),
        (continuations, "protocol_error", ErrorCodes.PROTOCOL_ERROR),
        (large_continuations, "header_block", _CALM),
        (header_bomb, "header_list", _CALM),
        (large_frame, "frame_size", ErrorCodes.FRAME_SIZE_ERROR),
        (no_frames, "frame_size", ErrorCodes.FRAME_SIZE_ERROR),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_who_keeps_us_busy_with_nothing_is_sent_away(
    attack: Attack, kind: str, code: ErrorCodes, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def slowly(connection: OriginConnection) -> None:
        while (await connection.head()) != b"":
            await asyncio.sleep(0.05)
            await connection.respond(b"")

    gateway = await start_gateway((await start_origin(slowly)).address)
    attacker, other = await connect(gateway.address), await connect(gateway.address)
    await attacker.until(lambda: attacker.saw("RemoteSettingsChanged"))
    attacking = asyncio.ensure_future(attack(attacker))
    await attacker.sent_away()
    attacking.cancel()
    await asyncio.gather(attacking, return_exceptions=True)
    assert attacker.goaway[-1][0] == code
    assert gateway.port_metrics.floods == {kind: 1}
    assert (await other.ask(get("/"))).status == 200
    other.close()
    attacker.close()
    await eventually(lambda: gateway.port_metrics.active == 0)


async def test_streams_above_the_limit_are_refused_and_the_others_served(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    release = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        await connection.head()
        await release.wait()
        await connection.respond(b"")

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    client = await connect(gateway.address)
    # Before our settings have come a client knows of no limit.
    streams = [await client.send(get("/")) for _ in range(150)]
    refused = [await client.answer(stream) for stream in streams[100:]]
    assert {answer.reset for answer in refused} == {ErrorCodes.REFUSED_STREAM}
    await eventually(lambda: len(origin.heads) == 100)
    release.set()
    assert {(await client.answer(stream)).status for stream in streams[:100]} == {200}
    assert gateway.port_metrics.floods == {}
    client.close()


async def test_who_gives_up_now_and_then_is_no_attacker(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await connect(gateway.address)
    for _ in range(4):
        streams = [await client.send(get("/")) for _ in range(100)]
        for stream in streams:
            client.framing.reset_stream(stream, ErrorCodes.CANCEL)
        await client.flush()
    assert (await client.ask(get("/"))).status == 200
    client.close()


async def test_a_reset_that_crosses_the_end_of_its_stream_harms_nobody(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await connect(gateway.address)
    for _ in range(3):
        assert (await client.ask(get("/"))).status == 200
    await client.send_frames(*(RstStreamFrame(stream, error_code=8) for stream in (1, 3, 5)))
    await client.send_frames(*(WindowUpdateFrame(stream, window_increment=5) for stream in (1, 3, 5)))
    assert (await client.ask(get("/"))).status == 200
    client.close()


async def test_a_table_of_any_size_is_not_kept_for_a_client(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await connect(gateway.address)
    await client.send_frames(SettingsFrame(0, {1: 2**31}))
    client.framing.decoder.max_allowed_table_size = 2**31
    assert (await client.ask(get("/"))).status == 200
    assert _encoder_table(gateway) == 0
    client.close()


def _encoder_table(gateway: Gateway) -> int:
    (connection,) = gateway.server._connections
    size: int = connection.framing.encoder.header_table_size  # type: ignore[attr-defined]
    return size
