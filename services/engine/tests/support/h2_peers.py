"""HTTP/2 peers of the gateway that tests hold in their hands, frame by frame: a client and an application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from hyperframe.frame import Frame, GoAwayFrame
from scripted_origin import PATIENCE

from microgateway_common.settings import Address

Fields = list[tuple[str, str]]

GET: Fields = [(":method", "GET"), (":scheme", "http"), (":authority", "shop"), (":path", "/")]


def get(path: str, *more: tuple[str, str], method: str = "GET") -> Fields:
    return [(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", path), *more]


@dataclass
class Message:
    """What came on a stream. reset: the error code that ended it, None while nothing did."""

    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=bytearray)  # compares with bytes, and grows in place
    trailers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class H2Peer:
    """One connection. received: what came, by stream. goaway: (code, last stream) of each GOAWAY."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.framing = H2Connection(
            H2Configuration(
                client_side=client,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        # Every GOAWAY would end what h2 is willing to do; tests want to see what comes after it.
        self.framing._frame_dispatch_table[GoAwayFrame] = self._went_away
        self.received: dict[int, Message] = {}
        self.goaway: list[tuple[int, int]] = []
        self.events: list[Event] = []
        self.acknowledge = True
        self.over = False

    def saw(self, event: str) -> bool:
        """An event of this type has come."""
        return any(type(each).__name__ == event for each in self.events)

    def body(self, stream_id: int) -> Any:
        """What has come on a stream."""
        return self.received.setdefault(stream_id, Message()).body

    async def flush(self) -> None:
        self.writer.write(self.framing.data_to_send())
        await self.writer.drain()

    async def send_frames(self, *frames: Frame) -> None:
        self.writer.write(b"".join(frame.serialize() for frame in frames))
        await self.writer.drain()

    async def read_once(self) -> bool:
        """What comes next; False at the end."""
        try:
            data = await self.reader.read(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.over = True
            return False
        for event in self.framing.receive_data(data):
            self.events.append(event)
            self._note(event)
        self.writer.write(self.framing.data_to_send())
        return True

    async def until(self, look: Callable[[], Any], what: str = "") -> None:
        """Read until this is true. Fails when the connection ends first."""
        async with asyncio.timeout(PATIENCE):
            while not look():
                assert await self.read_once(), f"the connection ended: {what}"

    async def closed(self) -> None:
        """Read until the gateway closes."""
        async with asyncio.timeout(PATIENCE):
            while await self.read_once():
                pass

    async def sent_away(self) -> None:
        """Read until the gateway closes, after frames that this side's framing knows nothing of."""
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.read()
        while len(data) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(data[:9]))
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(data[9 : 9 + length]))
                self.goaway.append((frame.error_code, frame.last_stream_id))
            data = data[9 + length :]

    async def send(
        self, fields: Fields, body: bytes | None = None, *, end: bool = True, stream_id: int = 0
    ) -> int:
        """A message's head, and its body if there is one. Returns its stream."""
        stream_id = stream_id or self.framing.get_next_available_stream_id()
        self.framing.send_headers(stream_id, fields, end_stream=end and body is None)
        if body is not None:
            await self.send_body(stream_id, body, end=end)
        await self.flush()
        return stream_id

    async def send_body(self, stream_id: int, body: bytes, *, end: bool = True) -> None:
        while body:
            room = min(self.framing.local_flow_control_window(stream_id), 16384)
            if room <= 0:
                await self.flush()
                await self.read_once()
                continue
            self.framing.send_data(stream_id, body[:room])
            body = body[room:]
        if end:
            self.framing.end_stream(stream_id)
        await self.flush()

    async def answer(self, stream_id: int) -> Message:
        """The whole message of a stream, or its reset."""
        message = self.received.setdefault(stream_id, Message())
        await self.until(lambda: message.ended or message.reset is not None, f"stream {stream_id}")
        return message

    async def ask(self, fields: Fields, body: bytes | None = None) -> Message:
        return await self.answer(await self.send(fields, body))

    def close(self) -> None:
        self.writer.close()

    def _note(self, event: Event) -> None:
        match event:
            case ResponseReceived() | RequestReceived():
                self.received.setdefault(event.stream_id, Message()).headers = dict(event.headers)  # type: ignore[arg-type]
            case DataReceived():
                self.received.setdefault(event.stream_id, Message()).body += event.data
                if self.acknowledge:
                    self.framing.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case TrailersReceived():
                self.received[event.stream_id].trailers = dict(event.headers)  # type: ignore[arg-type]
            case StreamEnded():
                self.received[event.stream_id].ended = True
            case StreamReset():
                self.received.setdefault(event.stream_id, Message()).reset = int(event.error_code or 0)
            case ConnectionTerminated():
                self.goaway.append((int(event.error_code or 0), event.last_stream_id or 0))
            case _:
                pass

    def _went_away(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


async def connect(address: Address) -> H2Peer:
    """A client, its preface sent."""
    client = H2Peer(*await asyncio.open_connection(*address), client=True)
    client.framing.initiate_connection()
    await client.flush()
    return client


Script = Callable[[H2Peer], Awaitable[None]]


@asynccontextmanager
async def application(script: Script) -> AsyncIterator[tuple[Address, list[H2Peer]]]:
    """An HTTP/2 application that plays a script on each connection. Its failures are the test's."""
    peers: list[H2Peer] = []
    tasks: list[asyncio.Task[None]] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = H2Peer(reader, writer, client=False)
        peers.append(peer)
        peer.framing.initiate_connection()
        await peer.flush()
        try:
            await script(peer)
        except ConnectionError:
            pass  # the gateway went away, which is what the test is about or will see
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(play(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield Address(*server.sockets[0].getsockname()[:2]), peers
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [each for each in ended if isinstance(each, Exception)]
    assert failures == []


async def echo(peer: H2Peer) -> None:
    """Answer every request with its target and body."""
    answered: set[int] = set()
    while await peer.read_once():
        for stream_id, message in list(peer.received.items()):
            if message.ended and stream_id not in answered:
                answered.add(stream_id)
                body = message.headers[":path"].encode() + b"\n" + message.body
                await peer.send([(":status", "200")], body, stream_id=stream_id)
