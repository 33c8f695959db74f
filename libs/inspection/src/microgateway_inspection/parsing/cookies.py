"""The Cookie header (RFC 6265 section 4.2), read as leniently as servers do."""

from __future__ import annotations

from collections.abc import Iterator


def parse_cookies(header: bytes) -> list[tuple[bytes, bytes]]:
    """Name and value of each cookie; values keep their encoding, outer quotes go.

    A piece without `=` is a value without name, as browsers send it. A semicolon separates, in quotes as
    well; since Python's http.cookies and others go on to the closing quote, the whole is a value too.
    """
    cookies = []
    for piece in header.split(b";"):
        name, equals, value = piece.partition(b"=")
        if not equals:
            name, value = b"", piece
        value = value.strip()
        if len(value) > 1 and value[:1] == b'"' == value[-1:]:
            value = value[1:-1]
        if name or value:
            cookies.append((name.strip(), value))
    if b'="' in header:
        cookies += _quoted(header)
    return cookies


def _quoted(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Quoted values with semicolons."""
    equals = header.find(b'="')
    while equals >= 0:
        start = equals + 2
        end = header.find(b'"', start)
        while end > start and header[end - 1 : end] == b"\\":
            end = header.find(b'"', end + 1)
        if end < 0:
            return
        if b";" in header[start:end]:
            name = header[header.rfind(b";", 0, equals) + 1 : equals]
            yield name.strip(), header[start:end]
        equals = header.find(b'="', end - 1)
