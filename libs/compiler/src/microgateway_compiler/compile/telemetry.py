"""CRD Telemetry → ir.telemetry."""

from __future__ import annotations

from pydantic import JsonValue

from microgateway_common.ir.origin import Origin
from microgateway_common.ir.telemetry import (
    CorrelationHeader,
    CustomAccessLog,
    DefaultAccessLog,
    JsonArray,
    JsonConstant,
    JsonNode,
    JsonObject,
    JsonText,
    NoCorrelation,
    RequestIds,
    Telemetry,
)
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources import telemetry as crd
from microgateway_common.resources.errors import Location, path_of

from .part import Part, origin_of
from .templates import template

_FORMAT: Location = ("spec", "logging", "accessLog", "format", "json")

#: Levels of an access log line. ECS, the largest format in use, has 5.
_MAX_DEPTH = 20


def compile_telemetry(resource: crd.Telemetry) -> Part[Telemetry]:
    return telemetry(origin_of(resource), resource.ref, resource.spec)


def telemetry(origin: Origin, subject: ObjectRef, spec: crd.TelemetrySpec) -> Part[Telemetry]:
    """subject: whom to blame."""
    access_log = _access_log(subject, spec.logging.access_log.format.json_)
    source, request = spec.correlation.id_source, spec.correlation.request
    return Part(
        Telemetry(
            origin=origin,
            correlation=NoCorrelation() if source is None else CorrelationHeader(source.header.name),
            request_ids=RequestIds(
                allow_downstream=request.allow_downstream_request_id, alter=request.alter_request_id
            ),
            access_log=access_log.value,
        ),
        access_log.problems,
    )


def _access_log(
    subject: ObjectRef, members: dict[str, JsonValue] | None
) -> Part[DefaultAccessLog | CustomAccessLog]:
    if members is None:
        return Part(DefaultAccessLog())
    reader = _Reader(subject)
    line = reader.object(_FORMAT, members, depth=1)
    return Part(CustomAccessLog(line), tuple(reader.problems))


class _Reader:
    def __init__(self, subject: ObjectRef) -> None:
        self._subject = subject
        self.problems: list[Problem] = []

    def object(self, at: Location, members: dict[str, JsonValue], depth: int) -> JsonObject:
        return JsonObject(
            tuple((name, self._node((*at, name), value, depth)) for name, value in members.items())
        )

    def _node(self, at: Location, value: JsonValue, depth: int) -> JsonNode:
        match value:
            case str():
                text = template(self._subject, path_of(at), value)
                self.problems += text.problems
                return JsonText(text.value)
            case dict() | list() if depth >= _MAX_DEPTH:
                return self._refuse(at, f"at most {_MAX_DEPTH} levels", "more")
            case dict():
                return self.object(at, value, depth + 1)
            case list():
                return JsonArray(
                    tuple(self._node((*at, position), item, depth + 1) for position, item in enumerate(value))
                )
            case _:
                return JsonConstant(value)

    def _refuse(self, at: Location, expected: str, got: str) -> JsonNode:
        self.problems.append(Problem(self._subject, path_of(at), expected, got))
        return JsonConstant(None)
