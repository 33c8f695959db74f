"""Telemetry: identifiers when nothing is said, and the free format of the access log."""

from __future__ import annotations

from microgateway_common.resources.telemetry import TelemetrySpec


def test_defaults() -> None:
    spec = TelemetrySpec.model_validate({})
    assert spec.correlation.id_source is None
    assert not spec.correlation.request.allow_downstream_request_id
    assert spec.correlation.request.alter_request_id
    assert spec.logging.access_log.format.json_ is None


def test_a_source_of_correlation_ids_has_a_default_header() -> None:
    spec = TelemetrySpec.model_validate({"correlation": {"idSource": {"header": {}}}})
    assert spec.correlation.id_source is not None
    assert spec.correlation.id_source.header.name == "X-Correlation-Id"


def test_the_format_of_the_access_log_is_any_json_object() -> None:
    line = {"a": {"b": ["%PROTOCOL%", 1, 2.5, True, None]}}
    spec = TelemetrySpec.model_validate({"logging": {"accessLog": {"format": {"json": line}}}})
    assert spec.logging.access_log.format.json_ == line
