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
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    remote_ip: str
    _content_types: list[bytes] | None = field(default=None, init=False, repr=False, compare=False)
    _content_codings: tuple[bytes, ...] = field(default=(), init=False, repr=False, compare=False)

    @property
    def content_types(self) -> list[bytes]:
        """The values of Content-Type, of which there should be one."""
        found = self._content_types
        return self._describe_body() if found is None else found

    @property
    def content_codings(self) -> tuple[bytes, ...]:
        """The values of Content-Encoding."""
        if self._content_types is None:
            self._describe_body()
        return self._content_codings

    def _describe_body(self) -> list[bytes]:
        """Both, found in one pass."""
        types = self._content_types = []
        for name, value in self.headers:
            if name == b"content-type":
                types.append(value)
            elif name == b"content-encoding":
                self._content_codings += (value,)
        return types

    @property
    def media_type(self) -> str:
        """`type/subtype` of the first Content-Type in lower case, the empty string when there is none."""
        found = self.content_types
        return media_type(found[0]) if found else ""

    def header(self, name: bytes) -> bytes:
        """The first value of a header (name in lower case), or the empty string."""
        for each, value in self.headers:
            if each == name:
                return value
        return b""


def media_type(content_type: bytes) -> str:
    return content_type.partition(b";")[0].strip().lower().decode("latin-1")
