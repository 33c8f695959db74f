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
    if b"%" in text:
        if b"%26" in text or b"%3D" in text or b"%3d" in text:  # escaped separators separate nothing
            pieces = [piece.partition(b"=") for piece in text.split(b"&") if piece]
            return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pieces]
        text = unquote_to_bytes(text)
    return [piece.partition(b"=")[::2] for piece in text.split(b"&") if piece]


def parse_form_body(body: bytes) -> list[Parameter]:
    """The parameters of a form that was posted. Raises UnreadableError (charset)."""
    parameters = parse_form(body)
    if b"_charset_" in body:
        check_charset_parameter(parameters)
    return parameters
