"""The access log of a Telemetry resource keeps its shape and the types of its values."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from microgateway_common.ir.telemetry import JsonArray, JsonConstant, JsonNode, JsonObject, JsonText
from microgateway_common.ir.templates import Operator
from microgateway_common.operators import parse_template
from microgateway_engine.telemetry.custom_access_log import custom_line_format
from microgateway_engine.traffic.exchange import Exchange

ExchangeFactory = Callable[..., Exchange]


def node(value: object) -> JsonNode:
    """A format as users write it."""
    match value:
        case str():
            return JsonText(parse_template(value))
        case dict():
            return JsonObject(tuple((name, node(each)) for name, each in value.items()))
        case list():
            return JsonArray(tuple(node(each) for each in value))
        case bool() | int() | float() | None:
            return JsonConstant(value)
    raise AssertionError(value)


def line(exchange: Exchange, wanted: dict[str, object]) -> dict[str, object]:
    format_ = node(wanted)
    assert isinstance(format_, JsonObject)
    written = custom_line_format(format_)(exchange)
    assert written.endswith(b"}\n")
    assert written.count(b"\n") == 1
    found = json.loads(written)
    assert isinstance(found, dict)
    return found


def test_constants_objects_and_arrays_stay_as_they_are(exchange_at: ExchangeFactory) -> None:
    wanted: dict[str, object] = {
        "ecs": {"version": "8.5"},
        "event": {"category": ["web", 1, 2.5, True, None]},
        "empty": {},
        "percent": "",
    }
    assert line(exchange_at("finished"), wanted) == wanted


def test_a_text_that_is_one_operator_keeps_its_type(exchange_at: ExchangeFactory) -> None:
    found = line(
        exchange_at("finished"),
        {
            "status": "%RESPONSE_CODE%",
            "bytes": "%BYTES_SENT%",
            "method": "%REQ(:METHOD):2%",
            "type": "%EVENT_TYPE%",
            "missing": "%REQ(X-Absent):100%",
            "block": "%BLOCK_ACTION%",
        },
    )
    assert found == {
        "status": 302,
        "bytes": 2,
        "method": "PO",
        "type": ["access", "allowed"],
        "missing": None,
        "block": None,
    }


def test_an_operator_in_a_longer_text_becomes_text(exchange_at: ExchangeFactory) -> None:
    found = line(exchange_at("finished"), {"a": "%RESPONSE_CODE%!", "b": ["<%REQ(X-Absent)%>"], "c": "100%%"})
    assert found == {"a": "302!", "b": ["<->"], "c": "100%"}


def test_members_keep_their_order(exchange_at: ExchangeFactory) -> None:
    assert list(line(exchange_at("finished"), {"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]


def test_a_clients_value_cannot_begin_another_line(exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.request_headers = [(b"x-tenant", b'a\n{"b\x00\xff"}')]
    assert line(exchange, {"tenant": "%REQ(X-Tenant)%"}) == {"tenant": 'a\n{"b\x00\u00ff"}'}


def test_an_unknown_operator_names_its_member() -> None:
    wanted = JsonObject((("a", JsonArray((JsonText((Operator("FROM_THE_FUTURE", "", 0),)),))),))
    with pytest.raises(ValueError, match=r"access log \.a\[0\]: expected a command operator"):
        custom_line_format(wanted)
