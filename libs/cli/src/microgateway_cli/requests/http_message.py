"""A request as it goes over the wire (RFC 9112), from a file that a person wrote or a proxy saved.

Lines may end in LF alone. Without Content-Length the body is what follows the empty line, but for the line
break with which editors end a file.
"""

from __future__ import annotations

from typing import Final

from microgateway_inspection.explain.explain import Received
from microgateway_inspection.request import Headers

from .errors import RequestInputError

_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def read_http_message(data: bytes, client: str) -> Received:
    """client: address to assume. Raises RequestInputError."""
    head, body = _split(data)
    line, *fields = head.replace(b"\r\n", b"\n").split(b"\n")
    method, target = _request_line(line)
    headers = [_field(number, each) for number, each in enumerate(fields, start=2)]
    return Received(method, target, headers, _body(headers, body), client)


def _split(data: bytes) -> tuple[bytes, bytes]:
    data = data.lstrip(b"\r\n")
    ends = [(at, len(end)) for end in (b"\r\n\r\n", b"\n\n") if (at := data.find(end)) >= 0]
    if not ends:
        return data.rstrip(b"\r\n"), b""
    at, length = min(ends)
    return data[:at], data[at + length :]


def _request_line(line: bytes) -> tuple[str, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/"):
        raise RequestInputError(f"expected a request line such as `GET /path HTTP/1.1`, got {_shown(line)}")
    method, target, _ = parts
    if not method or not _TOKEN.issuperset(method):
        raise RequestInputError(f"expected a method (RFC 9110 section 9.1), got {_shown(method)}")
    return method.decode("ascii"), origin_form(target)


def origin_form(target: bytes) -> bytes:
    """Path and query, also of `http://host/path` (RFC 9112 section 3.2). Raises RequestInputError."""
    target = target.partition(b"#")[0]
    if target[:1] == b"/" or target == b"*":
        return target
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise RequestInputError(f"expected a target that starts with / or http://, got {_shown(target)}")
    ends = [at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0]
    path = rest[min(ends) :] if ends else b""
    return path if path[:1] == b"/" else b"/" + path


def _field(number: int, line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or not _TOKEN.issuperset(name):
        raise RequestInputError(f"line {number}: expected a header `name: value`, got {_shown(line)}")
    return name.lower(), value.strip(b" \t")


def _body(headers: Headers, body: bytes) -> bytes:
    named = dict(reversed(headers))
    if b"transfer-encoding" in named:
        raise RequestInputError("expected a body without transfer coding, got Transfer-Encoding")
    length = named.get(b"content-length")
    if length is None:
        return body.removesuffix(b"\n").removesuffix(b"\r")
    if not length.isdigit() or int(length) > len(body):
        raise RequestInputError(
            f"expected a body of {_shown(length)} bytes (Content-Length), got {len(body)}"
        )
    return body[: int(length)]


def _shown(data: bytes) -> str:
    text = repr(data[:60])[1:]
    return text if len(data) <= 60 else f"{text}…"
