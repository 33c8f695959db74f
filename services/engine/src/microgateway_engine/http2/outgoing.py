"""What waits to be sent on one stream until the peer's windows let it go."""

from __future__ import annotations

from collections import deque

from microgateway_engine.http.messages import Headers, Trailers

from .connection import Http2Framing

#: Bytes of one DATA frame, whatever a peer would take: others want their turn.
MAX_FRAME = 64 * 1024


class Outgoing:
    """size: bytes of data that wait; counted: how many of them its connection knows of. done: the end was
    sent."""

    __slots__ = (
        "_ended",
        "_framing",
        "_head",
        "_pieces",
        "_stream_id",
        "_trailers",
        "counted",
        "done",
        "size",
    )

    def __init__(self, framing: Http2Framing, stream_id: int) -> None:
        self._framing = framing
        self._stream_id = stream_id
        self._head: Headers | None = None
        self._pieces: deque[bytes | memoryview] = deque()
        self._ended = False
        self._trailers: Trailers = ()
        self.size = 0
        self.counted = 0
        self.done = False

    @property
    def waiting(self) -> bool:
        """Something is left to send that is here already."""
        return self._head is not None or self.size > 0 or (self._ended and not self.done)

    def head(self, fields: Headers) -> None:
        self._head = fields

    def data(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)

    def end(self, trailers: Trailers) -> None:
        self._ended = True
        self._trailers = trailers

    def discard(self) -> None:
        """Nobody takes it any more."""
        self._head = None
        self._pieces.clear()
        self.size = 0
        self.done = True

    def send(self, quantum: int) -> None:
        """Hand over what windows allow, of data about this many bytes at most."""
        framing, stream_id = self._framing, self._stream_id
        if self._head is not None:
            head, self._head = self._head, None
            last = self._ended and not self._pieces and not self._trailers
            framing.send_headers(stream_id, head, end_stream=last)
            if last:
                self.done = True
                return
        if self._pieces:
            self._send_data(min(framing.local_flow_control_window(stream_id), quantum))
        if self._ended and not self.done and not self._pieces:
            self.done = True
            if self._trailers:
                framing.send_headers(stream_id, list(self._trailers), end_stream=True)
            else:
                framing.end_stream(stream_id)

    def _send_data(self, window: int) -> None:
        framing, pieces = self._framing, self._pieces
        largest = min(framing.max_outbound_frame_size, MAX_FRAME)
        while pieces and window > 0:
            piece = pieces.popleft()
            room = min(window, largest)
            if len(piece) > room:
                rest = memoryview(piece)[room:]
                piece = memoryview(piece)[:room]
                pieces.appendleft(rest)
            self.size -= len(piece)
            window -= len(piece)
            last = self._ended and not pieces and not self._trailers
            framing.send_data(self._stream_id, piece, end_stream=last)
            self.done = self.done or last
