"""What may stand in header fields and request lines, in every version of HTTP."""

from __future__ import annotations

from typing import Final

from .errors import ProtocolError

#: RFC 9110 section 5.6.2.
TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: What may stand in a field value or field line (RFC 9110 section 5.5): no control characters but the tab.
FIELD_TEXT: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])

#: Most header fields of one message, whatever their size.
MAX_FIELDS: Final = 256

#: Longest method taken; the longest registered one is UPDATEREDIRECTREF.
MAX_METHOD_LENGTH: Final = 32

#: A length with more digits is no length of anything (and int() would get slow).
MAX_LENGTH_DIGITS: Final = 18

_METHODS: Final = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
}


def request_method(raw: bytes) -> str:
    """A method as text. Raises ProtocolError (400)."""
    known = _METHODS.get(raw)
    if known is not None:
        return known
    if not raw or len(raw) > MAX_METHOD_LENGTH or raw.translate(None, TOKEN):
        raise ProtocolError(400, "malformed method")
    return raw.decode("ascii")


def parse_length(value: bytes) -> int:
    """1*DIGIT, nothing else: no sign, no list, no white space. Raises ProtocolError (400)."""
    if not value.isdigit() or len(value) > MAX_LENGTH_DIGITS:
        raise ProtocolError(400, "malformed Content-Length")
    return int(value)
