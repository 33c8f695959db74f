"""`multipart/form-data` bodies (RFC 7578), read strictly.

Lenient servers see parts where others see text, so a body is refused unless every reader must agree:
it begins with the boundary, ends with the closing one, the boundary occurs nowhere else, each part has
one Content-Disposition with one name, nothing is transfer-coded, and no part is multipart itself.

A part with a `filename` that is not empty is a file: its name and file name are looked at, its content
is not. Every other part is a parameter. The further headers of a part are looked at as values of the
parameter, unless they are a plain media type.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from .encoding import check_charset, check_charset_parameter
from .errors import UnreadableError
from .form import Parameter

#: RFC 2046 section 5.1.1.
_BOUNDARY_BYTES: Final = frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? "
)
_MAX_BOUNDARY: Final = 70
#: Of the names of headers (RFC 9110 section 5.6.2).
_HEADER_NAME_BYTES: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Of the names of parameters; the extended ones end with `*` (RFC 8187).
_TOKEN_BYTES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-_*"
#: What a media type is made of that says nothing else (RFC 9110 section 8.3.1).
_MEDIA_TYPE_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+._/;= "
#: Headers of a part that are read here and cannot hold anything else.
_READ_HEADERS: Final = (b"content-disposition", b"content-transfer-encoding")
#: Transfer codings that change nothing (RFC 2045 section 6.2).
_IDENTITY_CODINGS: Final = (b"", b"7bit", b"8bit", b"binary")

#: Of a part, and bytes of one of them, beyond which no browser goes.
_MAX_HEADERS: Final = 8
_MAX_HEADER: Final = 4096 + 128

_CRLF: Final = b"\r\n"
_BLANK_LINE: Final = b"\r\n\r\n"
#: What stands behind a boundary: the end of its line, that of the body, padding.
_BEHIND_BOUNDARY: Final = (_CRLF, b"--", b" ", b"\t")


def parse_multipart(body: bytes, content_type: bytes) -> list[Parameter]:
    """Parameters, and for each file its name with its file name. Raises UnreadableError
    (multipart_malformed, multipart_ambiguous, charset)."""
    delimiter = b"--" + multipart_boundary(content_type)
    if not body.startswith((delimiter + _CRLF, delimiter + b"--")):
        raise UnreadableError("multipart_malformed", "the body does not begin with its boundary")
    if not body.rstrip(b"\r\n").endswith(delimiter + b"--"):
        raise UnreadableError("multipart_malformed", "the body does not end with its closing boundary")
    parameters: list[Parameter] = []
    parts = _read_parts(body, delimiter, parameters)
    if body.count(delimiter) != parts + 1:
        raise UnreadableError("multipart_ambiguous", "the boundary occurs inside a part")
    check_charset_parameter(parameters)
    return parameters


def parse_multipart_prefix(prefix: bytes, content_type: bytes) -> list[Parameter]:
    """What a body that was cut off shows, as far as it can be read."""
    parameters: list[Parameter] = []
    with suppress(UnreadableError):
        delimiter = b"--" + multipart_boundary(content_type)
        _read_parts(prefix[prefix.find(delimiter) :], delimiter, parameters)
    return parameters


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
    if b"\\" not in text:
        quoted, closed, rest = text[1:].partition(b'"')
        if not closed:
            raise UnreadableError("multipart_ambiguous", "an unterminated quote in a header")
        return quoted, rest.lstrip()
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


def _read_parts(body: bytes, delimiter: bytes, parameters: list[Parameter]) -> int:
    """How many parts there are up to the closing boundary, and their parameters added to those given, also
    of the last part when it has no end. body: begins with the delimiter. Raises UnreadableError."""
    line = _CRLF + delimiter
    parts = 0
    at = len(delimiter)
    while not body.startswith(b"--", at):
        parts += 1
        start = body.find(_CRLF, at)
        blank = body.find(_BLANK_LINE, start)
        # Transport padding may stand between (RFC 2046 section 5.1.1); a part without headers has no name.
        if start < 0 or blank <= start or body[at:start].strip(b" \t"):
            raise UnreadableError("multipart_malformed", "a part of the body is malformed")
        name = _read_headers(body[start + 2 : blank], parameters)
        end = _end_of_part(body, line, blank + 4)
        if end < 0:
            if name is not None:
                parameters.append((name, _without_boundary(body[blank + 4 :], line)))
            raise UnreadableError("multipart_malformed", "a part does not end with a boundary")
        if name is not None:
            parameters.append((name, body[blank + 4 : end]))
        at = end + len(line)
    return parts


def _end_of_part(body: bytes, line: bytes, start: int) -> int:
    """Where the next boundary begins; -1 when there is none. line: CRLF and the delimiter."""
    end = body.find(line, start)
    while end >= 0 and not body.startswith(_BEHIND_BOUNDARY, end + len(line)):
        end = body.find(line, end + 1)
    return end


def _without_boundary(content: bytes, line: bytes) -> bytes:
    """Without the beginning of a boundary that was cut off. line: CRLF and the delimiter."""
    beginnings = (line + b"\r", line + b"-", *(line[:length] for length in range(len(line), 0, -1)))
    found = next((each for each in beginnings if content.endswith(each)), b"")
    return content.removesuffix(found)


def _read_headers(text: bytes, parameters: list[Parameter]) -> bytes | None:
    """The name of a part, None when it is a file, whose content is not looked at. What else its headers hold
    is added to the parameters. text: the lines of a part before the blank one. Raises UnreadableError."""
    headers = _headers(text)
    disposition = header_parameters(headers.get(b"content-disposition", b""))
    if disposition[b""] != b"form-data" or b"name" not in disposition:
        raise UnreadableError("multipart_malformed", "a part without a Content-Disposition with a name")
    if headers.get(b"content-transfer-encoding", b"").lower() not in _IDENTITY_CODINGS:
        raise UnreadableError("multipart_ambiguous", "a part is transfer-coded")
    name = disposition[b"name"]
    if len(headers) == 1 and len(disposition) == 2:
        return name
    if any(b"*" in each and each != b"filename*" for each in disposition):
        raise UnreadableError("multipart_ambiguous", "a parameter of a part in an extended form")
    content_type = headers.get(b"content-type", b"")
    if content_type[:9].lower() == b"multipart":
        raise UnreadableError("multipart_ambiguous", "a part is multipart itself")
    check_charset(content_type)
    for each in (b"filename", b"filename*"):
        if disposition.get(each):
            parameters.append((name, disposition[each]))
    for header, value in headers.items():
        if header not in _READ_HEADERS and value.translate(None, _MEDIA_TYPE_BYTES):
            parameters.append((name, value))
    return None if disposition.get(b"filename") else name


def _headers(text: bytes) -> dict[bytes, bytes]:
    """By name in lower case. Raises UnreadableError."""
    headers: dict[bytes, bytes] = {}
    for number, line in enumerate(text.split(_CRLF), 1):
        name, colon, value = line.partition(b":")
        malformed = not colon or not name or name.translate(None, _HEADER_NAME_BYTES) or b"\r" in value
        if malformed or number > _MAX_HEADERS or len(line) > _MAX_HEADER:
            raise UnreadableError("multipart_malformed", "a part of the body is malformed")
        name = name.lower()
        if name in headers:
            raise UnreadableError("multipart_ambiguous", "a part has the same header twice")
        headers[name] = value.strip()
    return headers
