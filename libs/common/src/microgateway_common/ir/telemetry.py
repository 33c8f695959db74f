"""Identifiers and the access log (CRD Telemetry)."""

from __future__ import annotations

from msgspec import Struct

from .origin import Origin
from .templates import Template


class NoCorrelation(Struct, frozen=True, tag="none"):
    """No correlation id is read."""


class CorrelationHeader(Struct, frozen=True, tag="header"):
    """The correlation id is the value of this request header."""

    name: str


class RequestIds(Struct, frozen=True):
    """allow_downstream: a client's X-Request-Id is kept. alter: it gets a mark of this hop."""

    allow_downstream: bool
    alter: bool


class JsonText(Struct, frozen=True, tag="text"):
    template: Template


class JsonConstant(Struct, frozen=True, tag="constant"):
    value: bool | int | float | None


class JsonObject(Struct, frozen=True, tag="object"):
    members: tuple[tuple[str, JsonNode], ...]


class JsonArray(Struct, frozen=True, tag="array"):
    items: tuple[JsonNode, ...]


JsonNode = JsonText | JsonConstant | JsonObject | JsonArray


class DefaultAccessLog(Struct, frozen=True, tag="default"):
    """ECS 8.5 with the `airlock.*` fields."""


class CustomAccessLog(Struct, frozen=True, tag="custom"):
    """A JSON object whose strings may hold command operators."""

    format: JsonObject


class Telemetry(Struct, frozen=True):
    origin: Origin
    correlation: NoCorrelation | CorrelationHeader
    request_ids: RequestIds
    access_log: DefaultAccessLog | CustomAccessLog
