"""What is sent is what OpenTelemetry's own definitions read."""

from __future__ import annotations

from collector import attributes
from hypothesis import given
from hypothesis import strategies as some
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from microgateway_engine.telemetry.tracing.otlp import encode
from microgateway_engine.telemetry.tracing.spans import Kind, Span

NANOSECONDS = some.integers(0, 2**63 - 1)
TEXT = some.text(some.characters(codec="utf-8"), max_size=300)
ATTRIBUTES = some.lists(some.tuples(TEXT, TEXT | some.integers(0, 2**63 - 1)), max_size=5).map(tuple)
SPANS = some.builds(
    Span,
    trace=some.binary(min_size=16, max_size=16).map(bytes.hex),
    span=some.binary(min_size=8, max_size=8).map(bytes.hex),
    parent=some.just("") | some.binary(min_size=8, max_size=8).map(bytes.hex),
    state=some.just("") | TEXT,
    name=TEXT,
    kind=some.sampled_from(Kind),
    begins=NANOSECONDS,
    ends=NANOSECONDS,
    attributes=ATTRIBUTES,
    failed=some.booleans(),
)


@given(some.lists(SPANS, max_size=3), some.lists(some.tuples(TEXT, TEXT), max_size=3))
def test_spans_are_read_as_they_were(sent: list[Span], resource: list[tuple[str, str]]) -> None:
    request = ExportTraceServiceRequest.FromString(encode(resource, "1.2.3", sent))
    (of_resource,) = request.resource_spans
    assert [(each.key, each.value.string_value) for each in of_resource.resource.attributes] == resource
    (scope,) = of_resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("microgateway", "1.2.3")
    for ours, read in zip(sent, scope.spans, strict=True):
        assert (read.trace_id.hex(), read.span_id.hex()) == (ours.trace, ours.span)
        assert (read.parent_span_id.hex(), read.trace_state) == (ours.parent, ours.state)
        assert (read.name, read.kind) == (ours.name, ours.kind)
        assert (read.start_time_unix_nano, read.end_time_unix_nano) == (ours.begins, ours.ends)
        assert read.status.code == (2 if ours.failed else 0)
        assert attributes(read) == dict(ours.attributes)
