"""What OpenTelemetry's variables mean here."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_engine.telemetry.tracing.settings import Sampler, TracingOff, TracingOn, tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def on(**variables: str) -> TracingOn:
    found = tracing({**ENDPOINT, **variables}, {"service.name": "engine", "k8s.pod.name": "a"})
    assert isinstance(found, TracingOn)
    return found


def test_nothing_is_traced_unless_a_collector_is_named() -> None:
    assert tracing({}, {}) == TracingOff()
    assert tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {}) == TracingOff()
    assert tracing({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, {}) == TracingOff()
    assert tracing({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, {}) == TracingOff()


def test_defaults_are_those_of_the_specification() -> None:
    assert on() == TracingOn(
        endpoint="http://collector:4318/v1/traces",
        headers=(),
        timeout=10.0,
        sampler=Sampler(1.0, heeds_parent=True),
        resource=(("k8s.pod.name", "a"), ("service.name", "engine")),
        queue=2048,
        batch=512,
        delay=5.0,
        authority=None,
        gzip=False,
    )


def test_what_is_said_of_traces_wins_and_is_taken_as_it_is() -> None:
    found = on(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://tempo.example/otlp/traces?tenant=1",
        OTEL_EXPORTER_OTLP_HEADERS="x=1",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="authorization=Bearer%20token, x-tenant = shop",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="500",
        OTEL_EXPORTER_OTLP_CERTIFICATE="/etc/ca.crt",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    assert found.endpoint == "https://tempo.example/otlp/traces?tenant=1"
    assert found.headers == (("authorization", "Bearer token"), ("x-tenant", "shop"))
    assert (found.timeout, found.authority, found.gzip) == (0.5, Path("/etc/ca.crt"), True)


def test_attributes_of_the_environment_win_over_ours() -> None:
    found = on(OTEL_RESOURCE_ATTRIBUTES="service.name=x,team=a%2Cb", OTEL_SERVICE_NAME="shop-gateway")
    assert dict(found.resource) == {"service.name": "shop-gateway", "k8s.pod.name": "a", "team": "a,b"}


@pytest.mark.parametrize(
    ("name", "argument", "sampler"),
    [
        ("always_on", "", Sampler(1.0, False)),
        ("always_off", "", Sampler(0.0, False)),
        ("traceidratio", "0.25", Sampler(0.25, False)),
        ("traceidratio", "", Sampler(1.0, False)),
        ("parentbased_always_off", "", Sampler(0.0, True)),
        ("parentbased_traceidratio", "0.5", Sampler(0.5, True)),
    ],
)
def test_samplers(name: str, argument: str, sampler: Sampler) -> None:
    assert on(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument).sampler == sampler


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:port"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ],
)
def test_what_is_wrong_is_named_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{variable}: expected "):
        on(**{variable: value})


@pytest.mark.parametrize("argument", ["2", "-0.1", "nan", "half"])
def test_ratios_are_from_0_to_1(argument: str) -> None:
    with pytest.raises(ValueError, match="OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1"):
        on(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG=argument)


@pytest.mark.parametrize("value", ["secret", "=secret", "a=1,secret", "a=se%0Acret", "a=s\u00e9cret"])
def test_headers_are_quoted_nowhere(value: str) -> None:
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP_HEADERS: expected key=value") as wrong:
        on(OTEL_EXPORTER_OTLP_HEADERS=value)
    assert "cret" not in str(wrong.value)
    assert "secret" not in repr(on(OTEL_EXPORTER_OTLP_HEADERS="a=secret"))
