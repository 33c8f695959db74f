"""A trace from a client over the engine's processes to the application, and its spans at a collector."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import ROOT, Chain, Service, eventually
from collector import Collector, attributes

pytestmark = pytest.mark.slow

TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CLIENT}-01", "tracestate": "vendor=1"}
ATTACK = "' UNION SELECT password FROM users--"
SENT, DROPPED = "microgateway_spans_exported_total ", "microgateway_spans_dropped_total "


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as started:
        yield started


def trace(chain: Chain, collector: Collector, workers: int) -> None:
    """Restart the engine with tracing on."""
    chain.engine.end(signal.SIGTERM)
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=pa55word",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    command = [*chain.engine.command, "--workers", str(workers)]
    environment = {**chain.engine._environment, **variables}
    chain.engine = Service("engine", command, chain.engine.log, environment)
    chain.engine.start()
    chain.await_ready()


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_leave_their_spans(workers: int, tmp_path: Path, collector: Collector) -> None:
    with Chain(tmp_path, ROOT / "examples/shop") as chain:
        trace(chain, collector, workers)
        echoed = chain.get("/anything", headers=TRACEPARENT).json()["headers"]
        assert chain.get("/products", params={"q": ATTACK}).status_code == 400
        eventually(lambda: len(collector.spans) == 5, "three spans and two")
        eventually(lambda: chain.metric(SENT) == 5, "them to be counted")
        spans = {(span.trace_id.hex(), span.name): span for span in collector.spans}

        inspection = spans[TRACE, "inspection"]
        (request,) = (each for each in collector.spans if each.parent_span_id.hex() == CLIENT)
        told = {name.lower(): value for name, value in echoed.items()}
        (upstream,) = (each for each in collector.spans if each.span_id.hex() in told["traceparent"])
        assert told["traceparent"] == f"00-{TRACE}-{upstream.span_id.hex()}-01"
        assert told["tracestate"] == "vendor=1"
        assert {each.parent_span_id for each in (inspection, upstream)} == {request.span_id}
        assert request.start_time_unix_nano <= inspection.start_time_unix_nano
        assert inspection.end_time_unix_nano <= upstream.start_time_unix_nano
        assert upstream.end_time_unix_nano <= request.end_time_unix_nano
        assert attributes(request)["http.response.status_code"] == 200

        (blocked,) = (
            attributes(each) for each in collector.spans if "microgateway.block.subtype" in attributes(each)
        )
        assert blocked["microgateway.block.subtype"] == "SQL"
        resource = attributes(collector.requests[0].resource_spans[0].resource)
        assert resource["service.name"] == "microgateway-engine"
        assert (resource["k8s.namespace.name"], resource["k8s.pod.name"]) == ("shop", "shop-0")
        assert collector.headers[0]["authorization"] == "pa55word"

        # What waits when the engine ends goes out.
        before = len(collector.spans)
        chain.get("/products")
        chain.engine.end(signal.SIGTERM)
        assert len(collector.spans) == before + 3
        log = chain.engine.log.read_text()
        assert "pa55word" not in log
        assert "UNION" not in json.dumps([attributes(each) for each in collector.spans])


def test_a_collector_that_is_away_costs_spans_and_no_request(tmp_path: Path, collector: Collector) -> None:
    with Chain(tmp_path, ROOT / "examples/shop") as chain:
        trace(chain, collector, workers=1)
        collector.answering.clear()
        for _ in range(20):
            assert chain.get("/products").status_code == 200
        collector.answering.set()
        eventually(lambda: chain.metric(SENT) + chain.metric(DROPPED) == 60, "all to be counted")


def test_without_a_collector_a_trace_passes_as_any_header(tmp_path: Path) -> None:
    with Chain(tmp_path, ROOT / "examples/shop") as chain:
        echoed = chain.get("/anything", headers=TRACEPARENT).json()["headers"]
        told = {name.lower(): value for name, value in echoed.items()}
        assert told["traceparent"] == TRACEPARENT["traceparent"]
        assert chain.metric(SENT) == 0
