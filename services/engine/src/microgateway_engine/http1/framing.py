"""Where a message's body ends (RFC 9112 section 6). Ambiguity is refused, never guessed: what two
servers can read differently is how requests are smuggled."""

from __future__ import annotations

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.fields import parse_length
from microgateway_engine.http.messages import (
    NO_BODY,
    STREAMED,
    UNTIL_CLOSE,
    FirstValues,
    Framing,
    Headers,
    Length,
    Version,
)


def request_framing(version: Version, headers: Headers, first: FirstValues) -> Framing:
    """Framing of a request. Raises ProtocolError (400, 501)."""
    length = first.get(b"content-length")
    coding = first.get(b"transfer-encoding")
    if length is None and coding is None:
        return NO_BODY
    if len(first) < len(headers):
        if len(_values(headers, b"content-length")) > 1:
            raise ProtocolError(400, "more than one Content-Length")  # RFC 9112 section 6.3 item 5
        if len(_values(headers, b"transfer-encoding")) > 1:
            raise ProtocolError(400, "more than one Transfer-Encoding")
    if coding is not None:
        if length is not None:
            raise ProtocolError(400, "both Transfer-Encoding and Content-Length")  # RFC 9112 section 6.1
        if version == "HTTP/1.0":
            raise ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 message")  # RFC 9112 section 6.1
        if coding.lower() != b"chunked":
            raise ProtocolError(501, "a transfer coding other than chunked")  # RFC 9112 section 6.1
        return STREAMED
    assert length is not None
    size = parse_length(length)
    return Length(size) if size else NO_BODY


def response_framing(method: str, status: int, headers: Headers, first: FirstValues) -> Framing:
    """Framing of a response to a request of this method. Raises ProtocolError (502)."""
    if method == "HEAD" or status < 200 or status in (204, 304):
        return NO_BODY  # RFC 9112 section 6.3 item 1
    length = first.get(b"content-length")
    coding = first.get(b"transfer-encoding")
    if len(first) < len(headers):
        if len(set(_values(headers, b"content-length"))) > 1:
            raise ProtocolError(502, "different Content-Length values in a response")
        if len(_values(headers, b"transfer-encoding")) > 1:
            raise ProtocolError(502, "more than one Transfer-Encoding in a response")
    if coding is not None:
        if length is not None:
            raise ProtocolError(502, "both Transfer-Encoding and Content-Length in a response")
        if coding.lower() != b"chunked":
            raise ProtocolError(502, "a transfer coding other than chunked in a response")
        return STREAMED
    if length is None:
        return UNTIL_CLOSE
    try:
        size = parse_length(length)
    except ProtocolError as error:
        raise ProtocolError(502, f"{error.reason} in a response") from None
    return Length(size) if size else NO_BODY


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for each, value in headers if each == name]
