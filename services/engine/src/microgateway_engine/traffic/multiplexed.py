"""What HTTP/2 connections of clients and of applications have in common: reading frames, sending in turn what
windows allow, and an end to peers that keep us busy with nothing."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Final, Generic, Protocol, TypeVar

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    SettingsAcknowledged,
    StreamReset,
    UnknownFrameReceived,
    WindowUpdated,
)
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, StreamClosedError
from h2.exceptions import ProtocolError as H2ProtocolError

from microgateway_engine.http2.allowance import Allowance
from microgateway_engine.http2.connection import CONNECTION_WINDOW, STREAM_WINDOW, Http2Framing
from microgateway_engine.http2.outgoing import Outgoing

from .turns import ENOUGH, Turns

#: Bytes that are read into frames before any of them is acted upon: a flood must not be read to its end.
SLICE: Final = 16 * 1024

#: Bytes one stream sends before the next one has its turn.
QUANTUM: Final = 16 * 1024

#: Bytes that wait for windows on one stream, above which its source is held up, and below which it goes on.
HIGH_WATER: Final = 64 * 1024
LOW_WATER: Final = 16 * 1024

#: Bytes that wait on all streams together, above which all sources are held up.
MAX_WAITING: Final = 16 * 1024 * 1024

#: Frames that ask for work and carry nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown
#: ones (CVE-2019-9511 to 9518). Data and responses earn some, as keepalives and windows come with them.
CONTROL_BURST: Final = 2000
CONTROL_RATE: Final = 200.0
#: What is earned by a piece of data, by this many bytes sent, and by an exchange that went through.
DATA_EARNS: Final = 2
BYTES_EARN: Final = 1 / 1000
EXCHANGE_EARNS: Final = 10
#: A change of settings looks at every stream.
SETTINGS_COST: Final = 20

#: Streams that are opened to be reset (CVE-2023-44487), or that make us reset them (CVE-2025-8671). A burst
#: is what many users who give up at once leave behind.
RESET_BURST: Final = 500
RESET_RATE: Final = 50.0
#: Whoever heard our settings opens no stream that is too many.
REFUSAL_COST: Final = 2


class MultiplexedStream(Protocol):
    """stream_id: its number. outgoing: what waits to be sent."""

    stream_id: int
    outgoing: Outgoing
    writing_paused: bool

    def hold_up(self) -> None:
        """The peer takes no more at the moment."""

    def go_on(self) -> None: ...

    def sent(self) -> None:
        """The end of our message has gone out."""


StreamT = TypeVar("StreamT", bound=MultiplexedStream)


class Multiplexed(asyncio.Protocol, ABC, Generic[StreamT]):
    """transport: set by the side. writing_paused: it takes no more at the moment."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Turns, framing: Http2Framing) -> None:
        self.loop = loop
        self._turns = turns
        self.framing = framing
        self.streams: dict[int, StreamT] = {}
        self.writing_paused = False
        self.closed = False
        self._waiting: dict[int, StreamT] = {}
        self._waiting_bytes = 0
        self._all_held_up = False
        self._flush_due = False
        #: Bytes of data that are framed and not yet written.
        self._framed = 0
        self._unacknowledged = 0
        self._control = Allowance(CONTROL_BURST, CONTROL_RATE, loop.time())
        self._resets = Allowance(RESET_BURST, RESET_RATE, loop.time())

    # What the two sides do with it

    @abstractmethod
    def handle(self, event: Event) -> None:
        """An event that is not of the connection itself."""

    def handled(self) -> None:
        """All events of one read have been handled."""

    @abstractmethod
    def flooded(self, kind: str) -> None:
        """The peer keeps us busy with nothing, or breaks the protocol: count it. The connection ends."""

    @abstractmethod
    def end_streams(self) -> None:
        """The connection is over, and so are its exchanges."""

    # asyncio.Protocol

    def pause_writing(self) -> None:
        self.writing_paused = True
        for stream in self.streams.values():
            self._hold_up(stream)

    def resume_writing(self) -> None:
        self.writing_paused = False
        for stream in list(self.streams.values()):
            self._go_on(stream)
        self.pump()
        self.flush()

    # Reading

    def receive(self, data: bytes) -> None:
        """Frames of the peer."""
        self._flush_due = True  # once, when everything of this read was handled
        try:
            for at in range(0, len(data), SLICE):
                for event in self.framing.receive_data(data[at : at + SLICE]):
                    self._dispatch(event)
                    if self.closed:
                        return
            self.handled()
            if self.framing.header_block_size > self.framing.decoder.max_header_list_size:
                self.end_flood("header_block")
        except DenialOfServiceError:
            self._end_broken("header_list")
        except FrameTooLargeError:
            self._end_broken("frame_size")
        except H2ProtocolError:
            self._end_broken("protocol_error")
        finally:
            self._flush_due = False
            if not self.closed:
                self.flush()

    def _dispatch(self, event: Event) -> None:
        match event:
            case DataReceived():
                if event.data:
                    self._control.give(DATA_EARNS)
                elif event.stream_ended is None:
                    self._spend(1, "empty_data")
                self._acknowledge_on_connection(event.flow_controlled_length)
                self.handle(event)
            case WindowUpdated():
                self._spend(1, "window_update")
                self._window_opened(event.stream_id)
            case RemoteSettingsChanged():
                self._spend(SETTINGS_COST, "settings")
                self.framing.limit_encoder()
                self.handle(event)
                self.pump()
            case PingReceived():
                self._spend(1, "ping")
            case PriorityUpdated():
                self._spend(1, "priority")
            case PingAckReceived() | SettingsAcknowledged() | UnknownFrameReceived():
                self._spend(1, "other")
            case StreamReset():
                if not self._resets.take(1, self.loop.time()):
                    self.end_flood("reset")
                else:
                    self.handle(event)
            case ConnectionTerminated():
                self._spend(1, "goaway")
                self.handle(event)
            case _:
                self.handle(event)

    def _spend(self, units: int, kind: str) -> None:
        if not self._control.take(units, self.loop.time()):
            self.end_flood(kind)

    def earned(self) -> None:
        """An exchange went through."""
        self._control.give(EXCHANGE_EARNS)
        self._resets.give(1)

    def refuse(self, stream_id: int) -> None:
        """A stream that is too many: the peer may try elsewhere or later (RFC 9113 section 8.7)."""
        self.framing.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        if not self._resets.take(REFUSAL_COST, self.loop.time()):
            self.end_flood("refused_streams")

    def misused(self) -> None:
        """A stream had to be reset for what its peer did."""
        if not self._resets.take(1, self.loop.time()):
            self.end_flood("reset")

    # Windows of what we receive

    def _acknowledge_on_connection(self, size: int) -> None:
        """At once: what one stream holds up must not hold up the others."""
        self._unacknowledged += size
        if self._unacknowledged >= CONNECTION_WINDOW // 4:
            self.framing.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0

    def acknowledge(self, stream_id: int, size: int) -> bool:
        """Give window back to a stream, unless it is too little to say so. Returns whether it was given."""
        if size < STREAM_WINDOW // 4:
            return False
        self.framing.increment_flow_control_window(size, stream_id)
        return True

    # Sending

    def push(self, stream: StreamT) -> None:
        """Something was added to what a stream sends."""
        outgoing = stream.outgoing
        self._count(outgoing)
        if not self.writing_paused and stream.stream_id not in self._waiting:
            # Who waits has no window of its own: nobody is overtaken.
            self._send_all(stream)
        if outgoing.waiting:
            self._waiting[stream.stream_id] = stream
        if outgoing.size > HIGH_WATER:
            self._hold_up(stream)
        if self._waiting_bytes > MAX_WAITING and not self._all_held_up:
            self._all_held_up = True
            for each in self.streams.values():
                self._hold_up(each)
        self.flush_soon()

    def pump(self) -> None:
        """Send what waits, each stream in its turn."""
        waiting = self._waiting
        while waiting and not self.writing_paused:
            sent = False
            for stream_id, stream in list(waiting.items()):
                if stream_id not in waiting:
                    continue  # it ended meanwhile
                before = stream.outgoing.size
                self._send(stream, QUANTUM)
                if not stream.outgoing.waiting:
                    waiting.pop(stream_id, None)
                    sent = True
                elif stream.outgoing.size < before:
                    sent = True
            if not sent:
                return
            self.flush()

    def flush(self) -> None:
        """Write what was framed."""
        self._framed = 0
        data = self.framing.data_to_send()
        if data:
            self.transport.write(data)

    def flush_soon(self) -> None:
        """Once for everything that comes in this turn of the loop."""
        if not self._flush_due:
            self._flush_due = True
            self._turns.at_end(self._flush_now)

    def reset(self, stream: StreamT, code: ErrorCodes) -> None:
        """End a stream at once, unless it has ended already."""
        with contextlib.suppress(StreamClosedError):
            self.framing.reset_stream(stream.stream_id, code)
        self.drop(stream)
        self.flush_soon()

    def drop(self, stream: StreamT) -> None:
        """The stream is over."""
        stream.outgoing.discard()
        self._count(stream.outgoing)
        self.streams.pop(stream.stream_id, None)
        self._waiting.pop(stream.stream_id, None)

    def _flush_now(self) -> None:
        if self._flush_due and not self.closed:
            self._flush_due = False
            self.flush()

    def _send_all(self, stream: StreamT) -> None:
        """As much as windows allow."""
        outgoing = stream.outgoing
        before = -1
        while not (outgoing.done or self.writing_paused or outgoing.size == before):
            before = outgoing.size
            self._send(stream, ENOUGH)
            if not outgoing.size:
                return

    def _send(self, stream: StreamT, quantum: int) -> None:
        stream.outgoing.send(quantum)
        sent = self._count(stream.outgoing)
        self._framed += sent
        if self._framed >= ENOUGH:
            # Not all of a turn in one block: large ones get pages of their own each time (allocator.py).
            self.flush()
        if sent:
            self._control.give(sent * BYTES_EARN)
            if self._all_held_up and self._waiting_bytes <= MAX_WAITING // 2:
                self._all_held_up = False
                for each in self.streams.values():
                    self._go_on(each)
        if stream.outgoing.done:
            stream.sent()
        elif stream.writing_paused:
            self._go_on(stream)

    def _count(self, outgoing: Outgoing) -> int:
        """Keep the sum of what waits. Returns by how many bytes it became less."""
        less = outgoing.counted - outgoing.size
        outgoing.counted = outgoing.size
        self._waiting_bytes -= less
        return less

    def _hold_up(self, stream: StreamT) -> None:
        if not stream.writing_paused:
            stream.writing_paused = True
            stream.hold_up()

    def _go_on(self, stream: StreamT) -> None:
        held_up = self.writing_paused or self._all_held_up or stream.outgoing.size > LOW_WATER
        if stream.writing_paused and not held_up:
            stream.writing_paused = False
            stream.go_on()

    def _window_opened(self, stream_id: int) -> None:
        if stream_id == 0:
            self.pump()
            return
        stream = self._waiting.get(stream_id)
        if stream is not None:
            self.pump()

    # The end

    def end_flood(self, kind: str) -> None:
        """GOAWAY, ENHANCE_YOUR_CALM (RFC 9113 section 7)."""
        if not self.closed:
            self.framing.go_away(ErrorCodes.ENHANCE_YOUR_CALM, self.framing.highest_inbound_stream_id)
            self._end_broken(kind)

    def _end_broken(self, kind: str) -> None:
        """h2 or we have said why with a GOAWAY."""
        if not self.closed:
            self.flooded(kind)
            self._end()
            self.leave()

    def close(self) -> None:
        """When everything is written."""
        if not self.closed:
            self._end()
            self.transport.close()

    def leave(self) -> None:
        """The peer has been told why; it may still send."""
        self.transport.close()

    def _end(self) -> None:
        self.flush()
        self.closed = True
        self.end_streams()
