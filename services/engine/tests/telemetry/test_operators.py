"""Each operator has a value, or is missing, at every point of an exchange."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import msgspec
import pytest

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.templates import Operator
from microgateway_common.operators import OPERATORS, UNAVAILABLE, Argument, parse_template
from microgateway_engine import __version__
from microgateway_engine.telemetry.operators import ExchangeContext, operator_function
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_engine.traffic.outcome import Outcome
from microgateway_inspection.templates import TemplateContext, compile_template
from microgateway_inspection.verdict import DenyRuleThreat, LimitThreat, Place

ExchangeFactory = Callable[..., Exchange]

ARGUMENTS = {
    Argument.NONE: "",
    Argument.HEADER: "X-Tenant",
    Argument.TIME_FORMAT: "%s",
    Argument.KEY: "namespace:key",
    Argument.VARIABLE: "HOSTNAME",
}

SQL = DenyRuleThreat(
    "SQL",
    "SQL-010",
    "a condition that is always true",
    Level.BASIC,
    Place(FieldType.PARAMETER, "q", "value"),
    (),
    "' or 1=1",
    ThreatHandling.BLOCK,
    DefaultOrigin("DenyRules"),
)
DEEP = LimitThreat("json_nesting_depth", 100, 101, None, ThreatHandling.LOG_ONLY, DefaultOrigin("Limits"))


def value(exchange: Exchange, text: str) -> object:
    (operator,) = parse_template(text)
    assert isinstance(operator, Operator)
    return operator_function(operator.name, operator.argument)(exchange)


@pytest.mark.parametrize("stage", ["begun", "forwarded", "finished"])
@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_can_be_asked_for_at_any_time(
    name: str, stage: str, exchange_at: ExchangeFactory
) -> None:
    exchange = exchange_at(stage)
    argument = ARGUMENTS[OPERATORS[name].argument]
    found = operator_function(name, argument)(exchange)
    msgspec.json.encode(found)
    text = ExchangeContext(exchange).operator_text(name, argument)
    assert (text is None) == (found is None)
    if name in UNAVAILABLE:
        assert found is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%REQ(X-TENANT)%", "acme"),
        ("%REQ(X-Absent)%", None),
        ("%REQ(X-Absent?:PATH)%", "/orders/7?token=x"),
        ("%REQ_WITHOUT_QUERY(X-Envoy-Original-Path?:PATH)%", "/orders/7"),
        ("%REQ_WITHOUT_QUERY(X-Absent)%", None),
        ("%REQ(:METHOD)%", "POST"),
        ("%REQ(:AUTHORITY)%", "shop.example"),
        ("%REQ(:SCHEME)%", "http"),
        ("%HTTP_HOST:500%", "shop.example"),
        ("%REQ_MIME_TYPE%", "application/json"),
        ("%RESP(location)%", "/done"),
        ("%RESP(Set-Cookie)%", "a=1, b=2"),
        ("%RESP(:STATUS)%", "302"),
        ("%RESP_MIME_TYPE%", None),
        ("%PROTOCOL%", "HTTP/1.1"),
        ("%HTTP_VERSION%", "1.1"),
        ("%UPSTREAM_HTTP_VERSION%", "1.1"),
        ("%RESPONSE_CODE%", 302),
        ("%RESPONSE_CODE_DETAILS%", "via_upstream"),
        ("%RESPONSE_FLAGS%", None),
        ("%BYTES_RECEIVED%", 4),
        ("%BYTES_SENT%", 2),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "192.0.2.7:50000"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "192.0.2.7"),
        ("%DOWNSTREAM_DIRECT_REMOTE_PORT%", 50000),
        ("%DOWNSTREAM_LOCAL_ADDRESS%", "10.0.0.5:8080"),
        ("%DOWNSTREAM_LOCAL_PORT%", 8080),
        ("%UPSTREAM_HOST%", "10.0.0.5:8080"),
        ("%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.0.0.5"),
        ("%UPSTREAM_REMOTE_PORT%", 8080),
        ("%UPSTREAM_CLUSTER%", "upstream_8080"),
        ("%DYNAMIC_METADATA(com.airlock.microgateway.telemetry:correlation_id)%", "c-1"),
        ("%DYNAMIC_METADATA(other)%", None),
        ("%EVENT_TYPE%", ["access", "allowed"]),
        ("%SUMMARY_ACTION%", "forwarded"),
        ("%BLOCK_ACTION%", None),
        ("%LOG_ONLY_ACTIONS%", None),
        ("%HEADER_REWRITES%", None),
        ("%HOSTNAME%", socket.gethostname()),
        ("%ENVIRONMENT(ENGINE_VERSION)%", __version__),
    ],
)
def test_values_of_a_finished_exchange(text: str, expected: object, exchange_at: ExchangeFactory) -> None:
    assert value(exchange_at("finished"), text) == expected


def test_the_request_id_is_the_gateways_own(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    assert value(exchange, "%STREAM_ID%") == value(exchange, "%REQ(X-Request-Id)%") == exchange.request_id


def test_times_and_durations_belong_together(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.started_at = 1_700_000_000.25
    exchange.ended = exchange.started + 1.5
    assert value(exchange, "%START_TIME%") == "2023-11-14T22:13:20.250Z"
    assert value(exchange, "%END_TIME(%s.%2f)%") == "1700000001.75"
    assert value(exchange, "%DURATION%") in (1499, 1500)
    nanoseconds = value(exchange, "%DURATION_IN_NANOSECONDS%")
    assert isinstance(nanoseconds, int)
    assert abs(nanoseconds - 1_500_000_000) < 1000


def test_before_the_response_its_values_are_missing(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("forwarded")
    assert value(exchange, "%RESPONSE_CODE%") == 0
    for text in (
        "%RESP(Location)%",
        "%RESP(:STATUS)%",
        "%DURATION%",
        "%END_TIME%",
        "%RESPONSE_CODE_DETAILS%",
    ):
        assert value(exchange, text) is None


def test_a_request_that_went_nowhere_has_no_upstream(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("begun")
    exchange.refuse(404, "no_route")
    assert value(exchange, "%UPSTREAM_HOST%") is None
    assert value(exchange, "%UPSTREAM_REMOTE_PORT%") is None
    assert value(exchange, "%RESPONSE_FLAGS%") == "NR"
    assert value(exchange, "%RESPONSE_CODE_DETAILS%") == "no_route"


@pytest.mark.parametrize(
    ("details", "flag"),
    [
        ("upstream_connect_failure", "UF"),
        ("upstream_connect_timeout", "UF"),
        ("upstream_connection_closed", "UC"),
        ("upstream_protocol_error: malformed status line", "UPE"),
        ("upstream_response_timeout", "UT"),
    ],
)
def test_failures_have_envoys_flags(details: str, flag: str, exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("forwarded")
    exchange.fail(502, details)
    assert value(exchange, "%RESPONSE_FLAGS%") == flag
    assert re.fullmatch(r"\S+", str(value(exchange, "%RESPONSE_CODE_DETAILS%")))


def test_a_block_names_its_threat(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("begun")
    exchange.threats, exchange.blocked_by = (DEEP, SQL), SQL
    exchange.outcome = Outcome.BLOCKED
    block = msgspec.to_builtins(value(exchange, "%BLOCK_ACTION%"))
    assert (block["block_type"], block["block_subtype"]) == ("deny_rules", "SQL")
    assert block["details"]["rule_id"] == "SQL-010"
    (logged,) = msgspec.to_builtins(value(exchange, "%LOG_ONLY_ACTIONS%"))
    assert logged["block_subtype"] == "json_nesting_depth"
    (limit,) = msgspec.to_builtins(value(exchange, "%LIMITS%"))["matches"]
    assert limit == logged
    assert value(exchange, "%PARSER%") is None
    assert value(exchange, "%EVENT_TYPE%") == ["access", "denied"]
    assert value(exchange, "%RESPONSE_CODE_DETAILS%") == "airlock_request_blocked_deny_rules"


def test_header_actions_are_listed_by_direction(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("begun")
    exchange.header_actions = [("request", "mine", "add", "x-a"), ("response", "allow", "drop", "server")]
    assert value(exchange, "%HEADER_REWRITES%") == {
        "request": [{"group": "mine", "action": "add", "header": "x-a"}],
        "response": [{"group": "allow", "action": "drop", "header": "server"}],
    }


def test_an_ipv6_address_has_brackets_where_a_port_follows(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished", peer=Peer("2001:db8::7", 50000, "2001:db8::1", 13378))
    exchange.upstream = "[2001:db8::1]:8080"
    assert value(exchange, "%DOWNSTREAM_REMOTE_ADDRESS%") == "[2001:db8::7]:50000"
    assert value(exchange, "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%") == "2001:db8::1"


def test_an_address_from_a_header_has_no_port(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.client = "198.51.100.9"
    assert value(exchange, "%DOWNSTREAM_REMOTE_ADDRESS%") == "198.51.100.9:0"
    assert value(exchange, "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%") == "192.0.2.7:50000"


def test_header_templates_are_filled_from_an_exchange(exchange_at: ExchangeFactory) -> None:
    context: TemplateContext = ExchangeContext(exchange_at("finished"))
    render = compile_template(parse_template("%REQ(X-Tenant):2%/%RESPONSE_CODE%/%EVENT_TYPE%/%SESSION_ID%"))
    assert render(context) == 'ac/302/["access","allowed"]/-'
