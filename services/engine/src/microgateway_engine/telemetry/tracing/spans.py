"""Spans of one exchange: the request, its inspection, and the application's part, by OpenTelemetry's semantic
conventions for HTTP 1.23. Whatever comes from a client is masked as in the access log, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from microgateway_inspection.masking import masked, masked_path
from microgateway_inspection.verdict import DenyRuleThreat, block_subtype, block_type

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange

Value = str | int
Attributes = tuple[tuple[str, Value], ...]

#: Of a path.
_LONGEST: Final = 256

#: Methods that may stand in a name: others are somebody's idea (semantic conventions, `http.request.method`).
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))


_masked: Final = lru_cache(maxsize=256)(masked)
_masked_path: Final = lru_cache(maxsize=256)(masked_path)


class Kind(IntEnum):
    """Numbers of `opentelemetry.proto.trace.v1.Span.SpanKind`."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


@dataclass(frozen=True, slots=True)
class Ids:
    """In hexadecimal. parent: empty for none. inspection, upstream: of spans that may not come to be."""

    trace: str
    parent: str
    request: str
    inspection: str
    upstream: str
    state: str


@dataclass(frozen=True, slots=True)
class Span:
    """begins, ends: nanoseconds since the epoch. failed: its status is an error."""

    trace: str
    span: str
    parent: str
    state: str
    name: str
    kind: Kind
    begins: int
    ends: int
    attributes: Attributes
    failed: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of an exchange that is over. Times are its `perf_counter` seconds; epoch: what to add for
    seconds since 1970. blocked: attributes of the threat that decided."""

    ids: Ids
    epoch: float
    method: str
    path: str
    scheme: str
    authority: str
    client: str
    protocol: str
    status: int
    outcome: str
    details: str
    request_id: str
    upstream: str
    started: float
    inspected: float
    forwarded: float
    answered: float
    ended: float
    threats: int
    blocked: Attributes


def record(ids: Ids, exchange: Exchange) -> Record:
    """On the way of requests: short."""
    threat = exchange.blocked_by
    return Record(
        ids,
        exchange.started_at - exchange.started,
        exchange.method,
        exchange.target.path[:_LONGEST],
        exchange.peer.scheme.decode(),
        exchange.target.authority[:_LONGEST].decode("latin-1"),
        exchange.client,
        exchange.protocol,
        exchange.status,
        exchange.outcome.value,
        exchange.details[:_LONGEST],
        exchange.request_id,
        exchange.upstream,
        exchange.started,
        exchange.inspection_seconds,
        exchange.forwarded,
        exchange.answered,
        exchange.ended,
        len(exchange.threats),
        ()
        if threat is None
        else (
            ("microgateway.block.type", str(block_type(threat))),
            ("microgateway.block.subtype", block_subtype(threat)),
            *((("microgateway.block.rule", threat.rule_id),) if isinstance(threat, DenyRuleThreat) else ()),
        ),
    )


def spans(seen: Record) -> Iterator[Span]:
    """The request's comes last: a collector that loses the rest still has the whole."""
    if seen.inspected:
        yield _inspection(seen)
    if seen.forwarded:
        yield _upstream(seen)
    yield _request(seen)


def _request(seen: Record) -> Span:
    attributes: list[tuple[str, Value]] = [
        *_method(seen.method),
        ("url.path", _masked_path(seen.path)),
        ("url.scheme", seen.scheme),
        ("server.address", _masked(seen.authority)),
        ("client.address", seen.client),
        ("network.protocol.version", seen.protocol.removeprefix("HTTP/")),
        ("microgateway.outcome", seen.outcome),
        ("microgateway.request_id", seen.request_id),
    ]
    if seen.status:
        attributes.append(("http.response.status_code", seen.status))
    failed = seen.status >= 500
    if failed:
        attributes.append(("error.type", seen.details or str(seen.status)))
    elif seen.details:
        attributes.append(("microgateway.details", seen.details))
    ids = seen.ids
    return _span(seen, ids.request, ids.parent, Kind.SERVER, seen.started, seen.ended, attributes, failed)


def _inspection(seen: Record) -> Span:
    """It ends where the request goes on, or is refused. A body that came in between was waited for."""
    ends = seen.forwarded or seen.ended
    attributes: list[tuple[str, Value]] = [("microgateway.threats", seen.threats), *seen.blocked]
    ids, begins = seen.ids, ends - seen.inspected
    return _span(seen, ids.inspection, ids.request, Kind.INTERNAL, begins, ends, attributes, False)


def _upstream(seen: Record) -> Span:
    host, _, port = seen.upstream.rpartition(":")
    attributes: list[tuple[str, Value]] = [*_method(seen.method), ("server.address", host.strip("[]"))]
    if port.isdigit():
        attributes.append(("server.port", int(port)))
    failed = not seen.answered or seen.status >= 500
    if seen.answered:
        attributes.append(("http.response.status_code", seen.status))
        attributes.append(("microgateway.time_to_head_us", round((seen.answered - seen.forwarded) * 1e6)))
    if failed:
        attributes.append(("error.type", str(seen.status) if seen.answered else seen.details or "_OTHER"))
    ids = seen.ids
    return _span(seen, ids.upstream, ids.request, Kind.CLIENT, seen.forwarded, seen.ended, attributes, failed)


def _span(
    seen: Record,
    span: str,
    parent: str,
    kind: Kind,
    begins: float,
    ends: float,
    attributes: list[tuple[str, Value]],
    failed: bool,
) -> Span:
    ids = seen.ids
    name = "inspection" if kind is Kind.INTERNAL else _name(seen.method)
    epoch = round(seen.epoch * 1e9)  # apart: seconds since 1970 have no nanoseconds in a float
    first, last = (epoch + round(at * 1e9) for at in (begins, ends))
    return Span(ids.trace, span, parent, ids.state, name, kind, first, last, tuple(attributes), failed)


def _method(method: str) -> Iterator[tuple[str, Value]]:
    if method in _METHODS:
        yield "http.request.method", method
    else:
        yield "http.request.method", "_OTHER"
        yield "http.request.method_original", method[:32]


def _name(method: str) -> str:
    return method if method in _METHODS else "HTTP"
