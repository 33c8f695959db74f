"""Readers of a connection: feed bytes as they come, pull events as they are wanted.

A caller that does not pull exerts backpressure: bytes stay in the buffer and the next message is not
looked at. One reader serves one direction of one connection, message after message:

    HEAD ──head──► BODY ──end──► HEAD …        any ProtocolError ends it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import (
    END,
    Data,
    End,
    Length,
    NoBody,
    RequestHead,
    ResponseHead,
    Streamed,
)

from .bodies import BodyReader, ChunkedReader, UntilCloseReader
from .heads import parse_request_head, parse_response_head


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing more can be said before more bytes come."""


NEED_DATA: Final = NeedData()

HeadT = TypeVar("HeadT", RequestHead, ResponseHead)


class MessageReader(Generic[HeadT]):
    """max_head: bytes of a head, above which ProtocolError(`too_long`) is raised."""

    def __init__(self, max_head: int, malformed: int, too_long: int) -> None:
        self.max_head = max_head
        self._malformed = malformed
        self._too_long = too_long
        self._buffer = b""
        self._searched = 0
        #: Bytes of a body of known length that have not come yet.
        self._left = 0
        self._body: BodyReader | None = None
        self._end: End | None = None

    @property
    def buffered(self) -> int:
        """Bytes that were fed and not pulled."""
        return len(self._buffer)

    @property
    def between_messages(self) -> bool:
        """No message has begun: the peer may close the connection without loss."""
        return not self._buffer and self._body is None and not self._left and self._end is None

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def take_rest(self) -> bytes:
        """What was fed and not pulled, when the connection changes its protocol."""
        rest, self._buffer = self._buffer, b""
        return rest

    def next_event(self) -> HeadT | Data | End | NeedData:
        """Raises ProtocolError."""
        end = self._end
        if end is not None:
            self._end = None
            return end
        if self._left:
            return self._next_data()
        body = self._body
        if body is None:
            return self._next_head()
        if not self._buffer and not body.done:
            return NEED_DATA
        data, self._buffer = body.feed(self._buffer)
        if body.done:
            self._body = None
            end = End(body.trailers) if body.trailers else END
            if not data:
                return end
            self._end = end
        return Data(data) if data else NEED_DATA

    def end_of_stream(self) -> bool:
        """The peer has sent everything. True when that completes the message at hand (UntilClose)."""
        if isinstance(self._body, UntilCloseReader):
            self._body = None
            return True
        return False

    def _next_head(self) -> HeadT | NeedData:
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            buffer = self._buffer = _without_empty_lines(buffer)
        if not buffer:
            return NEED_DATA
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._refuse_hopeless(buffer)
            self._searched = max(0, len(buffer) - 3)
            return NEED_DATA
        self._searched = 0
        if end + 4 > self.max_head:
            raise ProtocolError(self._too_long, f"a head of more than {self.max_head} bytes")
        head = self._parse(buffer[:end])
        self._buffer = buffer[end + 4 :]
        framing = head.framing
        if isinstance(framing, NoBody):
            self._end = END
        elif isinstance(framing, Length):
            self._left = framing.size
        elif isinstance(framing, Streamed):
            self._body = ChunkedReader(self._malformed)
        else:
            self._body = UntilCloseReader()
        return head

    def _next_data(self) -> Data | NeedData:
        """Of a body whose length is known."""
        data, left = self._buffer, self._left
        if not data:
            return NEED_DATA
        self._buffer = b""
        if len(data) < left:
            self._left = left - len(data)
            return Data(data)
        self._left = 0
        self._end = END
        if len(data) > left:
            data, self._buffer = data[:left], data[left:]
        return Data(data)

    def _refuse_hopeless(self, buffer: bytes) -> None:
        if len(buffer) > self.max_head:
            raise ProtocolError(self._too_long, f"a head of more than {self.max_head} bytes")
        # Without this, a peer that ends its lines with LF alone would wait for the timeout.
        if b"\n" in buffer and (buffer.count(b"\n") != buffer.count(b"\r\n")):
            raise ProtocolError(self._malformed, "a bare LF in the head")

    def _parse(self, data: bytes) -> HeadT:
        raise NotImplementedError


def _without_empty_lines(buffer: bytes) -> bytes:
    """RFC 9112 section 2.2: empty lines before a request are ignored. All of them: where the stream is
    cut must not decide how many."""
    at = 2
    while buffer.startswith(b"\r\n", at):
        at += 2
    return buffer[at:]


class RequestReader(MessageReader[RequestHead]):
    """Requests of a client."""

    def __init__(self, max_head: int) -> None:
        super().__init__(max_head, malformed=400, too_long=431)

    def _parse(self, data: bytes) -> RequestHead:
        return parse_request_head(data)


#: Largest response head taken from an application.
MAX_RESPONSE_HEAD = 256 * 1024


class ResponseReader(MessageReader[ResponseHead]):
    """Responses of an application. `method` is that of the request they answer: a response to HEAD has
    no body whatever its head says. `may_upgrade`: it asked for another protocol, so 101 is an answer."""

    def __init__(self) -> None:
        super().__init__(MAX_RESPONSE_HEAD, malformed=502, too_long=502)
        self.method = "GET"
        self.may_upgrade = False

    def _next_head(self) -> ResponseHead | NeedData:
        head = super()._next_head()
        while isinstance(head, ResponseHead) and head.status < 200:
            self._end = None  # that of an interim response, which is not passed on
            if head.status == 101:
                if self.may_upgrade:
                    return head  # what follows is no HTTP
                raise ProtocolError(502, "a change of protocol that was not asked for")
            head = super()._next_head()
        return head

    def _parse(self, data: bytes) -> ResponseHead:
        return parse_response_head(data, self.method)
