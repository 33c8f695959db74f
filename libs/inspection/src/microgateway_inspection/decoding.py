"""Encodings an attack may hide in, undone step by step.

A value is looked at as its parser read it, and again after each step that changes it:

    up to three rounds of   url → unicode → escape → html → overlong → width → alike → base64
                                                                         what applications decode
    then once               control → sql_comment → concat → shell       what interpreters skip

No step makes a value longer, so all the forms of a value together are at most
`MAX_FORMS` times its length. Every step is linear.
"""

from __future__ import annotations

import binascii
import unicodedata
from collections.abc import Callable
from html.entities import html5
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import re2

from .rules.patterns import buffer_pattern

ROUNDS: Final = 3


class Form(NamedTuple):
    """A value after the named steps, in order; the value itself has none."""

    text: bytes
    steps: tuple[str, ...]


#: ASCII without any of these stays as it is.
_INTRODUCERS: Final = (b"%", b"\\", b"&")

#: Four characters of base64 that stand for three printable ones of ASCII; random text has such a group
#: every fourteenth time, three in a row every three thousandth. The first four characters may stand for a
#: line break or whatever; fewer than three groups count where padding ends them.
_GROUP: Final = rb"[I-Za-f][CDEFGHSTUVWXijklmnyz0-3][AEIMQUYcgkosw048BFJNRVZdhlptx159][A-Za-z0-9+/_-]"
_BASE64: Final = (
    rb"(?:^|[^A-Za-z0-9+/_-])(?-i:(?:[A-Za-z0-9+/_-]{4})?(?:" + _GROUP + rb"){3}"
    rb"|(?:" + _GROUP + rb"){2}[A-Za-z0-9+/_-]{2,3}=)"
)

#: Characters that databases and file systems fold to ASCII: letter-like, circled, small and mathematical
#: ones; and quotation marks where they would close a value.
_ALIKE: Final = (
    rb"\xC5\xBF|\xE2(?:\x84[\x82-\xBF]|\x91[\xA0-\xBF]|\x92[\x80-\xBF]|\x93[\x80-\xAA])"
    rb"|\xEF\xB9[\x90-\xAB]|\xF0\x9D[\x90-\x9F]"
    rb"|(?:\xE2\x80[\x98\x99\xB2\x9C\x9D]|\xCA[\xB9\xBC])\s*\)*\s*"
    rb"(?:\bor\b|\band\b|\bunion\b|=|;|--|\|\||#|>)"
)
_CONCAT: Final = rb"['\x22]\s*(?:\+|\|\||\.)\s*['\x22]"
_SHELL: Final = (
    rb"\$\{?ifs|[a-z](?:''|\x22\x22)[a-z]|[a-z]'[a-z]{1,3}'[a-z]|[a-z]\^[a-z]\^?[a-z]|[a-z]\$[@*1-9][a-z]"
)
_ESCAPE: Final = rb"\\(?:0{0,4}[2-7][0-9a-f]|[01][0-7][0-7])"

#: The name of a member that may hold another (pollution.py).
_CONSTRUCTOR: Final = rb"^constructor$"

#: Patterns, one a step, in the syntax of rules: without a match of any, a value has only one form.
#: Values are scanned with their line feeds turned into carriage returns.
HINTS: Final = (
    rb"%[0-9a-f]{2}",
    rb"(?:\\|%)u[0-9a-f{]",
    rb"\\x[0-9a-f]{2}",
    rb"&(?:#x?[0-9a-f]|[a-z]{2,16};|[lg]t|amp|quot)",
    rb"[\xC0\xC1]|\xE0[\x80-\x9F]|\xF0[\x80-\x8F]",
    rb"\xEF[\xBC\xBD]",
    rb"[\x00-\x08\x0E-\x1F\x7F]",
    rb"/\*",
    rb"(?:--|#)[^\r]*\r",
    _ESCAPE,
    _ALIKE,
    _BASE64,
    _CONCAT,
    _SHELL,
    _CONSTRUCTOR,
)


