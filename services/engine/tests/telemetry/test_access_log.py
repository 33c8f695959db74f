"""The default line: golden, and nothing a client sends can forge another."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.telemetry import (
    CustomAccessLog,
    DefaultAccessLog,
    JsonObject,
    JsonText,
    NoCorrelation,
    RequestIds,
    Telemetry,
)
from microgateway_common.ir.templates import Operator
from microgateway_engine.http.messages import Headers, first_values
from microgateway_engine.http.targets import Target
from microgateway_engine.telemetry.access_log import MAX_TEXT, access_log_format, default_line, timestamp
from microgateway_engine.telemetry.tracing.spans import Ids
from microgateway_engine.telemetry.tracing.tracer import Trace
from microgateway_engine.traffic.exchange import Exchange
from microgateway_engine.traffic.outcome import Outcome
from microgateway_inspection.verdict import LimitThreat, ParserThreat

ExchangeFactory = Callable[..., Exchange]

BLOCKING = LimitThreat("json_key_count", 1, 2, None, ThreatHandling.BLOCK, DefaultOrigin("Limits"))
LOGGED = ParserThreat("json_malformed", "at byte 5", ThreatHandling.LOG_ONLY, DefaultOrigin("Parser"))


def fixed(exchange: Exchange) -> Exchange:
    """With times and ids that do not change."""
    exchange.request_id = "id-1"
    exchange.started_at = 1_700_000_000.25
    exchange.started, exchange.ended = 100.0, 100.5
    if exchange.forwarded:
        exchange.forwarded = 100.125
    if exchange.answered:
        exchange.answered = 100.375
    return exchange


def sent(exchange: Exchange, fields: Headers) -> None:
    """The client sent these fields."""
    exchange.request_headers, exchange.request_first = fields, first_values(fields)


def answered(exchange: Exchange, fields: Headers) -> None:
    """The application answered with these."""
    exchange.response_headers, exchange.response_first = fields, first_values(fields)


def line(exchange: Exchange) -> dict[str, Any]:
    written = default_line(exchange)
    assert written.endswith(b"}\n")
    assert written.count(b"\n") == 1
    found: dict[str, Any] = json.loads(written)
    return found


def members(value: object, path: str = "") -> list[str]:
    """Paths of everything that is in a line."""
    if not isinstance(value, dict):
        return [path]
    return [each for name, member in value.items() for each in members(member, f"{path}.{name}".lstrip("."))]


def test_the_line_of_a_forwarded_request(exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("finished"))
    sent(
        exchange,
        [
            *exchange.request_headers,
            (b"user-agent", b"curl/8"),
            (b"referer", b"https://a.example/b?token=secret"),
            (b"accept-language", b"de"),
        ],
    )
    answered(exchange, [*exchange.response_headers, (b"content-type", b"Text/HTML; charset=utf-8")])
    assert line(exchange) == {
        "@timestamp": "2023-11-14T22:13:20.250000Z",
        "ecs": {"version": "8.5"},
        "log": {"logger": "access"},
        "service": {"name": "microgateway-engine"},
        "event": {
            "kind": "event",
            "category": ["web"],
            "type": ["access"],
            "module": "microgateway",
            "dataset": "envoy.access",
            "outcome": "success",
            "start": "2023-11-14T22:13:20.250000Z",
            "end": "2023-11-14T22:13:20.750000Z",
            "duration": 500_000_000,
        },
        "http": {
            "version": "1.1",
            "request": {
                "id": "id-1",
                "method": "POST",
                "bytes": exchange.request_head_bytes + 4,
                "body": {"bytes": 4},
                "mime_type": "application/json",
                "referrer": "https://a.example/b",
            },
            "response": {
                "status_code": 302,
                "bytes": exchange.response_head_bytes + 2,
                "body": {"bytes": 2},
                "mime_type": "text/html",
            },
        },
        "url": {"path": "/orders/7", "domain": "shop.example"},
        "source": {"ip": "192.0.2.7", "port": 50000},
        "destination": {"ip": "10.0.0.5", "port": 8080},
        "network": {"forwarded_ip": "192.0.2.7"},
        "upstream": {"address": "10.0.0.5:8080", "duration": 250_000_000},
        "user_agent": {"original": "curl/8"},
        "airlock": {
            "summary": {"action": "forwarded"},
            "configuration": {"gateway": "shop/gateway", "generation": 7},
            "http": {
                "request": {"correlation_id": "c-1", "accept_language": "de"},
                "response": {"redirect_url": "/done"},
            },
        },
    }


def test_what_is_not_there_is_left_out(exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("begun"))
    sent(exchange, [])
    exchange.correlation_id = ""
    found = set(members(line(exchange)))
    assert not found & {
        "event.reason",
        "http.request.mime_type",
        "http.request.referrer",
        "http.response.mime_type",
        "url.domain",
        "upstream.address",
        "user_agent.original",
        "airlock.http.request.correlation_id",
        "airlock.actions.block.block_type",
    }
    assert not any(path.startswith(("airlock.http", "airlock.actions", "upstream")) for path in found)


def test_an_unanswered_request_has_no_upstream_duration(exchange_at: ExchangeFactory) -> None:
    assert line(fixed(exchange_at("forwarded")))["upstream"] == {"address": "10.0.0.5:8080"}


def test_a_block_is_told_from_what_was_only_seen(exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("begun"))
    exchange.threats, exchange.blocked_by = (LOGGED, BLOCKING), BLOCKING
    exchange.outcome, exchange.details = Outcome.BLOCKED, "blocked"
    found = line(exchange)
    actions = found["airlock"]["actions"]
    assert (actions["block"]["block_type"], actions["block"]["block_subtype"]) == ("limits", "json_key_count")
    assert actions["block"]["details"]["measured"] == 2
    assert [each["block_subtype"] for each in actions["log_only"]] == ["json_malformed"]
    assert (found["event"]["outcome"], found["event"]["reason"]) == ("failure", "blocked")
    assert found["airlock"]["summary"]["action"] == "blocked"


def test_header_rewrites_are_listed_by_direction(exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("begun"))
    exchange.header_actions = [("request", "mine", "add", "x-a"), ("response", "allow", "drop", "server")]
    assert line(exchange)["airlock"]["actions"] == {
        "header_rewrites": {
            "request": [{"group": "mine", "action": "add", "header": "x-a"}],
            "response": [{"group": "allow", "action": "drop", "header": "server"}],
        }
    }


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_what_was_forwarded_is_a_success(outcome: Outcome, exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("finished"))
    exchange.outcome = outcome
    found = line(exchange)
    assert found["event"]["outcome"] == ("success" if outcome is Outcome.FORWARDED else "failure")
    assert found["airlock"]["summary"]["action"] == outcome.value


FORGERY = b'x"}\n{"@timestamp":"2000-01-01T00:00:00Z","airlock":{"summary":{"action":"forwarded"}}}\n'


@pytest.mark.parametrize("forged", [FORGERY, b"\x1b[2Ja", b"\xff\xfe", b"\\", b"a" * 100_000, "☃".encode()])
def test_nothing_a_client_sends_forges_another_line(forged: bytes, exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("finished"))
    names = (b"user-agent", b"referer", b"content-type", b"accept-language")
    sent(exchange, [(name, forged) for name in names])
    answered(exchange, [(b"location", forged), (b"content-type", forged)])
    exchange.target = Target("/" + forged.decode("latin-1"), b"", forged, forged)
    found = line(exchange)
    assert members(found) == members(line(fixed(exchange_with_all(exchange_at))))
    assert len(found["url"]["path"]) <= MAX_TEXT
    assert len(found["user_agent"]["original"].encode()) <= 3 * MAX_TEXT
    assert b"\x1b" not in default_line(exchange)


def exchange_with_all(exchange_at: ExchangeFactory) -> Exchange:
    exchange = exchange_at("finished")
    names = (b"user-agent", b"referer", b"content-type", b"accept-language")
    sent(exchange, [(name, b"a") for name in names])
    answered(exchange, [(b"location", b"a"), (b"content-type", b"a")])
    return exchange


def test_the_first_of_several_values_is_logged(exchange_at: ExchangeFactory) -> None:
    exchange = fixed(exchange_at("finished"))
    sent(exchange, [(b"user-agent", b"one"), (b"user-agent", b"two")])
    assert line(exchange)["user_agent"]["original"] == "one"


@given(st.floats(0, 4e9))
def test_timestamps_are_within_a_microsecond(seconds: float) -> None:
    text = timestamp(seconds)
    assert len(text) == 27
    assert abs(datetime.fromisoformat(text).timestamp() - seconds) < 2e-6


def test_the_format_is_the_one_of_the_resource() -> None:
    def telemetry(access_log: DefaultAccessLog | CustomAccessLog) -> Telemetry:
        return Telemetry(DefaultOrigin("Telemetry"), NoCorrelation(), RequestIds(False, True), access_log)

    assert access_log_format(telemetry(DefaultAccessLog())) is default_line
    unknown = JsonObject((("a", JsonText((Operator("FROM_THE_FUTURE", "", 0),))),))
    with pytest.raises(ValueError, match=r"access log \.a"):
        access_log_format(telemetry(CustomAccessLog(unknown)))


def test_a_traced_request_names_its_trace(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    assert "trace" not in json.loads(default_line(exchange))
    exchange.trace = Trace(Ids("1" * 32, "", "a" * 16, "b" * 16, "c" * 16, ""), 1)
    line = json.loads(default_line(exchange))
    assert (line["trace"], line["span"]) == ({"id": "1" * 32}, {"id": "a" * 16})
