"""Counters: plain numbers on the hot path, which can be sent to another process and summed.

Keys are bounded: ports, kinds of threat, outcomes; never a path or a client.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_inspection.verdict import block_subtype, block_type

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange

#: Upper bounds of request durations in milliseconds; the last bucket is open.
MILLISECONDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4)

#: Upper bounds of seconds that changes of the configuration take.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: Upper bounds of the lives of connections in milliseconds.
LIVES: Final = (10.0, 100.0, 1e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6)

#: Upper bounds of the gateway's own time in milliseconds.
PROCESSING: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0)


class Histogram(Struct):
    """Counts per bucket, one more than bounds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    sum: float = 0.0

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def _durations() -> Histogram:
    return Histogram(MILLISECONDS)


def _lives() -> Histogram:
    return Histogram(LIVES)


def _processing() -> Histogram:
    return Histogram(PROCESSING)


def _classes() -> list[int]:
    """By the first digit of the status."""
    return [0, 0, 0, 0, 0, 0]


class TlsCounters(Struct):
    """Handshakes on one side of a port. errors: by cause."""

    handshakes: int = 0
    resumed: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    ciphers: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def established(self, version: str, cipher: str, resumed: bool) -> None:
        self.handshakes += 1
        self.resumed += resumed
        self.versions[version] = self.versions.get(version, 0) + 1
        self.ciphers[cipher] = self.ciphers.get(cipher, 0) + 1

    def failed(self, cause: str) -> None:
        self.errors[cause] = self.errors.get(cause, 0) + 1


class PortCounters(Struct):
    """What happened on one application port. blocked, logged: by (type, subtype) of the threat. hits: by
    (resource, kind, name) of a rule or exception (`microgateway_inspection.hits`).
    lives: of connections that are over. upstream_by_status: of final responses, and 101.
    floods: HTTP/2 connections ended, by what there was too much of."""

    connections: int = 0
    active: int = 0
    received: int = 0
    sent: int = 0
    lives: Histogram = field(default_factory=_lives)
    requests: int = 0
    by_class: list[int] = field(default_factory=_classes)
    duration: Histogram = field(default_factory=_durations)
    processing: Histogram = field(default_factory=_processing)
    blocked: dict[tuple[str, str], int] = field(default_factory=dict)
    logged: dict[tuple[str, str], int] = field(default_factory=dict)
    hits: dict[tuple[str, str, str], int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    upstream_requests: int = 0
    upstream_by_status: dict[int, int] = field(default_factory=dict)
    upstream_duration: Histogram = field(default_factory=_durations)
    upstream_connections: int = 0
    upstream_connect_failures: int = 0
    upstream_received_bytes: int = 0
    upstream_sent_bytes: int = 0
    upstream_connect: Histogram = field(default_factory=_durations)
    upstream_lives: Histogram = field(default_factory=_lives)
    floods: dict[str, int] = field(default_factory=dict)
    tls: TlsCounters = field(default_factory=TlsCounters)
    upstream_tls: TlsCounters = field(default_factory=TlsCounters)

    def count(self, exchange: Exchange) -> None:
        """A finished exchange."""
        self.requests += 1
        self.by_class[exchange.status // 100] += 1
        self.duration.observe((exchange.ended - exchange.started) * 1e3)
        outcome = exchange.outcome.label
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.sent += exchange.response_head_bytes + exchange.response_body_bytes
        self.processing.observe(exchange.inspection_seconds * 1e3)
        if exchange.forwarded:
            self.upstream_requests += 1
            self.upstream_sent_bytes += exchange.request_head_bytes + exchange.request_body_bytes
            if exchange.answered:
                status = exchange.status
                self.upstream_by_status[status] = self.upstream_by_status.get(status, 0) + 1
                self.upstream_duration.observe((exchange.answered - exchange.forwarded) * 1e3)
        for threat in exchange.threats:
            target = self.logged if threat.handling is ThreatHandling.LOG_ONLY else self.blocked
            key = str(block_type(threat)), block_subtype(threat)
            target[key] = target.get(key, 0) + 1
        protection = exchange.protection
        if protection is not None and protection.policy.hits:
            for hit, number in protection.policy.hits.take().items():
                self.hits[hit] = self.hits.get(hit, 0) + number

    def flooded(self, kind: str) -> None:
        """An HTTP/2 connection was ended for what its client sent."""
        self.floods[kind] = self.floods.get(kind, 0) + 1

    def ended(self) -> None:
        """The process is gone, and its connections with it."""
        self.active = 0


class Counters(Struct):
    """All that one process counts. cpu_seconds: user and system time."""

    ports: dict[int, PortCounters] = field(default_factory=dict)
    refused_connections: int = 0
    log_lines: int = 0
    log_lines_dropped: int = 0
    block_events_sent: int = 0
    block_events_dropped: int = 0
    spans_exported: int = 0
    spans_dropped: int = 0
    cpu_seconds: float = 0.0

    def add(self, other: Counters) -> None:
        """Add what another process counted. Its values are not kept."""
        _add(self, other)

    def ended(self) -> None:
        """The process is gone; what it counted stays counted."""
        for port in self.ports.values():
            port.ended()


def _add(total: Struct, part: Struct) -> None:
    for name in total.__struct_fields__:
        setattr(total, name, _sum(getattr(total, name), getattr(part, name)))


def _sum(total: Any, part: Any) -> Any:
    match total:
        case Struct():
            _add(total, part)
        case list():
            return [a + b for a, b in zip(total, part, strict=True)]
        case tuple():
            pass  # a histogram's bounds
        case dict():
            for key, value in part.items():
                before = total.get(key)
                total[key] = _sum(type(value)() if before is None else before, value)
        case _:
            return total + part
    return total
