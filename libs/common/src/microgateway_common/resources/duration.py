"""Durations as Go writes them: `5m`, `1m30s`, `100ms` (package time, ParseDuration)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import re2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .base import quoted, type_name, violation

#: Go holds durations as 64-bit nanoseconds.
MAX_NANOSECONDS = 2**63 - 1
MAX_LENGTH = 64

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek letter mu
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TERM = re2.compile("([0-9]*)(?:\\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")


@dataclass(frozen=True)
class Duration:
    """A time span. text: as the manifest has it; seconds: its value."""

    text: str
    seconds: float

    @classmethod
    def of(cls, text: str) -> Duration:
        """Raises ValueError with what was expected."""
        return cls(text, parse_nanoseconds(text) / 10**9)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "duration"}

    @classmethod
    def _validate(cls, value: object) -> Duration:
        if not isinstance(value, str):
            raise violation("a duration such as 1m30s", type_name(value))
        try:
            return cls.of(value)
        except ValueError as error:
            raise violation(str(error), quoted(value)) from None

    def __str__(self) -> str:
        return self.text


def parse_nanoseconds(text: str) -> int:
    """Nanoseconds of a duration, fractions of one dropped. Raises ValueError that says what was expected."""
    if text.startswith("-"):
        raise ValueError("a duration that is not negative")
    terms = text.removeprefix("+")
    if terms == "0":
        return 0
    if not terms or len(terms) > MAX_LENGTH:
        raise ValueError("a duration such as 1m30s")
    total, position = 0, 0
    while position < len(terms):
        term = _TERM.match(terms, position)
        if term is None or not (term[1] or term[2]):
            raise ValueError("a duration such as 1m30s")
        whole, fraction = term[1] or "", term[2] or ""
        total += int(Fraction(int(whole + fraction), 10 ** len(fraction)) * _UNITS[term[3]])
        position = term.end()
    if total > MAX_NANOSECONDS:
        raise ValueError("a duration of at most 292 years")
    return total
