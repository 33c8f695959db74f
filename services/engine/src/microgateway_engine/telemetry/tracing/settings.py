"""Tracing as OpenTelemetry's variables say (OpenTelemetry specification, "Environment Variable Specification"
and "OTLP Exporter Configuration"). Of an exporter's protocols there is `http/protobuf`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

_EXPORTER: Final = "OTEL_EXPORTER_OTLP_"
_PATH: Final = "/v1/traces"


class TracingOff(Struct, frozen=True):
    """No collector is named."""


class Sampler(Struct, frozen=True):
    """ratio: of the traces that begin here. heeds_parent: else what a caller has decided counts nothing."""

    ratio: float
    heeds_parent: bool


class TracingOn(Struct, frozen=True):
    """endpoint: URL of the collector's traces. headers: of each export; secret. timeout, delay: seconds.
    resource: attributes of what the spans come from. queue: spans that may wait, batch: that go together.
    authority: file with the collector's certificate authorities, None for those of the system."""

    endpoint: str
    headers: tuple[tuple[str, str], ...]
    timeout: float
    sampler: Sampler
    resource: tuple[tuple[str, str], ...]
    queue: int
    batch: int
    delay: float
    authority: Path | None
    gzip: bool

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint!r})"


def tracing(environment: Mapping[str, str], defaults: Mapping[str, str]) -> TracingOff | TracingOn:
    """defaults: attributes of the resource that the environment does not name.

    Raises ValueError, which names the variable.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return TracingOff()
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp")
    if exporter not in ("otlp", "none", ""):
        raise ValueError(f"OTEL_TRACES_EXPORTER: expected otlp or none, got {exporter!r}")
    endpoint = _endpoint(environment)
    if not endpoint or exporter == "none":
        return TracingOff()
    protocol = _of_exporter(environment, "PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        raise ValueError(f"{_EXPORTER}PROTOCOL: expected http/protobuf, got {protocol!r}")
    compression = _of_exporter(environment, "COMPRESSION", "none")
    if compression not in ("none", "gzip"):
        raise ValueError(f"{_EXPORTER}COMPRESSION: expected none or gzip, got {compression!r}")
    authority = _of_exporter(environment, "CERTIFICATE", "")
    given = dict(_pairs("OTEL_RESOURCE_ATTRIBUTES", environment.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if name := environment.get("OTEL_SERVICE_NAME"):
        given["service.name"] = name
    return TracingOn(
        endpoint=endpoint,
        headers=tuple(_pairs(f"{_EXPORTER}HEADERS", _of_exporter(environment, "HEADERS", ""))),
        timeout=_milliseconds(f"{_EXPORTER}TIMEOUT", _of_exporter(environment, "TIMEOUT", "10000")),
        sampler=_sampler(environment),
        resource=tuple(sorted({**defaults, **given}.items())),
        queue=_count(environment, "OTEL_BSP_MAX_QUEUE_SIZE", 2048),
        batch=_count(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
        delay=_milliseconds("OTEL_BSP_SCHEDULE_DELAY", environment.get("OTEL_BSP_SCHEDULE_DELAY", "5000")),
        authority=Path(authority) if authority else None,
        gzip=compression == "gzip",
    )


def _of_exporter(environment: Mapping[str, str], name: str, default: str) -> str:
    """The variable for traces, else the one for all signals; an empty one counts as none."""
    found = environment.get(f"{_EXPORTER}TRACES_{name}") or environment.get(f"{_EXPORTER}{name}")
    return found or default


def _endpoint(environment: Mapping[str, str]) -> str:
    """The one for traces is taken as it is, the one for all signals gets their path."""
    for variable, path in ((f"{_EXPORTER}TRACES_ENDPOINT", ""), (f"{_EXPORTER}ENDPOINT", _PATH)):
        text = environment.get(variable, "")
        if text:
            if not _is_usable(text):
                raise ValueError(f"{variable}: expected http://HOST[:PORT] or https://…, got {text[:200]!r}")
            return text.rstrip("/") + path if path else text
    return ""


def _is_usable(text: str) -> bool:
    try:
        parts: SplitResult = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sampler(environment: Mapping[str, str]) -> Sampler:
    name = environment.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    kind = name.removeprefix("parentbased_")
    ratios = {"always_on": 1.0, "always_off": 0.0, "traceidratio": 1.0}
    if kind not in ratios:
        expected = "always_on, always_off or traceidratio, with or without parentbased_"
        raise ValueError(f"OTEL_TRACES_SAMPLER: expected {expected}, got {name!r}")
    ratio = ratios[kind]
    if kind == "traceidratio" and (text := environment.get("OTEL_TRACES_SAMPLER_ARG")):
        try:
            ratio = float(text)
        except ValueError:
            ratio = -1.0
        if not 0 <= ratio <= 1:
            raise ValueError(f"OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got {text!r}")
    return Sampler(ratio, heeds_parent=kind != name)


def _pairs(variable: str, text: str) -> list[tuple[str, str]]:
    """`key=value,key=value`, percent-encoded. What is wrong is not quoted: it may be a secret."""
    found: list[tuple[str, str]] = []
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        key, separator, value = part.partition("=")
        key, value = unquote(key.strip()), unquote(value.strip())
        if not separator or not key or not _is_text(key + value):
            raise ValueError(f"{variable}: expected key=value, got something else as number {number}")
        found.append((key, value))
    return found


def _is_text(text: str) -> bool:
    """What a header may hold."""
    return text.isascii() and text.isprintable()


def _milliseconds(variable: str, text: str) -> float:
    """In seconds."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"{variable}: expected milliseconds, got {text!r}")
    return int(text) / 1e3


def _count(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"{variable}: expected a number from 1 on, got {text!r}")
    return int(text)
