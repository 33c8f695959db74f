"""JSONPath (RFC 9535) without filter expressions: `$.items[*].note`, `$..['a b'][0:2]`."""

from __future__ import annotations

from typing import Annotated

import re2
from pydantic import AfterValidator, Field

from .base import quoted, violation

# RFC 9535, 2.3 and 2.5. Without filters the language is regular, one segment at a time.
_NAME = r"[A-Za-z_\x{80}-\x{10FFFF}][A-Za-z0-9_\x{80}-\x{10FFFF}]*"
_ESCAPE = r"\\(?:[bfnrt/\\]|u[0-9A-Fa-f]{4})"
_STRING = (
    rf"'(?:[^'\\\x00-\x1F]|{_ESCAPE}|\\')*'"
    rf'|"(?:[^"\\\x00-\x1F]|{_ESCAPE}|\\")*"'
)
_INTEGER = r"(?:0|-?[1-9][0-9]*)"
_BLANK = r"[ \t\n\r]*"
_SLICE = rf"{_INTEGER}?{_BLANK}:{_BLANK}{_INTEGER}?(?:{_BLANK}:{_BLANK}{_INTEGER}?)?"
_SELECTOR = rf"(?:{_STRING}|\*|{_SLICE}|{_INTEGER})"
_BRACKETS = rf"\[{_BLANK}{_SELECTOR}{_BLANK}(?:,{_BLANK}{_SELECTOR}{_BLANK})*\]"

_SEGMENT = re2.compile(rf"{_BLANK}(?:\.\.(?:\*|{_NAME}|{_BRACKETS})|\.(?:\*|{_NAME})|{_BRACKETS})")
_FILTER = re2.compile(rf"{_BLANK}(?:\.\.)?\[{_BLANK}(?:{_SELECTOR}{_BLANK},{_BLANK})*\?")


def _check_json_path(path: str) -> str:
    if not path.startswith("$"):
        raise violation("a JSONPath that starts with $", quoted(path))
    position = 1
    while position < len(path):
        segment = _SEGMENT.match(path, position)
        if segment is None:
            rest = f"{quoted(path[position:])} at character {position + 1}"
            if _FILTER.match(path, position):
                raise violation("a JSONPath without filter expressions", rest)
            raise violation("a JSONPath segment such as .name, ['name'], [0] or [*]", rest)
        position = segment.end()
    return path


#: At most 2048 characters.
JsonPath = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_check_json_path)]
