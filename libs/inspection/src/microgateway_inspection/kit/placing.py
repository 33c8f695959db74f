"""A value becomes a request: where it stands and how it is encoded follow from its position in the corpus,
so that both are decided before anybody looks at a result.

Nothing here depends on the methods or media types of requests: those are no evidence.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import quote

from microgateway_inspection.request import Headers, Request

_AGENT: Final = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
BOUNDARY: Final = "----form7MA4YWxk"
_CLIENT: Final = "192.0.2.1"


class Where(StrEnum):
    QUERY = "query"
    JSON = "json"
    FORM = "form"
    HEADER = "header"
    SEGMENT = "segment"
    COOKIE = "cookie"
    MULTIPART = "multipart"


class Coding(StrEnum):
    """Beyond what the place itself asks for."""

    PLAIN = "plain"
    URL = "url"
    DOUBLE_URL = "double url"
    HTML = "html"
    UNICODE = "unicode"
    BASE64 = "base64"


class Sent(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def to_request(self) -> tuple[Request, bytes | None]:
        headers: Headers = [(name.encode(), value.encode()) for name, value in self.headers]
        return Request(self.method, self.path, self.query.encode(), headers, _CLIENT), self.body or None


#: Of ten values six are plain: most attacks are.
_CODINGS: Final = (
    Coding.PLAIN,
    Coding.PLAIN,
    Coding.URL,
    Coding.PLAIN,
    Coding.HTML,
    Coding.PLAIN,
    Coding.UNICODE,
    Coding.PLAIN,
    Coding.BASE64,
    Coding.PLAIN,
)


def turn(at: int) -> tuple[Where, Coding]:
    """Where the value at this position stands, and how it is encoded."""
    places = tuple(Where)
    return places[at % len(places)], _CODINGS[(at * 3) % len(_CODINGS)]


def encode(value: str, coding: Coding) -> str:
    match coding:
        case Coding.PLAIN:
            return value
        case Coding.URL:
            return quote(value, safe="")
        case Coding.DOUBLE_URL:
            return quote(quote(value, safe=""), safe="")
        case Coding.HTML:
            return "".join(each if each.isalnum() else f"&#{ord(each)};" for each in value)
        case Coding.UNICODE:
            return "".join(each if each.isalnum() else f"\\u{ord(each):04x}" for each in value)
        case Coding.BASE64:
            return base64.b64encode(value.encode()).decode()


def place(value: str, where: Where) -> Sent:
    """The value alone in an otherwise ordinary request."""
    return _PLACES[where](value)


def sent(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    media_type: str = "",
    body: bytes = b"",
) -> Sent:
    """A request with a browser's headers, where it does not bring its own."""
    named = {name for name, _ in headers}
    own = [*headers]
    if "user-agent" not in named:
        own.append(("user-agent", _AGENT.decode()))
    if "accept" not in named:
        own.append(("accept", "*/*"))
    if media_type:
        own.append(("content-type", media_type))
    return Sent(method, path, query, tuple(own), body)


def _query(value: str) -> Sent:
    return sent(path="/search", query=f"page=1&q={quote(value, safe='')}")


def _json(value: str) -> Sent:
    body = json.dumps({"id": 7, "items": [{"note": value}]}).encode()
    return sent("POST", "/api/items", media_type="application/json", body=body)


def _form(value: str) -> Sent:
    body = f"page=1&note={quote(value, safe='')}".encode()
    return sent("POST", "/form", media_type="application/x-www-form-urlencoded", body=body)


def _header(value: str) -> Sent:
    fits = value.isascii() and value.isprintable()
    return sent(headers=(("x-note", value.strip() if fits else quote(value, safe=" ")),))


def _segment(value: str) -> Sent:
    return sent(path="/items/" + quote(value, safe=""))


def _cookie(value: str) -> Sent:
    return sent(headers=(("cookie", f"theme=dark; prefs={quote(value, safe='')}"),))


def _multipart(value: str) -> Sent:
    disposition = 'Content-Disposition: form-data; name="note"'
    body = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n--{BOUNDARY}--\r\n".encode()
    return sent("POST", "/upload", media_type=f"multipart/form-data; boundary={BOUNDARY}", body=body)


_PLACES: Final[dict[Where, Callable[[str], Sent]]] = {
    Where.QUERY: _query,
    Where.JSON: _json,
    Where.FORM: _form,
    Where.HEADER: _header,
    Where.SEGMENT: _segment,
    Where.COOKIE: _cookie,
    Where.MULTIPART: _multipart,
}
