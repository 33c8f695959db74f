"""The request as inspection sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Header fields in order of arrival: name in lower case (RFC 9110 section 5.1), value without outer
#: white space (section 5.5). Latin-1 bytes, as on the wire.
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """One request's head.

    method: as sent, upper case for the standard ones. path: the normal form that routing, inspection
    and the application all see, percent-encoded, without the query. query: as sent, without `?`.
    remote_ip: the client's address as text, after X-Forwarded-For and the like were judged.
    media_type: `type/subtype` of Content-Type in lower case, the empty string when there is none.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    remote_ip: str
    media_type: str = field(init=False)

    def __post_init__(self) -> None:
        content_type = self.header(b"content-type")
        self.media_type = content_type.partition(b";")[0].strip().lower().decode("latin-1")

    def header(self, name: bytes) -> bytes:
        """The first value of a header (name in lower case), or the empty string."""
        for each, value in self.headers:
            if each == name:
                return value
        return b""
