"""Sizes as Kubernetes quantities: `100Mi`, `8192`, `1.5k`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import re2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .base import quoted, type_name, violation

#: The pattern the API server checks strings of `x-kubernetes-int-or-string` quantities with.
PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|"
    r"([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
#: The API server holds quantities as 64-bit integers (apimachinery, pkg/api/resource).
MAX_BYTES = 2**63 - 1
#: No quantity up to MAX_BYTES needs more; longer ones are refused before any arithmetic.
MAX_LENGTH = 64
MAX_EXPONENT = 64

_PARTS = re2.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_BINARY = {prefix + "i": Fraction(1024**power) for power, prefix in enumerate("KMGTPE", start=1)}
_DECIMAL = {prefix: Fraction(10) ** (3 * power) for power, prefix in enumerate("kMGTPE", start=1)}
_SMALL = {"": Fraction(1), "m": Fraction(1, 10**3), "u": Fraction(1, 10**6), "n": Fraction(1, 10**9)}
_SCALES = {**_BINARY, **_DECIMAL, **_SMALL}


@dataclass(frozen=True)
class Quantity:
    """A size. text: as the manifest has it; bytes: its value, fractions rounded up as Kubernetes does."""

    text: str
    bytes: int

    @classmethod
    def of(cls, text: str) -> Quantity:
        """Raises ValueError with what was expected."""
        return cls(text, parse_bytes(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"x-kubernetes-int-or-string": True, "pattern": PATTERN}

    @classmethod
    def _validate(cls, value: object) -> Quantity:
        match value:
            case bool() | float():
                raise violation("a quantity such as 100Mi or an integer", repr(value).lower())
            case int() | str():
                try:
                    return cls.of(str(value))
                except ValueError as error:
                    raise violation(str(error), quoted(str(value))) from None
            case _:
                raise violation("a quantity such as 100Mi or an integer", type_name(value))

    def __str__(self) -> str:
        return self.text


def parse_bytes(text: str) -> int:
    """Bytes of a quantity. Raises ValueError whose message says what was expected."""
    parts = _PARTS.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if parts is None:
        raise ValueError("a quantity such as 100Mi")
    sign, whole, fraction, suffix = (part or "" for part in parts.groups())
    if not whole + fraction:
        raise ValueError("a quantity such as 100Mi")
    number = Fraction(int(whole + fraction), 10 ** len(fraction))
    if sign == "-" and number:
        raise ValueError("a quantity that is not negative")
    size = math.ceil(number * _scale(suffix))
    if size > MAX_BYTES:
        raise ValueError(f"at most {MAX_BYTES} bytes")
    return size


def _scale(suffix: str) -> Fraction:
    if suffix in _SCALES:
        return _SCALES[suffix]
    exponent = int(suffix[1:])
    if abs(exponent) > MAX_EXPONENT:
        raise ValueError(f"an exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}")
    return Fraction(10) ** exponent
