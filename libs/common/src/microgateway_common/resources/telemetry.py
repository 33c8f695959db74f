"""Telemetry: identifiers of requests and the format of the access log."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from .base import Maybe, Model
from .metadata import Object
from .text import HeaderName


class CorrelationHeader(Model):
    """A request header."""

    name: HeaderName = Field("X-Correlation-Id", description="Name of the request header.")


class IdSource(Model):
    """Where the correlation id comes from."""

    header: CorrelationHeader = Field(description="Request header whose value is the correlation id.")


class RequestIds(Model):
    """How X-Request-Id is treated."""

    allow_downstream_request_id: bool = Field(
        False, description="Whether the X-Request-Id a client sends is kept as the id of its request."
    )
    alter_request_id: bool = Field(
        True, description="Whether a request id that is kept is marked by this hop."
    )


class Correlation(Model):
    """Identifiers that connect log lines."""

    id_source: Maybe[IdSource] = Field(
        None, description="Where the correlation id comes from; without it there is none."
    )
    request: RequestIds = Field(RequestIds(), description="How X-Request-Id is treated.")


class AccessLogFormat(Model):
    """Format of the access log."""

    json_: Maybe[dict[str, JsonValue]] = Field(
        None,
        alias="json",
        description="JSON object of one access log line, its strings with command operators such as "
        "%REQ(:PATH)%; without it a line has the documented ECS fields.",
    )


class AccessLog(Model):
    """The access log."""

    format: AccessLogFormat = Field(AccessLogFormat(), description="Format of the access log.")


class Logging(Model):
    """What is logged."""

    access_log: AccessLog = Field(AccessLog(), description="The log with one line a request.")


class TelemetrySpec(Model):
    """Identifiers and logging."""

    correlation: Correlation = Field(Correlation(), description="Identifiers that connect log lines.")
    logging: Logging = Field(Logging(), description="What is logged, and how.")


class Telemetry(Object):
    """Sets the identifiers of requests and the format of the access log."""

    PLURAL: ClassVar[str] = "telemetries"

    kind: Literal["Telemetry"]
    spec: TelemetrySpec = Field(TelemetrySpec(), description="Identifiers and logging.")
