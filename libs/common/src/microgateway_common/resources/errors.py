"""What is wrong with a document, in the words of who wrote it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

import re2
from msgspec import Struct
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .base import quoted, type_name
from .schema import Schema

#: Field names and positions from the document's root.
Location = tuple[str | int, ...]

_PLAIN = re2.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

#: What a type is called in "expected …", by its name in a schema.
_NOUNS = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}

#: What the model expected, by pydantic's name of the error.
_TYPE_ERRORS = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
}


class FieldError(Struct, frozen=True):
    """path: as users write it, `spec.applications[0].containerPort`; empty for the whole document.
    expected, got: short phrases that complete "expected …, got …".
    """

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        sentence = f"expected {self.expected}, got {self.got}"
        return f"{self.path}: {sentence}" if self.path else sentence


def path_of(location: Location) -> str:
    """`spec.applications[0].containerPort`; names that are no plain words in brackets and quotes."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            path += f".{step}" if path else step
        else:
            path += f"[{quoted(step)}]"
    return path


def field_errors(error: ValidationError, schema: Schema) -> tuple[FieldError, ...]:
    """What pydantic found, one by one. schema: that of the model, to name types and known fields."""
    details = error.errors(include_url=False)
    return tuple(_translate(detail, schema) for detail in details if not _is_echo(detail))


def _is_echo(detail: ErrorDetails) -> bool:
    """pydantic drops the wrong items of a list, and then finds it too short."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _translate(detail: ErrorDetails, schema: Schema) -> FieldError:
    location: Location = detail["loc"]
    expected, got = _phrases(detail, location, schema)
    return FieldError(path_of(location), expected, got)


def _phrases(detail: ErrorDetails, location: Location, schema: Schema) -> tuple[str, str]:
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "violation":
            return context["expected"], context["got"]
        case "missing":
            return _noun(_node_at(schema, location)), "nothing"
        case "extra_forbidden":
            return _known_fields(schema, location), str(location[-1])
        case "enum" | "literal_error":
            return _choices(schema, location, context), _shown(value)
        case "greater_than_equal":
            return f"at least {context['ge']}", _shown(value)
        case "less_than_equal":
            return f"at most {context['le']}", _shown(value)
        case "string_too_short":
            return f"at least {_counted(context['min_length'], 'character')}", _shown(value)
        case "string_too_long":
            return f"at most {_counted(context['max_length'], 'character')}", str(len(value))
        case "too_short":
            return f"at least {_counted(context['min_length'], 'item')}", str(context["actual_length"])
        case "too_long":
            return f"at most {_counted(context['max_length'], 'item')}", str(len(value))
        case "string_pattern_mismatch":
            return f"text that matches {context['pattern']}", _shown(value)
        case kind if kind in _TYPE_ERRORS:
            return _TYPE_ERRORS[kind], type_name(value)
        case kind if kind.startswith("datetime"):
            return "a time such as 2026-01-31T12:00:00Z", _shown(value)
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:], _shown(value)


def _known_fields(schema: Schema, location: Location) -> str:
    siblings = list(_node_at(schema, location[:-1]).get("properties", {}))
    by_folded = {name.casefold(): name for name in siblings}
    close = difflib.get_close_matches(str(location[-1]).casefold()[:64], by_folded, n=1)
    if close:
        return f"one of the known fields (did you mean {by_folded[close[0]]}?)"
    return f"one of the known fields ({', '.join(siblings)})" if siblings else "no fields"


def _choices(schema: Schema, location: Location, context: Mapping[str, Any]) -> str:
    match _node_at(schema, location).get("enum"):
        case [only]:
            return str(only)
        case [*choices]:
            return f"one of {', '.join(choices)}"
        case _:
            return str(context["expected"])


def _node_at(schema: Schema, location: Location) -> Schema:
    """The schema of a place in a document; empty for places the schema does not know."""
    node = schema
    for step in location:
        node = node.get("items", {}) if isinstance(step, int) else node.get("properties", {}).get(step, {})
    return node


def _noun(node: Schema) -> str:
    return _NOUNS.get(node.get("type", ""), "a value")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown(value: object) -> str:
    """The value if it is short and simple, else its type."""
    match value:
        case str():
            return quoted(value)
        case bool() | int() | float() | None:
            return json.dumps(value)
        case _:
            return type_name(value)
