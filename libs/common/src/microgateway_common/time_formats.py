"""Time formats of command operators: `%Y-%m-%dT%H:%M:%S.%3fZ`, always in UTC.

strftime's numeric directives, with what Envoy adds for parts of a second: `%f` (nine digits), `%3f`,
`%E3S` (seconds with three digits), `%E*S`, `%Ez` (`+00:00`), and `%s` (seconds since the epoch).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

#: Envoy's format where none is given.
DEFAULT: Final = "%Y-%m-%dT%H:%M:%S.%3fZ"

#: A point in time, nanoseconds since the epoch, as text.
TimeFormat = Callable[[int], str]

_STRFTIME: Final = frozenset("aAbBdHIjmMpSUwWyYZuVG")
#: Abbreviations for others, which strftime has on some platforms only.
_SHORT: Final = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
#: UTC's offset is written out: strftime leaves it to the time at hand.
_FIXED: Final = {"%": "%%", "z": "+0000"}


@lru_cache(maxsize=256)
def time_format(text: str) -> TimeFormat:
    """Make a format ready; the empty string is the default. Raises ValueError naming the directive."""
    pieces = tuple(_pieces(text or DEFAULT))

    def render(nanoseconds: int) -> str:
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        return "".join([piece(seconds, rest) for piece in pieces])

    return render


#: (seconds since the epoch, nanoseconds of that second) as text
_Piece = Callable[[int, int], str]


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    plain = ""  # what strftime can do in one go

    def flush() -> None:
        nonlocal plain
        if plain:
            pieces.append(_strftime(plain))
        plain = ""

    position = 0
    while position < len(text):
        if text[position] != "%":
            plain += text[position]
            position += 1
            continue
        directive, following = _directive(text, position)
        match directive:
            case "f" | "Ef":
                flush()
                pieces.append(_fraction(9))
            case "s":
                flush()
                pieces.append(lambda seconds, _rest: str(seconds))
            case "Ez":
                plain += "+00:00"
            case _ if directive in _STRFTIME:
                plain += f"%{directive}"
            case _ if directive in _SHORT:
                plain += _SHORT[directive]
            case _ if directive in _FIXED:
                plain += _FIXED[directive]
            case _:
                digits = _digits(directive)
                if digits is None:
                    raise ValueError(f"expected a time directive such as %Y or %3f, got %{directive}")
                if directive.endswith("S"):
                    plain += "%S."
                flush()
                pieces.append(_fraction(digits))
        position = following
    flush()
    return pieces


def _directive(text: str, position: int) -> tuple[str, int]:
    """The directive at a `%` without it, and where the text goes on. `Y`, `3f`, `E3S`, `E*S`, `Ez`."""
    end = position + 1
    if text[end : end + 1] == "E":
        end += 1
    if text[end : end + 1] in tuple("123456789*"):
        end += 1
    directive = text[position + 1 : end + 1]
    if end >= len(text):
        raise ValueError(f"expected a time directive such as %Y or %3f, got %{directive} at the end")
    return directive, end + 1


def _digits(directive: str) -> int | None:
    """Of a second, for `3f`, `E3f`, `E3S` and `E*S`."""
    count, unit = directive.removeprefix("E")[:-1], directive[-1]
    if unit not in "fS" or len(count) != 1 or (unit == "S" and directive[0] != "E"):
        return None
    if count == "*":
        return 9 if directive[0] == "E" else None
    return int(count)


def _fraction(digits: int) -> _Piece:
    return lambda _seconds, rest: f"{rest:09d}"[:digits]


def _strftime(directives: str) -> _Piece:
    # Most lines of a second share their text.
    @lru_cache(maxsize=2)
    def at(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime(directives)

    return lambda seconds, _rest: at(seconds)
