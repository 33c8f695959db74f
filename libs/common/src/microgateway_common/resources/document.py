"""Whether a document is JSON at all, before any model looks at it.

YAML brings what JSON does not have: keys that are no strings, dates, NaN, bytes, sets, aliases that
contain themselves or multiply to billions of values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .base import quoted, type_name
from .errors import FieldError, Location, path_of

#: Nested deeper than any manifest; the deepest field of ours is 13 levels down.
MAX_DEPTH = 100
#: More than fits into an object of the API server (etcd holds 1.5 MiB).
MAX_VALUES = 1_000_000
#: The API server holds integers in 64 bits.
INTEGERS = range(-(2**63), 2**63)


def json_errors(document: object) -> list[FieldError]:
    """What of the document is not JSON; empty when all of it is."""
    found: list[FieldError] = []
    pending: list[tuple[Location, Any]] = [((), document)]
    for _ in range(MAX_VALUES):
        if not pending:
            return found
        location, value = pending.pop()
        if error := _error_of(location, value):
            found.append(error)
            continue
        for step, child in _children(value):
            if isinstance(step, int) or _is_text(step):
                pending.append(((*location, step), child))
            else:
                found.append(FieldError(path_of(location), "keys that are strings", _shown(step)))
    return [FieldError("", f"at most {MAX_VALUES} values", "more")]


def _children(value: object) -> Iterator[tuple[Any, Any]]:
    match value:
        case dict():
            # An integer key would pass for a position in a list.
            yield from ((key if isinstance(key, str) else (key,), child) for key, child in value.items())
        case list():
            yield from enumerate(value)


def _error_of(location: Location, value: object) -> FieldError | None:
    match value:
        case dict() | list() if len(location) >= MAX_DEPTH:
            expected, got = f"at most {MAX_DEPTH} levels", "more"
        case None | bool() | dict() | list():
            return None
        case str():
            if _is_text(value):
                return None
            expected, got = "Unicode text", "a surrogate code point"
        case int():
            if value in INTEGERS:
                return None
            expected, got = "an integer of 64 bits", "a larger one"
        case float():
            if math.isfinite(value):
                return None
            expected, got = "a finite number", str(value)
        case _:
            expected, got = "a JSON value (text in quotes where YAML sees something else)", type_name(value)
    return FieldError(path_of(location), expected, got)


def _is_text(key: object) -> bool:
    if not isinstance(key, str):
        return False
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(key: object) -> str:
    match key:
        case (None | bool() | float() as plain,):
            return f"{quoted(str(plain))} ({type_name(plain)})"
        case (int() as number,) if number in INTEGERS:
            return f"{quoted(str(number))} (integer)"
        case (other,):
            return type_name(other)
        case _:
            return "a surrogate code point"
