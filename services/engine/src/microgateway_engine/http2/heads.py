"""Field lists to messages and back (RFC 9113 section 8). What is malformed there is malformed here; h2 does
not look, since it would end the whole connection for one bad request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.fields import FIELD_TEXT, MAX_FIELDS, TOKEN, parse_length, request_method
from microgateway_engine.http.messages import (
    NO_BODY,
    STREAMED,
    Framing,
    Headers,
    Length,
    RequestHead,
    ResponseHead,
    Trailers,
    first_values,
)

#: Field names are sent in lower case (RFC 9113 section 8.2).
_NAME: Final = TOKEN.translate(None, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACE: Final = (b" ", b"\t")
_REQUEST: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_EXTENDED_REQUEST: Final = _REQUEST | {b":protocol"}
_OF_CONNECTIONS: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
#: What a name costs in HTTP/1.1 besides its bytes: colon, space and CRLF. Limits mean the same in both.
_PER_FIELD: Final = 4


def request_head(fields: Headers, ended: bool, max_head: int, *, allow_connect: bool = False) -> RequestHead:
    """A request's head from its HEADERS. ended: it has no body. max_head: bytes, above which it is refused.
    allow_connect: the client was told that it may use extended CONNECT (RFC 8441).

    Raises ProtocolError (400, 413, 431, 501).
    """
    size = size_of(fields)
    if size > max_head or len(fields) > MAX_FIELDS:
        raise ProtocolError(431, f"a head of more than {max_head} bytes or {MAX_FIELDS} fields")
    pseudo, headers = _split(fields, _EXTENDED_REQUEST if allow_connect else _REQUEST, 400)
    method = request_method(pseudo.get(b":method", b""))
    authority = pseudo.get(b":authority")
    opens_tunnel = b":protocol" in pseudo
    if opens_tunnel:
        _check_extended_connect(method, pseudo, headers, ended)
        method = "GET"
    if method == "CONNECT":
        if authority is None or b":path" in pseudo or b":scheme" in pseudo:
            raise ProtocolError(400, "malformed CONNECT")  # RFC 9113 section 8.5
        target = authority
    else:
        target = pseudo.get(b":path", b"")
        if target[:1] != b"/" and not (target == b"*" and method == "OPTIONS"):
            raise ProtocolError(400, "malformed :path")
        if pseudo.get(b":scheme", b"").lower() not in (b"http", b"https"):
            raise ProtocolError(400, "malformed :scheme")
    length: bytes | None = None
    crumbs: list[bytes] = []
    for name, value in headers:
        if name == b"content-length":
            if length is not None:
                raise ProtocolError(400, "more than one Content-Length")
            length = value
        elif name == b"cookie":
            crumbs.append(value)
        elif name == b"host":
            if authority is not None and value != authority:
                raise ProtocolError(400, "host and :authority differ")  # RFC 9113 section 8.3.1
        elif name == b"te" and value.lower() != b"trailers":
            raise ProtocolError(400, "te other than trailers")  # RFC 9113 section 8.2.2
    if len(crumbs) > 1:  # RFC 9113 section 8.2.3
        headers = [field for field in headers if field[0] != b"cookie"]
        headers.append((b"cookie", b"; ".join(crumbs)))
    if authority is not None:
        headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
    framing = _framing(length, ended, 400)
    first = first_values(headers)
    return RequestHead(method, target, "HTTP/2", headers, first, framing, True, size, opens_tunnel)


def response_head(fields: Headers, ended: bool, method: str) -> ResponseHead:
    """The head of a final response to a request of this method. Raises ProtocolError (502)."""
    pseudo, headers = _split(fields, frozenset((b":status",)), 502)
    code = pseudo.get(b":status", b"")
    if len(code) != 3 or not code.isdigit() or not b"200" <= code <= b"599":
        raise ProtocolError(502, "malformed :status")
    length: bytes | None = None
    for name, value in headers:
        if name == b"content-length":
            if length is not None and length != value:
                raise ProtocolError(502, "different Content-Length values in a response")
            length = value
    if method == "HEAD" or code in (b"204", b"304"):
        framing: Framing = NO_BODY
    else:
        try:
            framing = _framing(length, ended, 502)
        except ProtocolError as error:
            raise ProtocolError(502, f"{error.reason} in a response") from None
    return ResponseHead(int(code), b"", headers, first_values(headers), framing, True, size_of(fields))


def trailers(fields: Headers, status: int) -> Trailers:
    """Fields after the body. Raises ProtocolError."""
    _, headers = _split(fields, frozenset(), status)
    return tuple(headers)


def request_fields(
    method: str, scheme: bytes, authority: bytes, target: bytes, headers: Headers
) -> list[tuple[bytes, bytes]]:
    """The other way: a request's field list."""
    return [
        (b":method", method.encode("ascii")),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", target),
        *headers,
    ]


def websocket_fields(
    scheme: bytes, authority: bytes, target: bytes, headers: Headers
) -> list[tuple[bytes, bytes]]:
    """A request for WebSocket on a stream (RFC 8441 section 5)."""
    return [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", target),
        *headers,
    ]


def response_fields(status: int, headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(b":status", b"%d" % status), *headers]


def size_of(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """Bytes the fields would take in HTTP/1.1."""
    return sum([len(name) + len(value) + _PER_FIELD for name, value in fields])


def _split(fields: Headers, allowed: frozenset[bytes], status: int) -> tuple[dict[bytes, bytes], Headers]:
    """Pseudo fields and header fields, both checked (RFC 9113 sections 8.2 and 8.3)."""
    pseudo: dict[bytes, bytes] = {}
    at = 0
    for name, value in fields:
        if name[:1] != b":":
            break
        if name in pseudo or name not in allowed:
            raise ProtocolError(status, "a doubled or unknown pseudo-header field")
        pseudo[name] = value
        at += 1
    # Checked together: one pass over all of them costs less than a pass for each.
    if b"".join([value for _, value in fields]).translate(None, FIELD_TEXT):
        raise ProtocolError(status, "a control character in a field value")
    headers = fields[at:]
    names = [name for name, _ in headers]
    if not all(names) or b"".join(names).translate(None, _NAME):
        raise ProtocolError(status, "a field name with a forbidden or upper-case character")
    if not _OF_CONNECTIONS.isdisjoint(names):
        raise ProtocolError(status, "a field that belongs to HTTP/1.1 connections")
    for _, value in headers:
        if value[:1] in _SPACE or value[-1:] in _SPACE:
            raise ProtocolError(status, "a field value with white space around it")
    return pseudo, headers


def _check_extended_connect(method: str, pseudo: dict[bytes, bytes], headers: Headers, ended: bool) -> None:
    """RFC 8441 section 4."""
    if method != "CONNECT" or b":authority" not in pseudo:
        raise ProtocolError(400, "malformed extended CONNECT")
    if pseudo[b":protocol"].lower() != b"websocket":
        raise ProtocolError(501, "CONNECT for another protocol than WebSocket")
    if ended or any(name == b"content-length" for name, _ in headers):
        raise ProtocolError(400, "extended CONNECT with an end")


def _framing(length: bytes | None, ended: bool, status: int) -> Framing:
    if length is None:
        return NO_BODY if ended else STREAMED
    size = parse_length(length)
    if ended:
        if size:
            raise ProtocolError(status, "a Content-Length without a body")
        return NO_BODY
    return Length(size)