def _regex(pattern: bytes) -> re2._Regexp:
    """For single values: line feeds in them are read as carriage returns."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(b"(?i)" + buffer_pattern(pattern), options)


def forms(value: bytes) -> list[Form]:
    """Every form of a value but the value itself."""
    found: list[Form] = []
    steps: tuple[str, ...] = ()
    for _ in range(ROUNDS):
        before = value
        for name, step in _DECODERS:
            changed = step(value)
            if changed != value:
                value = changed
                steps = (*steps, name)
                found.append(Form(value, steps))
        if value == before or (
            value.isascii()
            and not any(each in value for each in _INTRODUCERS)
            and _BASE64_HINT.search(value) is None
        ):
            break
    for name, step in _CLEANERS:
        changed = step(value)
        if changed != value:
            value = changed
            steps = (*steps, name)
            found.append(Form(value, steps))
    return found


def _url(value: bytes) -> bytes:
    return unquote_to_bytes(value) if b"%" in value else value


_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
_DIGITS: Final = frozenset(b"0123456789")


def _unicode(value: bytes) -> bytes:
    """`\\u003c`, `%u003c`, `\\u{3c}` and `\\x3c` (ECMAScript, IIS)."""
    for introducer in (b"\\", b"%"):
        if introducer in value:
            first, *rest = value.split(introducer)
            value = first + b"".join([_escape(introducer, piece) for piece in rest])
    return value


def _escape(introducer: bytes, piece: bytes) -> bytes:
    """What stands behind an introducer, with its escape resolved if it is one."""
    kind = piece[:1]
    if kind in (b"u", b"U"):
        if piece[1:2] == b"{" and introducer == b"\\":
            end = piece.find(b"}", 2, 16)
            if end > 2 and _HEX.issuperset(piece[2:end]):
                return _character(int(piece[2:end], 16)) + piece[end + 1 :]
        elif len(piece) > 4 and _HEX.issuperset(piece[1:5]):
            return _character(int(piece[1:5], 16)) + piece[5:]
    elif kind in (b"x", b"X") and introducer == b"\\" and len(piece) > 2 and _HEX.issuperset(piece[1:3]):
        return _character(int(piece[1:3], 16)) + piece[3:]
    return introducer + piece


def _character(code: int) -> bytes:
    """UTF-8; surrogates and what is no character become `?`, which no rule needs."""
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return b"?"
    return chr(code).encode()


#: Named references that stand for one ASCII character, `lt` and `lpar` (HTML section 13.5).
_ENTITIES: Final = {
    name.rstrip(";").encode(): text.encode()
    for name, text in html5.items()
    if len(text) == 1 and text.isascii()
}
#: Those that browsers take without the semicolon.
_BARE: Final = tuple(
    (name.encode(), text.encode())
    for name, text in html5.items()
    if len(text) == 1 and text.isascii() and not name.endswith(";")
)
_LONGEST_REFERENCE: Final = 18


def _html(value: bytes) -> bytes:
    """Character references, numeric ones with or without a semicolon (HTML section 13.2.5.72)."""
    if b"&" not in value:
        return value
    first, *rest = value.split(b"&")
    out = [first]
    for piece in rest:
        if piece[:1] == b"#":
            out.append(_numeric_reference(piece))
            continue
        end = piece.find(b";", 0, _LONGEST_REFERENCE)
        text = _ENTITIES.get(piece[:end]) if end > 0 else None
        if text is not None:
            out.append(text + piece[end + 1 :])
            continue
        for name, character in _BARE:
            if piece.startswith(name):
                out.append(character + piece[len(name) :])
                break
        else:
            out.append(b"&" + piece)
    return b"".join(out)


def _numeric_reference(piece: bytes) -> bytes:
    """`#60;rest` or `#x3c;rest` as `<rest`."""
    start, base, digits = (2, 16, _HEX) if piece[1:2] in (b"x", b"X") else (1, 10, _DIGITS)
    end = start
    # Leading zeros do not end a reference, so that their number is not bounded.
    while end < len(piece) and piece[end] == 0x30:
        end += 1
    significant = end
    while end < len(piece) and end - significant < 7 and piece[end] in digits:
        end += 1
    if end == start:
        return b"&" + piece
    text = _character(int(piece[significant:end] or b"0", base))
    return text + piece[end + 1 if piece[end : end + 1] == b";" else end :]


class _Fold(NamedTuple):
    """Sequences of an introducer and one more byte, from `first` to `last`, and the ASCII characters from
    `base` on that they stand for."""

    introducer: bytes
    first: int
    last: int
    base: int

    def apply(self, value: bytes) -> bytes:
        if self.introducer not in value:
            return value
        head, *rest = value.split(self.introducer)
        shift = self.base - self.first
        out = [head]
        for piece in rest:
            if piece and self.first <= piece[0] <= self.last:
                out.append(bytes((piece[0] + shift,)) + piece[1:])
            else:
                out.append(self.introducer + piece)
        return b"".join(out)


#: ASCII in two, three and four bytes.
_OVERLONG: Final = (
    _Fold(b"\xc0", 0x80, 0xBF, 0x00),
    _Fold(b"\xc1", 0x80, 0xBF, 0x40),
    _Fold(b"\xe0\x80", 0x80, 0xBF, 0x00),
    _Fold(b"\xe0\x81", 0x80, 0xBF, 0x40),
    _Fold(b"\xf0\x80\x80", 0x80, 0xBF, 0x00),
    _Fold(b"\xf0\x80\x81", 0x80, 0xBF, 0x40),
)


def _overlong(value: bytes) -> bytes:
    """UTF-8 longer than it must be, which lenient decoders take (RFC 3629 section 10)."""
    if value.isascii():
        return value
    for fold in _OVERLONG:
        value = fold.apply(value)
    return value


#: U+FF01 to U+FF3F and U+FF40 to U+FF5E.
_WIDE: Final = (_Fold(b"\xef\xbc", 0x81, 0xBF, 0x21), _Fold(b"\xef\xbd", 0x80, 0x9E, 0x60))


def _width(value: bytes) -> bytes:
    """Full-width forms as the ASCII characters databases and file systems fold them to."""
    if value.isascii():
        return value
    for fold in _WIDE:
        value = fold.apply(value)
    return value


_ESCAPE_HINT: Final = _regex(_ESCAPE)


def _numeric_escapes(value: bytes) -> bytes:
    """`\\3c ` of CSS (Syntax section 4.3.7) and `\\074` of C, JavaScript and shells."""
    if b"\\" not in value or _ESCAPE_HINT.search(value) is None:
        return value
    first, *rest = value.split(b"\\")
    return first + b"".join([_numeric_escape(piece) for piece in rest])


def _numeric_escape(piece: bytes) -> bytes:
    octal = len(piece) > 2 and piece[0] in b"01" and piece[1] in b"01234567" and piece[2] in b"01234567"
    if octal and int(piece[:3], 8) >= 0x20:
        code, end = int(piece[:3], 8), 3
    else:
        end = 0
        while end < min(6, len(piece)) and piece[end] in _HEX:
            end += 1
        code = int(piece[:end], 16) if end > 1 else 0
        end += piece[end : end + 1] == b" "
    return bytes((code,)) + piece[end:] if 0x20 <= code < 0x7F else b"\\" + piece


_ALIKE_HINT: Final = _regex(_ALIKE)
#: Where characters stand that are compatible with one of ASCII (Unicode Standard Annex 15, NFKC).
_COMPATIBLE: Final = ((0x80, 0x3000), (0xFE50, 0xFF70), (0x1D400, 0x1D800))
_ASCII_ALIKE: Final = (
    {
        code: folded
        for first, last in _COMPATIBLE
        for code in range(first, last)
        if len(folded := unicodedata.normalize("NFKC", chr(code))) == 1 and folded.isascii()
    }
    | dict.fromkeys(map(ord, "\u2018\u2019\u2032\u02b9\u02bc"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d"), '"')
)


def _alike(value: bytes) -> bytes:
    """Look-alikes as the ASCII characters they are folded to."""
    if value.isascii() or _ALIKE_HINT.search(value) is None:
        return value
    text = value.decode("utf-8", "surrogateescape")
    return text.translate(_ASCII_ALIKE).encode("utf-8", "surrogateescape")


_BASE64_HINT: Final = _regex(_BASE64)
_BASE64_RUN: Final = _regex(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


def _base64(value: bytes) -> bytes:
    """Runs of base64 (RFC 4648 sections 4 and 5) that begin with printable text, as that text."""
    if len(value) < 11 or _BASE64_HINT.search(value) is None:
        return value
    out: list[bytes] = []
    position = 0
    for run in _BASE64_RUN.finditer(value):
        start, end = run.span()
        if _BASE64_HINT.search(value[start : min(end, start + 16)]) is not None:
            out += (value[position:start], _base64_run(value[start:end]))
            position = end
    return b"".join((*out, value[position:]))


def _base64_run(run: bytes) -> bytes:
    digits = run.rstrip(b"=").translate(_STANDARD_ALPHABET)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


_CONTROLS: Final = bytes((*range(9), *range(0x0E, 0x20), 0x7F))


def _control(value: bytes) -> bytes:
    """Control characters, among them NUL, which parsers skip."""
    return value.translate(None, _CONTROLS)


def _sql_comment(value: bytes) -> bytes:
    """Comments as the space they stand for; the content of MySQL's `/*! ... */` is executed and stays."""
    if b"/*" in value:
        value = _without_block_comments(value)
    if b"\n" in value or b"\r" in value:
        value = _without_line_comments(value)
    return value


