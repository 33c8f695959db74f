"""JSONPath (RFC 9535) without filter expressions, as a test on locations.

A path is a row of segments; a location is matched by keeping the set of positions in that row that
its steps so far may have reached: linear in the location for a given path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .parsing.json import Index, Location

LocationTest = Callable[[Location], bool]
_StepTest = Callable[[str | Index], bool]

_MAX_INTEGER: Final = 2**53 - 1
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class _Segment:
    """One step down, or with `descendant` any number of steps before it."""

    selectors: tuple[_StepTest, ...]
    descendant: bool

    def takes(self, step: str | Index) -> bool:
        return any(selector(step) for selector in self.selectors)


def compile_json_path(path: str) -> LocationTest:
    """A test for the nodes that the path selects. Raises ValueError with path and position."""
    segments = _Parser(path).parse()
    end = len(segments)

    def test(location: Location) -> bool:
        reached = {0}
        for step in location:
            following = set()
            for at in reached:
                if at < end:
                    if segments[at].descendant:
                        following.add(at)
                    if segments[at].takes(step):
                        following.add(at + 1)
            reached = following
            if not reached:
                return False
        return end in reached

    return test


class _Parser:
    def __init__(self, path: str) -> None:
        self._path = path
        self._at = 0

    def parse(self) -> tuple[_Segment, ...]:
        self._expect("$")
        segments: list[_Segment] = []
        while True:
            self._blank()
            if self._at == len(self._path):
                return tuple(segments)
            segments.append(self._segment())

    def _segment(self) -> _Segment:
        if self._take(".."):
            if self._peek() == "[":
                return _Segment(self._bracketed(), True)
            return _Segment((self._wildcard_or_name(),), True)
        if self._take("."):
            return _Segment((self._wildcard_or_name(),), False)
        return _Segment(self._bracketed(), False)

    def _wildcard_or_name(self) -> _StepTest:
        if self._take("*"):
            return _any
        start = self._at
        while self._is_name(self._peek(), self._at == start):
            self._at += 1
        if self._at == start:
            raise self._error("a member name or *")
        return _member(self._path[start : self._at])

    @staticmethod
    def _is_name(character: str, is_first: bool) -> bool:
        if not character:
            return False
        if character == "_" or character >= "\x80" or (character.isascii() and character.isalpha()):
            return True
        return not is_first and character.isascii() and (character.isdigit() or character == "-")

    def _bracketed(self) -> tuple[_StepTest, ...]:
        self._expect("[")
        selectors = []
        while True:
            self._blank()
            selectors.append(self._selector())
            self._blank()
            if self._take("]"):
                return tuple(selectors)
            self._expect(",")

    def _selector(self) -> _StepTest:
        character = self._peek()
        if character in ("'", '"') and character:
            return _member(self._quoted())
        if self._take("*"):
            return _any
        if character == "?":
            raise self._error("a selector other than a filter expression, which is not supported")
        start = self._integer()
        self._blank()
        if not self._take(":"):
            if start is None:
                raise self._error("a name, an index, a slice or *")
            return _element(start)
        self._blank()
        stop = self._integer()
        self._blank()
        step: int | None = None
        if self._take(":"):
            self._blank()
            step = self._integer()
        return _slice(start, stop, 1 if step is None else step)

    def _integer(self) -> int | None:
        start = self._at
        if self._peek() == "-":
            self._at += 1
        while self._peek().isascii() and self._peek().isdigit():
            self._at += 1
        text = self._path[start : self._at]
        if not text:
            return None
        digits = text.removeprefix("-")
        if not digits or (digits[0] == "0" and text != "0") or len(digits) > 16 or int(digits) > _MAX_INTEGER:
            self._at = start
            raise self._error("an integer without leading zeros")
        return int(text)

    def _quoted(self) -> str:
        quote = self._path[self._at]
        self._at += 1
        out: list[str] = []
        while True:
            character = self._peek()
            if not character:
                raise self._error(f"a closing {quote}")
            self._at += 1
            if character == quote:
                return "".join(out)
            out.append(self._escape(quote) if character == "\\" else character)

    def _escape(self, quote: str) -> str:
        character = self._peek()
        self._at += 1
        if character and character == quote:
            return quote
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "u":
            return self._unicode()
        self._at -= 1
        raise self._error("an escape sequence")

    def _unicode(self) -> str:
        """`\\uXXXX` behind the `u`; surrogates in pairs."""
        code = self._hex()
        if 0xD800 <= code < 0xDC00 and self._take("\\u"):
            low = self._hex()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
            code = low
        if 0xD800 <= code < 0xE000:
            raise self._error("a pair of surrogates")
        return chr(code)

    def _hex(self) -> int:
        digits = self._path[self._at : self._at + 4]
        if len(digits) < 4 or any(each not in "0123456789abcdefABCDEF" for each in digits):
            raise self._error("four hexadecimal digits")
        self._at += 4
        return int(digits, 16)

    def _blank(self) -> None:
        while self._peek() in (" ", "\t", "\n", "\r"):
            self._at += 1

    def _peek(self) -> str:
        return self._path[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if self._path.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error(repr(text))

    def _error(self, expected: str) -> ValueError:
        got = self._peek()
        found = f"got {got!r}" if got else "it ends"
        return ValueError(
            f"the JSONPath {self._path!r}: expected {expected} at position {self._at}, but {found}"
        )


def _any(_step: str | Index) -> bool:
    return True


def _member(name: str) -> _StepTest:
    return lambda step: step == name


def _element(index: int) -> _StepTest:
    def test(step: str | Index) -> bool:
        return isinstance(step, Index) and step.position == (index if index >= 0 else step.length + index)

    return test


def _slice(start: int | None, stop: int | None, step: int) -> _StepTest:
    """RFC 9535 section 2.3.4; a step of 0 selects nothing."""

    def test(each: str | Index) -> bool:
        return (
            step != 0
            and isinstance(each, Index)
            and each.position in range(*slice(start, stop, step).indices(each.length))
        )

    return test
