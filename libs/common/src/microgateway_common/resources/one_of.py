"""One-of choices: an object with exactly one of several keys, as a closed union.

    protocol:            Annotated[Auto | Http1 | Http2, OneOf(auto=Auto, http1=Http1, http2=Http2)]
      http2:
        allowConnect: true         ->   Http2Protocol(allow_connect=True)

`exactly_one` and `at_most_one` check choices whose keys share their object with other fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .base import violation


class OneOf:
    """Annotation of a union of models. choices: each manifest key with the model of its value.

    The JSON schema is an object with these properties, of which there is one (`minProperties` and
    `maxProperties`, which structural schemas allow).
    """

    def __init__(self, **choices: type[BaseModel]) -> None:
        self.choices = choices
        self._key_of = {model: key for key, model in choices.items()}

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {
            key: core_schema.typed_dict_field(handler.generate_schema(model), required=False)
            for key, model in self.choices.items()
        }
        return core_schema.no_info_wrap_validator_function(
            self._choose,
            core_schema.typed_dict_schema(fields, extra_behavior="forbid"),
            serialization=core_schema.plain_serializer_function_ser_schema(self._unchoose),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema["schema"]), "minProperties": 1, "maxProperties": 1}

    def _choose(self, value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> BaseModel:
        if isinstance(value, dict) and value.keys() <= self.choices.keys():
            check_one(list(self.choices), value.keys())
        chosen: dict[str, BaseModel] = validate(value)
        return next(iter(chosen.values()))

    def _unchoose(self, value: BaseModel) -> dict[str, Any]:
        return {self._key_of[type(value)]: value.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def check_one(choices: Iterable[str], given: Iterable[str]) -> None:
    """Raises a violation unless exactly one of the choices is given."""
    present = [choice for choice in choices if choice in set(given)]
    if len(present) != 1:
        raise violation(f"exactly one of {', '.join(choices)}", ", ".join(present) or "none of them")


def check_at_most_one(choices: Iterable[str], given: Iterable[str]) -> None:
    """Raises a violation when more than one of the choices is given."""
    present = [choice for choice in choices if choice in set(given)]
    if len(present) > 1:
        raise violation(f"at most one of {', '.join(choices)}", ", ".join(present))
