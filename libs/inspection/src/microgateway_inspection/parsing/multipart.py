"""`multipart/form-data` bodies (RFC 7578), read strictly.

Lenient servers see parts where others see text, so a body is refused unless every reader must agree:
it begins with the boundary, ends with the closing one, the boundary occurs nowhere else, each part has
one Content-Disposition with one name, nothing is transfer-coded, and no part is multipart itself.

A part with a `filename` that is not empty is a file: its name and file name are looked at, its content
is not. Every other part is a parameter. The further headers of a part are looked at as values of the
parameter, unless they are a plain media type.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from .encoding import check_charset, check_charset_parameter
from .errors import UnreadableError
from .form import Parameter

#: RFC 2046 section 5.1.1.
_BOUNDARY_BYTES: Final = frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? "
)
_MAX_BOUNDARY: Final = 70
#: Of the names of parameters; the extended ones end with `*` (RFC 8187).
_TOKEN_BYTES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-_*"
#: What a media type is made of that says nothing else (RFC 9110 section 8.3.1).
_MEDIA_TYPE_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+._/;= "
#: Headers of a part that are read here and cannot hold anything else.
_READ_HEADERS: Final = (b"content-disposition", b"content-transfer-encoding")
#: Transfer codings that change nothing (RFC 2045 section 6.2).
_IDENTITY_CODINGS: Final = (b"", b"7bit", b"8bit", b"binary")

# The library warns about each malformed body; the threat that is raised says the same once.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def parse_multipart(body: bytes, content_type: bytes) -> list[Parameter]:
    """Parameters, and for each file its name with its file name. Raises UnreadableError
    (multipart_malformed, multipart_ambiguous, charset)."""
    boundary = multipart_boundary(content_type)
    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        raise UnreadableError("multipart_malformed", "the body does not begin with its boundary")
    if not body.rstrip(b"\r\n").endswith(delimiter + b"--"):
        raise UnreadableError("multipart_malformed", "the body does not end with its closing boundary")
    parts = _Parts()
    _feed(parts, body, boundary)
    if body.count(delimiter) != parts.count + 1:
        raise UnreadableError("multipart_ambiguous", "the boundary occurs inside a part")
    check_charset_parameter(parts.parameters)
    return parts.parameters


def parse_multipart_prefix(prefix: bytes, content_type: bytes) -> list[Parameter]:
    """What a body that was cut off shows, as far as it can be read."""
    parts = _Parts()
    with suppress(UnreadableError):
        _feed(parts, prefix, multipart_boundary(content_type))
    if parts.open:
        parts.finish()
    return parts.parameters


def multipart_boundary(content_type: bytes) -> bytes:
    """The boundary of a Content-Type. Raises UnreadableError when there is not exactly one."""
    parameters = header_parameters(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not boundary or len(boundary) > _MAX_BOUNDARY or not _BOUNDARY_BYTES.issuperset(boundary):
        raise UnreadableError("multipart_malformed", "the media type has no valid boundary")
    if any(name.startswith(b"boundary*") for name in parameters):
        raise UnreadableError("multipart_ambiguous", "the media type has more than one boundary")
    return boundary


def header_parameters(header: bytes) -> dict[bytes, bytes]:
    """The parameters of a Content-Type or Content-Disposition, names in lower case; the value before the
    first `;` under the empty name. Raises UnreadableError for what readers would split differently."""
    value, _, rest = header.partition(b";")
    parameters = {b"": value.strip().lower()}
    while rest := rest.strip():
        name, equals, rest = rest.partition(b"=")
        name = name.lower()
        if not equals or not name or name in parameters or name.translate(None, _TOKEN_BYTES):
            raise UnreadableError("multipart_ambiguous", "a malformed or repeated parameter of a header")
        if rest[:1] == b'"':
            text, rest = _quoted(rest)
            if rest and rest[:1] != b";":
                raise UnreadableError("multipart_ambiguous", "text after a quoted parameter of a header")
            rest = rest[1:]
        else:
            text, _, rest = rest.partition(b";")
            text = text.rstrip()
            # PHP also quotes with ', which in `filename*=utf-8''x` stands for something else.
            quotes = 2 if name.endswith(b"*") else 0
            if b'"' in text or len(text.split()) > 1 or text[:1].isspace() or text.count(b"'") != quotes:
                raise UnreadableError("multipart_ambiguous", "a quote or space in a parameter of a header")
        parameters[name] = text
    return parameters


def _quoted(text: bytes) -> tuple[bytes, bytes]:
    """A quoted string (RFC 9110 section 5.6.4) and what follows it."""
    out = bytearray()
    at = 1
    while at < len(text):
        byte = text[at]
        if byte == 0x22:
            return bytes(out), text[at + 1 :].lstrip()
        if byte == 0x5C and text[at + 1 : at + 2] in (b'"', b"\\"):
            if text[at + 1 : at + 3] == b'\\"':
                # Whoever only knows `\"` reads on behind this quote.
                raise UnreadableError(
                    "multipart_ambiguous", "an escaped backslash before a quote in a header"
                )
            at += 1
            byte = text[at]
        out.append(byte)
        at += 1
    raise UnreadableError("multipart_ambiguous", "an unterminated quote in a header")


def _feed(parts: _Parts, body: bytes, boundary: bytes) -> None:
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.begin,
            "on_part_data": parts.data,
            "on_part_end": parts.finish,
            "on_header_field": parts.header_name,
            "on_header_value": parts.header_value,
            "on_header_end": parts.header_end,
            "on_headers_finished": parts.headers_end,
        },
    )
    try:
        parser.write(body)
    except FormParserError:
        raise UnreadableError("multipart_malformed", "a part of the body is malformed") from None


class _Parts:
    """Collects parameters from the parser's events."""

    def __init__(self) -> None:
        self.parameters: list[Parameter] = []
        self.count = 0
        self.open = False
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._name = b""
        self._is_file = False
        self._pieces: list[bytes] = []

    def begin(self) -> None:
        self.count += 1
        self._headers = {}
        self._pieces = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def header_end(self) -> None:
        name = self._header_name.strip().lower()
        if name in self._headers:
            raise UnreadableError("multipart_ambiguous", "a part has the same header twice")
        self._headers[name] = self._header_value.strip()
        self._header_name = self._header_value = b""

    def headers_end(self) -> None:
        disposition = header_parameters(self._headers.get(b"content-disposition", b""))
        if disposition[b""] != b"form-data" or b"name" not in disposition:
            raise UnreadableError("multipart_malformed", "a part without a Content-Disposition with a name")
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in _IDENTITY_CODINGS:
            raise UnreadableError("multipart_ambiguous", "a part is transfer-coded")
        if any(b"*" in each and each != b"filename*" for each in disposition):
            raise UnreadableError("multipart_ambiguous", "a parameter of a part in an extended form")
        content_type = self._headers.get(b"content-type", b"")
        if content_type[:9].lower() == b"multipart":
            raise UnreadableError("multipart_ambiguous", "a part is multipart itself")
        check_charset(content_type)
        self._name = disposition[b"name"]
        for each in (b"filename", b"filename*"):
            if disposition.get(each):
                self.parameters.append((self._name, disposition[each]))
        for header, value in self._headers.items():
            if header not in _READ_HEADERS and value.translate(None, _MEDIA_TYPE_BYTES):
                self.parameters.append((self._name, value))
        self._is_file = bool(disposition.get(b"filename"))
        self.open = not self._is_file

    def data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._pieces.append(data[start:end])

    def finish(self) -> None:
        self.open = False
        if not self._is_file:
            self.parameters.append((self._name, b"".join(self._pieces)))
