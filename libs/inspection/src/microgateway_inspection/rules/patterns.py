"""Patterns of rules, made fit for a buffer of many values.

Values are scanned together, joined by line feeds; a line feed inside a value becomes a carriage return.
`buffer_pattern` rewrites a pattern so that it cannot match a line feed: no match spans two values, and
`^` and `$` are the ends of a value. Hyperscan and RE2 read the result alike.
"""

from __future__ import annotations

from typing import Final

SEPARATOR: Final = b"\n"

_SPACE: Final = rb"\t\x0B\f\r\x20"
_OUTSIDE: Final = {
    b"s": b"[" + _SPACE + b"]",
    b"S": rb"[^\n" + _SPACE + b"]",
    b"W": rb"[^\n\w]",
    b"D": rb"[^\n\d]",
    b"n": rb"\r",
}
_INSIDE: Final = {b"s": _SPACE, b"n": rb"\r"}
_FORBIDDEN_INSIDE: Final = (b"S", b"W", b"D")


def buffer_pattern(pattern: bytes) -> bytes:
    """The pattern for a buffer. Raises ValueError for what could match a separator."""
    out: list[bytes] = []
    in_class = False
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"\\":
            escaped = pattern[at : at + 1]
            at += 1
            if pattern[at - 1 : at + 2].lower() == b"x0a" or (in_class and escaped in _FORBIDDEN_INSIDE):
                raise ValueError(f"the pattern {pattern!r} could match a separator")
            out.append((_INSIDE if in_class else _OUTSIDE).get(escaped, b"\\" + escaped))
        elif in_class:
            in_class = byte != b"]"
            out.append(byte)
        elif byte == b"[":
            in_class = True
            negated = pattern[at : at + 1] == b"^"
            out.append(rb"[^\n" if negated else b"[")
            at += negated
        else:
            out.append(byte)
    return b"".join(out)


def join(texts: list[bytes]) -> bytes:
    """One buffer of the texts, which may hold line feeds."""
    buffer = SEPARATOR.join(texts)
    if buffer.count(SEPARATOR) >= len(texts):
        buffer = SEPARATOR.join([text.replace(b"\n", b"\r") for text in texts])
    return buffer
