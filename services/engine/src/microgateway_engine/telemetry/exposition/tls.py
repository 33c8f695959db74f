"""Handshakes, under Envoy's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from microgateway_engine.telemetry.counters import PortCounters, TlsCounters
from microgateway_engine.telemetry.prometheus import Family, counter

_TOTALS: tuple[tuple[str, str, Callable[[TlsCounters], int]], ...] = (
    ("handshake", "handshakes that succeeded", lambda side: side.handshakes),
    ("session_reused", "handshakes that resumed a session", lambda side: side.resumed),
    ("connection_error", "handshakes that failed", lambda side: sum(side.errors.values())),
)
_BY: tuple[tuple[str, str, str, Callable[[TlsCounters], Mapping[str, int]]], ...] = (
    ("versions", "handshakes by version", "envoy_ssl_version", lambda side: side.versions),
    ("ciphers", "handshakes by cipher suite", "envoy_ssl_cipher", lambda side: side.ciphers),
    ("errors", "handshakes that failed, by cause", "cause", lambda side: side.errors),
)


def tls(ports: Mapping[int, PortCounters]) -> Iterator[Family]:
    listeners = {f"0.0.0.0_{port}": each.tls for port, each in ports.items()}
    yield from _side("envoy_listener_ssl", "envoy_listener_address", listeners)
    clusters = {f"upstream_{port}": each.upstream_tls for port, each in ports.items()}
    yield from _side("envoy_cluster_ssl", "envoy_cluster_name", clusters)


def _side(prefix: str, label: str, sides: Mapping[str, TlsCounters]) -> Iterator[Family]:
    """Sides that speak no TLS have no samples."""
    used = {name: side for name, side in sides.items() if side.handshakes or side.errors}
    for name, text, value in _TOTALS:
        family = counter(f"{prefix}_{name}", text, label)
        for where, side in used.items():
            family.add(value(side), where)
        yield family
    for name, text, key, counts in _BY:
        family = counter(f"{prefix}_{name}", text, label, key)
        for where, side in used.items():
            for what, number in counts(side).items():
                family.add(number, where, what)
        yield family
