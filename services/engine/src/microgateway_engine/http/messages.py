"""Messages as values, whatever the HTTP version they came in or go out in.

A message is a head, pieces of data, and an end:

    RequestHead | ResponseHead ─► Data … ─► End
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

#: Field names in lower case, values without outer white space, in order of arrival.
Headers = list[tuple[bytes, bytes]]

#: Values by field name, of repeated fields the first. As many entries as fields: none is repeated.
FirstValues = dict[bytes, bytes]

#: Fields after the body (RFC 9110 section 6.5).
Trailers = tuple[tuple[bytes, bytes], ...]

Version = Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2"]

#: Options of the Connection fields (RFC 9110 section 7.6.1) in lower case; HTTP/2 has none.
ConnectionOptions = frozenset[bytes]
NO_OPTIONS: Final[ConnectionOptions] = frozenset()


def first_values(headers: Headers) -> FirstValues:
    """What a head says, by name."""
    return dict(reversed(headers))


class NoBody(Struct, frozen=True):
    """The message ends with its head."""


class Length(Struct, frozen=True):
    """Exactly this many bytes follow."""

    size: int


class Streamed(Struct, frozen=True):
    """A body that says itself where it ends: with the last chunk, or END_STREAM without a content-length."""


class UntilClose(Struct, frozen=True):
    """A body that ends when its connection does."""


#: Where a message's body ends.
Framing = NoBody | Length | Streamed | UntilClose

NO_BODY: Final = NoBody()
STREAMED: Final = Streamed()
UNTIL_CLOSE: Final = UntilClose()


class RequestHead(Struct):
    """target: as sent. headers: with `host`, whatever named the authority. first: the first value of each of
    them. size: bytes on the wire.
    keep_alive: the client may send another request after this one on the same HTTP/1.1 connection.
    opens_tunnel: it asks for WebSocket on its stream of HTTP/2 (RFC 8441). Its method is then GET, as that of
    the same request in HTTP/1.1, and its data is that of the tunnel."""

    method: str
    target: bytes
    version: Version
    headers: Headers
    first: FirstValues
    framing: Framing
    keep_alive: bool
    size: int
    opens_tunnel: bool = False
    connection: ConnectionOptions = NO_OPTIONS


class ResponseHead(Struct):
    """As RequestHead. keep_alive: the application's connection may be used again after this response."""

    status: int
    reason: bytes
    headers: Headers
    first: FirstValues
    framing: Framing
    keep_alive: bool
    size: int
    connection: ConnectionOptions = NO_OPTIONS


class Data(Struct, frozen=True):
    """A piece of the body, framing removed; never empty."""

    data: bytes


class End(Struct, frozen=True):
    """The message is complete."""

    trailers: Trailers = ()


END: Final = End()

#: What a response is made of.
ResponseEvent = ResponseHead | Data | End
