"""What a parser may take a body's bytes for.

Servers honour `charset` and Content-Encoding in many ways: a form in `ibm037` or a zipped document is
plain to the application and noise to a firewall. Whatever is not plainly readable is refused.
"""

from __future__ import annotations

from typing import Final

from .errors import UnreadableError

#: ASCII characters mean themselves in these, which is all that rules look for.
_READABLE: Final = frozenset(
    (b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin1", b"iso-8859-15", b"windows-1252")
)


def check_charset(content_type: bytes) -> None:
    """Raises UnreadableError when a media type's charset is one in which ASCII may mean something else,
    or is given twice."""
    if b";" not in content_type:
        return
    lowered = content_type.lower()
    if b"charset" not in lowered:
        return
    charsets = [
        value.strip().strip(b"\"'")
        for name, _, value in (piece.partition(b"=") for piece in lowered.split(b";")[1:])
        if name.strip().partition(b"*")[0] == b"charset" and value.strip()
    ]
    if len(charsets) > 1:
        raise UnreadableError("charset", "the media type names more than one charset")
    if charsets:
        check_charset_name(charsets[0])


def check_charset_name(charset: bytes) -> None:
    """Raises UnreadableError unless ASCII means itself in it. charset: in lower case."""
    if charset not in _READABLE:
        raise UnreadableError("charset", "the body's charset is neither UTF-8 nor Latin-1")


def check_charset_parameter(parameters: list[tuple[bytes, bytes]]) -> None:
    """Raises UnreadableError when a parameter `_charset_` (RFC 7578 section 4.6) makes servers decode the
    others otherwise than they were read."""
    for name, value in parameters:
        if name == b"_charset_":
            check_charset_name(value.strip().lower())


def check_coding(content_encoding: bytes) -> None:
    """Raises UnreadableError when the body is compressed or coded otherwise (RFC 9110 section 8.4)."""
    if content_encoding and content_encoding.strip().lower() not in (b"", b"identity"):
        raise UnreadableError("content_encoding", "a body with a content coding cannot be inspected")
