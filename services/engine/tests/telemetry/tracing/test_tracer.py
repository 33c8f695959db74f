"""From a client's trace to the application's, and to spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from collector import Collector

from microgateway_engine.http.messages import Headers
from microgateway_engine.telemetry.tracing.context import NoParent, Parent, parent_of
from microgateway_engine.telemetry.tracing.settings import TracingOn, tracing
from microgateway_engine.telemetry.tracing.tracer import Trace, Tracer
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.exchange import Exchange

ExchangeFactory = Callable[..., Exchange]
MakeTracer = Callable[..., Tracer]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def client(flags: int) -> Headers:
    return [(b"traceparent", f"00-{TRACE}-{SPAN}-{flags:02x}".encode()), (b"tracestate", b"a=1")]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as started:
        yield started


@pytest.fixture
def make_tracer(collector: Collector) -> Iterator[MakeTracer]:
    made: list[Tracer] = []

    def make(**variables: str) -> Tracer:
        settings = tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **variables}, {})
        assert isinstance(settings, TracingOn)
        made.append(Tracer(settings, "1.2.3"))
        return made[-1]

    yield make
    for each in made:
        each.close()


def told(trace: Trace, headers: Headers) -> Parent | NoParent:
    trace.tell(headers)
    return parent_of(headers)


def test_the_clients_trace_goes_on_with_a_parent_of_ours(make_tracer: MakeTracer) -> None:
    tracer = make_tracer()
    first, second = tracer.begin(client(1)), tracer.begin(client(1))
    parent = told(first, client(1))
    assert parent == Parent(TRACE, first.ids.upstream, 1, "a=1")
    assert first.ids.parent == SPAN
    ids = [first.ids.request, first.ids.inspection, first.ids.upstream, second.ids.request, SPAN]
    assert len(set(ids)) == 5


def test_a_trace_begins_where_there_is_none(make_tracer: MakeTracer) -> None:
    tracer = make_tracer()
    first, second = tracer.begin([]), tracer.begin([(b"traceparent", b"garbage"), (b"tracestate", b"a=1")])
    assert first.ids.trace != second.ids.trace
    parent = told(second, [(b"traceparent", b"garbage"), (b"tracestate", b"a=1")])
    assert parent == Parent(second.ids.trace, second.ids.upstream, 1, "")
    assert second.ids.parent == ""


def test_what_nobody_records_goes_on_unrecorded(
    make_tracer: MakeTracer, collector: Collector, exchange_at: ExchangeFactory
) -> None:
    tracer = make_tracer()
    trace = tracer.begin(client(0))
    assert told(trace, []) == Parent(TRACE, trace.ids.upstream, 0, "a=1")
    tracer.end(trace, exchange_at("finished"))
    tracer.close()
    assert collector.spans == []
    assert (tracer.sent, tracer.dropped) == (0, 0)


def test_the_application_gets_it_whatever_header_rewrites_say(
    make_tracer: MakeTracer, collector: Collector, exchange_at: ExchangeFactory
) -> None:
    tracer = make_tracer()
    exchange = exchange_at("begun")
    exchange.trace = tracer.begin(exchange.request_headers)
    forward = exchange.begin()
    assert isinstance(forward, Forward)
    parent = parent_of(forward.headers)
    assert isinstance(parent, Parent)
    exchange.request_data(b"{ } ")
    exchange.request_end()
    exchange.fail(503, "upstream_connect_failure")
    tracer.end(exchange.trace, exchange)
    tracer.close()
    assert parent.span in [span.span_id.hex() for span in collector.spans]
    assert tracer.sent == len(collector.spans) == 2
