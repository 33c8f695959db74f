"""Families with samples for each application port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from microgateway_engine.telemetry.counters import Histogram, PortCounters
from microgateway_engine.telemetry.prometheus import Family, histogram

#: Counters by the value of the label that tells ports apart.
Ports = Mapping[str, PortCounters]


def named(template: str, ports: Mapping[int, PortCounters]) -> Ports:
    """template: of the label's value, `inbound_{}`."""
    return {template.format(port): counters for port, counters in ports.items()}


def values(family: Family, ports: Ports, value: Callable[[PortCounters], float]) -> Family:
    for name, port in ports.items():
        family.add(value(port), name)
    return family


def counts_by(family: Family, ports: Ports, of: Callable[[PortCounters], dict[str, int]]) -> Family:
    for name, port in ports.items():
        for what, count in of(port).items():
            family.add(count, name, what)
    return family


def histograms(
    name: str,
    text: str,
    label: str,
    ports: Ports,
    of: Callable[[PortCounters], Histogram],
) -> Family:
    family = histogram(name, text, label)
    for value, port in ports.items():
        family.add_histogram(of(port), value)
    return family