def _without_block_comments(value: bytes) -> bytes:
    out: list[bytes] = []
    position = 0
    while (start := value.find(b"/*", position)) >= 0:
        out += (value[position:start], b" ")
        if value[start + 2 : start + 3] == b"!":
            position = start + 3
            while position < start + 9 and value[position : position + 1].isdigit():
                position += 1
            continue
        end = value.find(b"*/", start + 2)
        if end < 0:
            return b"".join(out).replace(b"*/", b" ")
        position = end + 2
    return b"".join((*out, value[position:])).replace(b"*/", b" ")


def _without_line_comments(value: bytes) -> bytes:
    """A comment goes with the line break that ends it; the last line keeps its comment."""
    *lines, last = value.replace(b"\r", b"\n").split(b"\n")
    texts = [line.partition(b"#")[0].partition(b"--")[0] for line in lines]
    if texts == lines:
        return value
    out: list[bytes] = []
    for text, line in zip(texts, lines, strict=True):
        out += (text, b" " if len(text) < len(line) else b"\n")
    return b"".join((*out, last))


_CONCAT_REGEX: Final = _regex(_CONCAT)


def _concat(value: bytes) -> bytes:
    """String literals joined by the operators of SQL, JavaScript and PHP, as one."""
    return _CONCAT_REGEX.sub(b"", value) if b"'" in value or b'"' in value else value


