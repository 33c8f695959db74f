"""The base of every model, and the building blocks of its fields.

Models are frozen, refuse unknown fields and coerce nothing: `"5"` is no integer and `true` is no
number. Attributes are snake_case; the alias is the field as a manifest spells it.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")

#: Words that manifests write in other than Capitalised form when they are not the first of a name.
INITIALISMS = {
    "api": "API",
    "ca": "CA",
    "cidr": "CIDR",
    "http": "HTTP",
    "ip": "IP",
    "ql": "QL",
    "id": "ID",
    "sans": "SANs",
    "spkis": "SPKIs",
}


def manifest_name(attribute: str) -> str:
    """`trusted_cidr_ranges` → `trustedCIDRRanges`."""
    first, *rest = attribute.split("_")
    return first + "".join(INITIALISMS.get(word, word.capitalize()) for word in rest)


class Model(BaseModel):
    """An object of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=manifest_name)


class _NeverNull:
    """Makes `X | None` accept X only: a field may be absent, but never `null` (as in the API server)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        given, _none = get_args(source)
        return handler.generate_schema(given)


#: A field without a default; None when the manifest does not have it.
Maybe = Annotated[T | None, _NeverNull()]

#: A list; strictness would refuse it where the attribute is a tuple.
Items = Annotated[tuple[T, ...], Strict(False)]

#: A member of a StrEnum, spelled as its value.
Keyword = Annotated[T, Strict(False)]

#: Bounds of names in references (RFC 1123 subdomains are at most 253 characters).
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]


def violation(expected: str, got: str) -> PydanticCustomError:
    """What a validator raises: short phrases that complete "expected …, got …"."""
    return PydanticCustomError(
        "violation", "expected {expected}, got {got}", {"expected": expected, "got": got}
    )


def quoted(text: str, limit: int = 60) -> str:
    """The text in quotes, cut to `limit` characters."""
    shown = text if len(text) <= limit else f"{text[:limit]}…"
    return f'"{shown}"'


def type_name(value: object) -> str:
    """The JSON name of a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case dict():
            return "object"
        case _:
            return type(value).__name__
