"""h2's connection, with three differences that a gateway needs: what goes wrong with one stream ends that
stream and not the connection, which many users may share; GOAWAY lets streams under way finish; and what a
peer may cost us is bounded.

What h2 and hpack bound themselves: the size of frames (16 KiB), CONTINUATION frames of one header block
(64), the decoded header list. What they do not: how many frames a peer sends that mean nothing, how many
streams it opens to reset them, how large a table our encoder keeps for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.exceptions import FrameTooLargeError, ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, RstStreamFrame, SettingsFrame

#: Streams a client may have open at once.
MAX_STREAMS: Final = 100

#: Bytes a peer may send on a stream before they are taken. What is held up for one stream is at most that.
STREAM_WINDOW: Final = 256 * 1024

#: Bytes a peer may send on a connection before we have read them; streams hold each other up no further.
CONNECTION_WINDOW: Final = 16 * 1024 * 1024

#: What a new connection lets us send before it says otherwise (RFC 9113 section 6.9.2).
_FIRST_WINDOW: Final = 65_535

#: For h2, which would end the connection; whoever owns streams counts them and refuses what is too many.
_NO_LIMIT: Final = 2**31 - 1

_CONFIGURATION: Final[dict[str, Any]] = {
    "header_encoding": None,
    # Heads are checked in `heads`, with a status for each fault.
    "validate_inbound_headers": False,
    "normalize_inbound_headers": False,
    # Ours come from checked messages.
    "validate_outbound_headers": False,
    "normalize_outbound_headers": False,
}


class _Encoder(Encoder):
    """Writes fields without a table of its own (RFC 7541 section 4.2) and without Huffman codes: it costs a
    tenth of the CPU time, and peers are near. Nothing of one user's fields is left for another's to meet."""

    def __init__(self) -> None:
        super().__init__()
        self.header_table_size = 0

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:  # noqa: ARG002
        encoded = b"".join([_field(name, value) for name, value in headers])
        if self.header_table.resized:
            self.header_table.resized = False
            self.table_size_changes = []
            return _NO_TABLE + encoded
        return encoded


#: A dynamic table size update to 0 (RFC 7541 section 6.3).
_NO_TABLE: Final = b"\x20"
_ALONE: Final = _Encoder()


@lru_cache(maxsize=1024)
def _field(name: bytes, value: bytes) -> bytes:
    """The same in every block, as no table changes."""
    encoded: bytes = _ALONE.add((name, value), sensitive=False, huffman=False)
    return encoded


class _Stream(H2Stream):
    """Leaves Content-Length to us: h2 ends the connection when it does not fit."""

    def _initialize_content_length(self, headers: Iterable[Any]) -> None: ...

    def _track_content_length(self, length: int, end_stream: bool) -> None: ...


class Http2Framing(H2Connection):
    """max_header_list: bytes as RFC 9113 section 6.5.2 counts them, above which the connection ends.
    allow_connect: tell a client that it may use extended CONNECT (RFC 8441)."""

    #: h2 remembers how streams ended, to tell late frames from wrong ones.
    MAX_CLOSED_STREAMS = 1000

    def __init__(self, client_side: bool, max_header_list: int, *, allow_connect: bool = False) -> None:
        super().__init__(H2Configuration(client_side=client_side, **_CONFIGURATION))
        advertised = {
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: max_header_list,
        }
        if client_side:
            advertised[SettingCodes.ENABLE_PUSH] = 0
        if allow_connect:
            advertised[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        self.local_settings = Settings(
            client=client_side,
            initial_values={**advertised, SettingCodes.MAX_CONCURRENT_STREAMS: _NO_LIMIT},
        )
        self.encoder = _Encoder()
        self.decoder.max_header_list_size = max_header_list
        self.initiate_connection()
        # h2 announces the limits it enforces; ours are others.
        announced = SettingsFrame(0)
        announced.settings = {int(code): value for code, value in advertised.items()}
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if client_side else b""
        self.clear_outbound_data_buffer()
        self._data_to_send += preface + announced.serialize()
        self.increment_flow_control_window(CONNECTION_WINDOW - _FIRST_WINDOW)

    def receive_data(self, data: Any) -> list[Event]:
        """Raises h2's ProtocolError, with a GOAWAY that says why ready to be sent."""
        try:
            events = super().receive_data(data)
        except ProtocolError as error:
            if self.state_machine.state is not ConnectionState.CLOSED:
                self.go_away(error.error_code, 0)  # no preface: h2 says nothing
            raise
        # h2 would keep a frame of up to 16 MiB before it finds that it is too large.
        waiting = self.incoming_buffer._data
        if len(waiting) >= 3 and int.from_bytes(waiting[:3]) > self.max_inbound_frame_size:
            self.go_away(ErrorCodes.FRAME_SIZE_ERROR, self.highest_inbound_stream_id)
            raise FrameTooLargeError("a frame larger than was announced")
        return events

    @property
    def midway(self) -> bool:
        """Half a frame or half a header block has come, and nothing else can come before the rest."""
        return bool(self.incoming_buffer._data) or bool(self.incoming_buffer._headers_buffer)

    @property
    def header_block_size(self) -> int:
        """Bytes of a header block whose end has not come."""
        return sum(len(frame.data) for frame in self.incoming_buffer._headers_buffer)

    def go_away(self, code: ErrorCodes, last_stream: int) -> None:
        """Say that no stream after this one is served. Unlike with `close_connection`, others go on."""
        self._prepare_for_sending([GoAwayFrame(0, last_stream_id=last_stream, error_code=code)])

    def limit_encoder(self) -> None:
        """After the peer's settings: it may allow a table of any size, which would be ours to keep."""
        self.encoder.header_table_size = 0

    # What h2 does otherwise

    def _begin_new_stream(self, *arguments: Any, **named: Any) -> H2Stream:
        stream = super()._begin_new_stream(*arguments, **named)
        stream.__class__ = _Stream
        return stream

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        """h2 would refuse everything that comes after it."""
        terminated = ConnectionTerminated()
        terminated.error_code = frame.error_code
        terminated.last_stream_id = frame.last_stream_id
        return [], [terminated]

    def _receive_rst_stream_frame(self, frame: RstStreamFrame) -> tuple[list[Frame], list[Event]]:
        """A reset that crosses the end of its stream is nobody's fault (RFC 9113 section 5.1, closed)."""
        try:
            return super()._receive_rst_stream_frame(frame)
        except StreamClosedError:
            return [], []