_SHELL_HINT: Final = _regex(_SHELL)
_SHELL_SPACE: Final = _regex(rb"\$(?:\{ifs[^}]*\}|ifs\b(?:\$\d)?)")
_SHELL_NOTHING: Final = _regex(rb"['\x22^]|\$[@*1-9]")


def _shell(value: bytes) -> bytes:
    """Quotes, carets and empty variables inside words, which shells take out."""
    if _SHELL_HINT.search(value) is None:
        return value
    plain: bytes = _SHELL_NOTHING.sub(b"", _SHELL_SPACE.sub(b" ", value))
    return plain


_Step = Callable[[bytes], bytes]
_DECODERS: Final[tuple[tuple[str, _Step], ...]] = (
    ("url", _url),
    ("unicode", _unicode),
    ("escape", _numeric_escapes),
    ("html", _html),
    ("overlong", _overlong),
    ("width", _width),
    ("alike", _alike),
    ("base64", _base64),
)
_CLEANERS: Final[tuple[tuple[str, _Step], ...]] = (
    ("control", _control),
    ("sql_comment", _sql_comment),
    ("concat", _concat),
    ("shell", _shell),
)

#: At most this many forms besides the value itself.
MAX_FORMS: Final = ROUNDS * len(_DECODERS) + len(_CLEANERS)
