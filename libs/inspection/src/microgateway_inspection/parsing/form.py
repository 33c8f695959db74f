"""Query strings and form bodies (WHATWG URL standard, application/x-www-form-urlencoded parsing).

`&` separates, the first `=` splits, `+` is a space, repeated names are kept apart, escapes that are
none stay as they are. An empty piece is nothing; a piece without `=` is a name without value.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from .encoding import check_charset_parameter

#: Name and value, decoded once.
Parameter = tuple[bytes, bytes]


def parse_form(text: bytes) -> list[Parameter]:
    """Every parameter in order of arrival."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    pieces = [piece.partition(b"=") for piece in text.split(b"&") if piece]
    if b"%" not in text:
        return [(name, value) for name, _, value in pieces]
    return [
        (
            unquote_to_bytes(name) if b"%" in name else name,
            unquote_to_bytes(value) if b"%" in value else value,
        )
        for name, _, value in pieces
    ]


def parse_form_body(body: bytes) -> list[Parameter]:
    """The parameters of a form that was posted. Raises UnreadableError (charset)."""
    parameters = parse_form(body)
    if b"_charset_" in body:
        check_charset_parameter(parameters)
    return parameters
