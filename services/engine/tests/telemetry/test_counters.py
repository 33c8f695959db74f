"""Counters that travel between processes and are summed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_engine.telemetry.counters import Counters, Histogram, PortCounters
from microgateway_engine.traffic.exchange import Exchange
from microgateway_inspection.verdict import LimitThreat


def travelled(counters: Counters) -> Counters:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(counters), type=Counters)


def counted(exchange: Exchange) -> Counters:
    exchange.threats = tuple(
        LimitThreat("json_key_count", 1, 2, None, handling, DefaultOrigin("Limits"))
        for handling in (ThreatHandling.LOG_ONLY, ThreatHandling.BLOCK)
    )
    port = PortCounters(connections=2, active=1, received=10)
    port.count(exchange)
    return Counters({8080: port}, refused_connections=1, log_lines=3, log_lines_dropped=2, cpu_seconds=0.5)


def test_counters_travel(exchange_at: Callable[..., Exchange]) -> None:
    counters = counted(exchange_at("finished"))
    assert travelled(counters) == counters


def test_a_sum_of_processes(exchange_at: Callable[..., Exchange]) -> None:
    one = counted(exchange_at("finished"))
    before = travelled(one)
    total = Counters()
    for _ in range(3):
        total.add(travelled(one))
    assert one == before
    assert (total.refused_connections, total.log_lines, total.log_lines_dropped) == (3, 9, 6)
    assert total.cpu_seconds == 1.5
    port, single = total.ports[8080], one.ports[8080]
    assert (port.connections, port.active, port.received, port.requests) == (6, 3, 30, 3)
    assert port.by_class == [3 * each for each in single.by_class]
    assert port.duration.counts == [3 * each for each in single.duration.counts]
    assert port.duration.bounds == single.duration.bounds
    assert port.duration.sum == 3 * single.duration.sum
    assert port.blocked == {("limits", "json_key_count"): 3} == port.logged
    assert sum(port.outcomes.values()) == 3


def test_ports_that_only_one_of_them_knows() -> None:
    total = Counters({1: PortCounters(requests=1)})
    total.add(Counters({2: PortCounters(requests=2)}))
    assert {port: counters.requests for port, counters in total.ports.items()} == {1: 1, 2: 2}


def test_a_process_that_has_ended_has_no_connections() -> None:
    counters = Counters({1: PortCounters(connections=5, active=2)})
    counters.ended()
    assert counters.ports[1] == PortCounters(connections=5, active=0)


def test_a_histogram_counts_at_its_bounds() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0, 1, 1.5, 2, 2.1):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == 6.6
