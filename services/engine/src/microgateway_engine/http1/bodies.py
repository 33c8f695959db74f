"""Readers that cut one message's body of unknown length out of a byte stream.

`feed` takes the bytes at hand and returns (body bytes, bytes left over); `done` tells whether the body
is complete, after which the rest belongs to the next message and `trailers` are those that came.
"""

from __future__ import annotations

from enum import Enum, auto

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import Trailers

from .heads import parse_fields

#: Longest chunk-size line with its extensions, which nobody uses (RFC 9112 section 7.1.1).
MAX_CHUNK_LINE = 256

#: Longest trailer section.
MAX_TRAILERS = 8192

_BARE_LF = "a bare LF in chunked framing"


class UntilCloseReader:
    """Everything; only the end of the connection ends it."""

    done = False
    trailers: Trailers = ()

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        return data, b""


class _Part(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILERS = auto()


class ChunkedReader:
    """Chunks (RFC 9112 section 7.1), strictly: hexadecimal sizes, CRLF everywhere.

    SIZE → DATA → DATA_END → SIZE …; a size of 0 leads to TRAILERS, whose empty line ends the body.
    """

    def __init__(self, status: int) -> None:
        self._part = _Part.SIZE
        self._pending = b""
        self._left = 0
        self._trailer_lines: list[bytes] = []
        self._trailer_bytes = 0
        self._status = status
        self.done = False
        self.trailers: Trailers = ()

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Raises ProtocolError."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._part is _Part.DATA:
                piece = data[at : at + self._left]
                out.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left == 0:
                    self._part = _Part.DATA_END
            elif self._part is _Part.DATA_END:
                if end - at < 2 and data[at:] == b"\r":
                    break
                if data[at : at + 2] != b"\r\n":
                    raise ProtocolError(self._status, "chunk data longer than its size")
                at += 2
                self._part = _Part.SIZE
            else:
                line_end = data.find(b"\r\n", at)
                if line_end < 0:
                    self._refuse_endless_line(data, at)
                    break
                self._line(data[at:line_end])
                at = line_end + 2
        if self.done:
            return b"".join(out), data[at:]
        self._pending = data[at:]
        return b"".join(out), b""

    def _refuse_endless_line(self, data: bytes, at: int) -> None:
        limit = MAX_CHUNK_LINE if self._part is _Part.SIZE else MAX_TRAILERS
        if len(data) - at > limit:
            raise ProtocolError(self._status, "chunk-size line or trailer too long")
        if b"\n" in data[at:]:
            raise ProtocolError(self._status, _BARE_LF)

    def _line(self, line: bytes) -> None:
        if self._part is _Part.SIZE:
            self._left = self._size(line)
            self._part = _Part.DATA if self._left else _Part.TRAILERS
        elif line:
            if b"\n" in line:
                raise ProtocolError(self._status, _BARE_LF)
            self._trailer_bytes += len(line) + 2
            if self._trailer_bytes > MAX_TRAILERS:
                raise ProtocolError(self._status, "trailers too long")
            self._trailer_lines.append(line)
        else:
            self.trailers = tuple(parse_fields(self._trailer_lines, self._status))
            self.done = True

    def _size(self, line: bytes) -> int:
        digits, semicolon, extension = line.partition(b";")
        if semicolon:
            digits = digits.rstrip(b" \t")  # BWS before an extension (RFC 9112 section 7.1.1)
        if len(line) > MAX_CHUNK_LINE or b"\r" in extension or b"\n" in extension or b"\0" in extension:
            raise ProtocolError(self._status, "malformed chunk extension")
        # int(…, 16) would also take signs, underscores and 0x.
        if not digits or len(digits) > 15 or digits.translate(None, b"0123456789abcdefABCDEF"):
            raise ProtocolError(self._status, "malformed chunk size")
        return int(digits, 16)


BodyReader = ChunkedReader | UntilCloseReader
