"""Spans reach a collector, or are counted as dropped; whoever hands them over waits for neither."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from collector import Collector, attributes

from microgateway_engine.telemetry.tracing import exporter as module
from microgateway_engine.telemetry.tracing.exporter import Exporter
from microgateway_engine.telemetry.tracing.settings import TracingOn, tracing
from microgateway_engine.telemetry.tracing.spans import Ids, Record, record
from microgateway_engine.traffic.exchange import Exchange

ExchangeFactory = Callable[..., Exchange]

IDS = Ids("1" * 32, "", "a" * 16, "b" * 16, "c" * 16, "")


@pytest.fixture
def seen(exchange_at: ExchangeFactory) -> Record:
    """Of a request that was neither inspected nor forwarded: one span."""
    exchange = exchange_at("begun")
    exchange.refuse(404, "no_route")
    return record(IDS, exchange)


def settings(collector: Collector, **variables: Any) -> TracingOn:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "10",
        **variables,
    }
    found = tracing(environment, {"service.name": "engine"})
    assert isinstance(found, TracingOn)
    return found


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_spans_arrive_with_what_the_collector_asks_for(seen: Record) -> None:
    with Collector() as collector:
        exporter = Exporter(settings(collector, OTEL_EXPORTER_OTLP_HEADERS="x-tenant=shop"), "1.2.3")
        for _ in range(3):
            exporter.put(seen)
        eventually(lambda: exporter.sent == 3)
        exporter.close()
        assert len(collector.spans) == 3
        assert set(collector.paths) == {"/v1/traces"}
        headers = collector.headers[0]
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["x-tenant"] == "shop"
        assert attributes(collector.requests[0].resource_spans[0].resource) == {"service.name": "engine"}
    assert exporter.dropped == 0


def test_they_are_compressed_on_demand(seen: Record) -> None:
    with Collector() as collector:
        exporter = Exporter(settings(collector, OTEL_EXPORTER_OTLP_COMPRESSION="gzip"), "1.2.3")
        exporter.put(seen)
        exporter.close()
        assert len(collector.spans) == 1
        assert collector.headers[0]["content-encoding"] == "gzip"


def test_closing_sends_what_waits(seen: Record) -> None:
    with Collector() as collector:
        exporter = Exporter(settings(collector, OTEL_BSP_SCHEDULE_DELAY="600000"), "1.2.3")
        exporter.put(seen)
        exporter.close()
        assert len(collector.spans) == 1


def test_a_collector_that_has_no_time_is_asked_again(
    seen: Record, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    caplog.set_level("INFO")
    with Collector() as collector:
        collector.statuses.extend((503, 429))
        exporter = Exporter(settings(collector), "1.2.3")
        exporter.put(seen)
        eventually(lambda: exporter.sent == 1)
        exporter.close()
    assert exporter.dropped == 0
    messages = [each.getMessage() for each in caplog.records if "traces" in each.getMessage()]
    assert [text.rpartition(": ")[2] for text in messages] == [
        "answered with 503",
        "answered with 429",
        "traces are taken again",
    ]


def test_what_it_refuses_is_dropped_and_counted(seen: Record) -> None:
    with Collector() as collector:
        collector.statuses.append(400)
        exporter = Exporter(settings(collector), "1.2.3")
        exporter.put(seen)
        eventually(lambda: exporter.dropped == 1)
        exporter.put(seen)
        eventually(lambda: exporter.sent == 1)
        exporter.close()


def test_a_collector_that_stalls_costs_spans_and_no_time(seen: Record) -> None:
    with Collector() as collector:
        collector.answering.clear()
        exporter = Exporter(
            settings(collector, OTEL_BSP_MAX_QUEUE_SIZE="100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10"), "1.2.3"
        )
        for _ in range(1000):
            exporter.put(seen)
        assert 800 <= exporter.dropped <= 900
        collector.answering.set()
        eventually(lambda: exporter.sent + exporter.dropped == 1000)
        exporter.close()
        assert len(collector.spans) == exporter.sent >= 100


def test_one_that_is_not_there_is_complained_of_once_without_secrets(
    seen: Record, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.001)
    with Collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url.replace("//", "//user:pa55word@")}
        found = settings(collector, **variables)
    exporter = Exporter(found, "1.2.3")
    for number in range(1, 4):
        exporter.put(seen)
        eventually(lambda wanted=number: exporter.dropped == wanted)  # type: ignore[misc]
    exporter.close()
    (message,) = [each.getMessage() for each in caplog.records]
    assert "no answer" in message
    assert "pa55word" not in message
