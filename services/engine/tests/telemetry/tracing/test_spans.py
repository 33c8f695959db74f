"""Spans of an exchange."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_engine.http.targets import Target
from microgateway_engine.telemetry.tracing.spans import Ids, Kind, Span, record, spans
from microgateway_engine.traffic.exchange import Exchange
from microgateway_engine.traffic.outcome import Outcome
from microgateway_inspection.verdict import LimitThreat

IDS = Ids("1" * 32, "2" * 16, "a" * 16, "b" * 16, "c" * 16, "x=1")

ExchangeFactory = Callable[..., Exchange]


def named(exchange: Exchange) -> dict[Kind, Span]:
    return {span.kind: span for span in spans(record(IDS, exchange))}


def test_an_answered_request_has_three(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.started_at, exchange.started = 1_700_000_000.0, 100.0
    exchange.inspection_seconds = 0.25
    exchange.forwarded, exchange.answered, exchange.ended = 101.0, 102.0, 104.0
    found = named(exchange)
    request, inspection, upstream = found[Kind.SERVER], found[Kind.INTERNAL], found[Kind.CLIENT]
    assert {(span.trace, span.state) for span in found.values()} == {("1" * 32, "x=1")}
    assert (request.span, request.parent, request.name) == ("a" * 16, "2" * 16, "POST")
    assert (inspection.span, inspection.parent, inspection.name) == ("b" * 16, "a" * 16, "inspection")
    assert (upstream.span, upstream.parent, upstream.name) == ("c" * 16, "a" * 16, "POST")
    start = 1_700_000_000_000_000_000
    assert (request.begins - start, request.ends - start) == (0, 4_000_000_000)
    assert (inspection.begins - start, inspection.ends - start) == (750_000_000, 1_000_000_000)
    assert (upstream.begins - start, upstream.ends - start) == (1_000_000_000, 4_000_000_000)
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "url.path": "/orders/7",
        "url.scheme": "http",
        "server.address": "shop.example",
        "client.address": "192.0.2.7",
        "network.protocol.version": "1.1",
        "microgateway.outcome": "forwarded",
        "microgateway.request_id": exchange.request_id,
        "http.response.status_code": 302,
    }
    assert dict(upstream.attributes) == {
        "http.request.method": "POST",
        "server.address": "10.0.0.5",
        "server.port": 8080,
        "http.response.status_code": 302,
        "microgateway.time_to_head_us": 1_000_000,
    }
    assert not any(span.failed for span in found.values())


def test_a_blocked_request_says_by_what(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("begun")
    threat = LimitThreat("json_key_count", 1, 2, None, ThreatHandling.BLOCK, DefaultOrigin("Limits"))
    exchange.threats, exchange.blocked_by = (threat,), threat
    exchange.outcome, exchange.status, exchange.details = Outcome.BLOCKED, 400, "blocked"
    exchange.inspection_seconds, exchange.ended = 0.001, exchange.started + 0.002
    found = named(exchange)
    assert set(found) == {Kind.SERVER, Kind.INTERNAL}
    assert dict(found[Kind.INTERNAL].attributes) == {
        "microgateway.threats": 1,
        "microgateway.block.type": "limits",
        "microgateway.block.subtype": "json_key_count",
    }
    assert found[Kind.INTERNAL].ends == found[Kind.SERVER].ends
    assert not found[Kind.SERVER].failed


def test_an_application_that_fails_is_an_error(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("forwarded")
    exchange.fail(503, "upstream_connect_failure")
    found = named(exchange)
    for kind in (Kind.SERVER, Kind.CLIENT):
        assert found[kind].failed
        assert dict(found[kind].attributes)["error.type"] == "upstream_connect_failure"
    assert "http.response.status_code" not in dict(found[Kind.CLIENT].attributes)


def test_methods_and_paths_of_clients_are_bounded_and_masked(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVP"
    exchange.method = "X" * 5000
    exchange.target = Target(f"/reset/{secret}/" + "p" * 5000, b"", b"", secret.encode())
    request = named(exchange)[Kind.SERVER]
    said = dict(request.attributes)
    assert request.name == "HTTP"
    assert (said["http.request.method"], said["http.request.method_original"]) == ("_OTHER", "X" * 32)
    assert len(str(said["url.path"])) <= 256
    assert secret not in str(request)


@pytest.mark.parametrize("upstream", ["", "[::1]:8080"])
def test_addresses_of_applications(upstream: str, exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.upstream = upstream
    said = dict(named(exchange)[Kind.CLIENT].attributes)
    assert (said["server.address"], said.get("server.port")) == (("::1", 8080) if upstream else ("", None))
