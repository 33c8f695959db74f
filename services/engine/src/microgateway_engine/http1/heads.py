"""Heads of requests and responses: strict parsing (RFC 9112 sections 2 to 5) and writing."""

from __future__ import annotations

from typing import Final

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.fields import FIELD_TEXT, MAX_FIELDS, TOKEN, request_method
from microgateway_engine.http.messages import (
    NO_OPTIONS,
    ConnectionOptions,
    FirstValues,
    Headers,
    RequestHead,
    ResponseHead,
    Trailers,
    Version,
    first_values,
)

from .framing import request_framing, response_framing

#: Field lines that were read before: peers send the same ones again and again. About 1.5 MiB at most.
_MAX_REMEMBERED: Final = 2048
_MAX_REMEMBERED_LENGTH: Final = 256


def parse_request_head(data: bytes) -> RequestHead:
    """A head without its final CRLF CRLF. Raises ProtocolError."""
    line, headers = _split(data, 400)
    parts = line.split(b" ")
    if len(parts) != 3:
        raise ProtocolError(400, "malformed request line")
    raw_method, target, version = parts
    method = request_method(raw_method)
    if not target:
        raise ProtocolError(400, "empty request target")
    known = _VERSIONS.get(version) or _other_version(version, 505, 400)
    first = first_values(headers)
    options = _connection(headers, first) if b"connection" in first else NO_OPTIONS
    return RequestHead(
        method,
        target,
        known,
        headers,
        first,
        request_framing(known, headers, first),
        _keep_alive(known, options),
        len(data) + 4,
        connection=options,
    )


def parse_response_head(data: bytes, method: str) -> ResponseHead:
    """A head without its final CRLF CRLF, in answer to a request of this method. Raises ProtocolError."""
    line, headers = _split(data, 502)
    version, _, rest = line.partition(b" ")
    code, _, reason = rest.partition(b" ")
    known = _VERSIONS.get(version) or _other_version(version, 502, 502)
    if len(code) != 3 or not code.isdigit() or not b"100" <= code <= b"599":
        raise ProtocolError(502, "malformed status line")
    status = int(code)
    first = first_values(headers)
    options = _connection(headers, first) if b"connection" in first else NO_OPTIONS
    return ResponseHead(
        status,
        reason,
        headers,
        first,
        response_framing(method, status, headers, first),
        _keep_alive(known, options),
        len(data) + 4,
        options,
    )


#: A field as a line without its end.
_line: Final = b": ".join


def write_request_head(method: str, target: bytes, host: bytes, headers: Headers, lines: bytes) -> bytes:
    """lines: field lines after all others, each with its CRLF."""
    first = b"%b %b HTTP/1.1\r\nhost: %b" % (method.encode("ascii"), target, host)
    return b"\r\n".join((first, *map(_line, headers), lines + b"\r\n"))


def write_response_head(status: int, reason: bytes, headers: Headers, lines: bytes) -> bytes:
    """lines: as in `write_request_head`."""
    return b"\r\n".join((b"HTTP/1.1 %d %b" % (status, reason), *map(_line, headers), lines + b"\r\n"))


def write_last_chunk(trailers: Trailers) -> bytes:
    """The end of a chunked body (RFC 9112 section 7.1)."""
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % field for field in trailers])


#: Nearly every Connection field.
_ORDINARY: Final = {each: frozenset((each.lower(),)) for each in (b"keep-alive", b"Keep-Alive", b"close")}


def connection_options(value: bytes) -> ConnectionOptions:
    """The options of a Connection field in lower case (RFC 9110 section 7.6.1)."""
    ordinary = _ORDINARY.get(value)
    if ordinary is not None:
        return ordinary
    return frozenset(option.strip(b" \t") for option in value.lower().split(b","))


class _FieldLines(dict[bytes, tuple[bytes, bytes]]):
    """Fields by their lines."""

    def __missing__(self, line: bytes) -> tuple[bytes, bytes]:
        """Raises ValueError: what is wrong with the line."""
        if line.translate(None, FIELD_TEXT):
            raise ValueError("a control character, bare CR or bare LF in a header or trailer line")
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError("a header line without a colon")
        if not name:
            raise ValueError("a header line without a name")
        # White space before the colon and folded lines (RFC 9112 sections 5.1 and 5.2) fail here as well.
        if name.translate(None, TOKEN):
            raise ValueError("a header name with a forbidden character")
        field = name.lower(), value.strip(b" \t")
        if len(line) <= _MAX_REMEMBERED_LENGTH:
            if len(self) == _MAX_REMEMBERED:
                self.clear()
            self[line] = field
        return field


_fields: Final = _FieldLines()


def parse_fields(lines: list[bytes], status: int) -> Headers:
    """Field lines (RFC 9112 section 5), of a head or of trailers. Raises ProtocolError."""
    if len(lines) > MAX_FIELDS:
        raise ProtocolError(431 if status == 400 else status, f"more than {MAX_FIELDS} header fields")
    try:
        return [_fields[line] for line in lines]
    except ValueError as error:
        raise ProtocolError(status, str(error)) from None


def _split(data: bytes, status: int) -> tuple[bytes, Headers]:
    line, *lines = data.split(b"\r\n")
    if line.translate(None, FIELD_TEXT):
        raise ProtocolError(status, "a control character, bare CR or bare LF in the first line")
    return line, parse_fields(lines, status)


_VERSIONS: Final[dict[bytes, Version]] = {b"HTTP/1.1": "HTTP/1.1", b"HTTP/1.0": "HTTP/1.0"}


def _other_version(version: bytes, unsupported: int, malformed: int) -> Version:
    """Of one that nobody sends."""
    major_minor = version.removeprefix(b"HTTP/")
    if (
        len(version) == 8
        and major_minor[:1].isdigit()
        and major_minor[1:2] == b"."
        and major_minor[2:].isdigit()
    ):
        if major_minor[:1] == b"1":
            return "HTTP/1.1"  # RFC 9110 section 2.5: a higher minor version is read as the highest known
        raise ProtocolError(unsupported, "an HTTP version other than 1.0 and 1.1")
    raise ProtocolError(malformed, "malformed HTTP version")


def _connection(headers: Headers, first: FirstValues) -> ConnectionOptions:
    if len(first) == len(headers):
        return connection_options(first[b"connection"])
    named = [connection_options(value) for name, value in headers if name == b"connection"]
    return NO_OPTIONS.union(*named)


def _keep_alive(version: Version, options: ConnectionOptions) -> bool:
    """RFC 9112 section 9.3."""
    if b"close" in options:
        return False
    return version == "HTTP/1.1" or b"keep-alive" in options
