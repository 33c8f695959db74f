"""What an event alone tells. From real blocks to exceptions that let the request pass: the engine's tests of
block reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from microgateway_common.blocks import BlockEvent, Mode, PlaceLine, ResourceLine, ThreatLine
from microgateway_common.ir.data import ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.ir.gateway import ContentSecurity, GatewayConfig
from microgateway_common.ir.limits import Limited
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact
from microgateway_common.names import Generation, RuleKey, gateway_key, pod_key
from microgateway_inspection.explain.result import Change, NothingToDo, NotOffered, Offered, Remedy
from microgateway_inspection.explain.witnessed import Cause, explain_block, read_location
from microgateway_inspection.parsing.json import Index, location_text

MakeContent = Callable[..., ContentSecurity]
MakeConfig = Callable[[ContentSecurity], GatewayConfig]

RULE = ThreatLine(
    "deny_rules",
    "SQL",
    "Block",
    ResourceLine("DenyRules", "shop", "web", 3),
    rule_key="SQL",
    rule_id="SQL-010",
    level="Standard",
    description="a union",
    place=PlaceLine("Parameter", "q", "value"),
    decoding=(),
    matched="union select",
)
LIMIT = ThreatLine("limits", "json_nesting_depth", "Block", ResourceLine("Limits"), limit=5, measured=9)
PARSER = ThreatLine(
    "parser", "json_malformed", "Block", ResourceLine("Parser"), description="malformed at byte 3"
)


def event(
    *threats: ThreatLine, path: str = "/search", method: str = "GET", mode: Mode = Mode.BLOCK
) -> BlockEvent:
    return BlockEvent(
        "r0", 1.0, pod_key("shop", "web-0"), gateway_key("shop", "web"), Generation(7), 8080, "192.0.2.7",
        method, "shop", path, mode, threats,
    )  # fmt: skip


@pytest.fixture
def config(make_content: MakeContent, make_config: MakeConfig, small_limits: Limited) -> GatewayConfig:
    return make_config(make_content(limits=small_limits))


def value(remedy: Remedy) -> object:
    assert isinstance(remedy, Offered), remedy
    (change,) = remedy.changes
    return change.value


def at(kind: str, name: str, part: str = "value") -> ThreatLine:
    return replace(RULE, place=PlaceLine(kind, name, part))


def test_a_rule_gets_the_narrowest_exception(config: GatewayConfig) -> None:
    found = explain_block(config, event(RULE, LIMIT))
    assert found.causes == (
        Cause("DenyRules shop/web", "spec.request.builtIn.settings", "SQL (SQL-010: a union)"),
    )
    assert found.policy == "ContentSecurity (defaults)"
    assert value(found.remedy) == {
        "ruleKeys": ["SQL"],
        "blockedData": {"parameter": {"name": {"matcher": {"exact": "q"}}, "source": "Query"}},
        "requestConditions": {"method": ["GET"], "path": {"matcher": {"exact": "/search"}}},
    }


def test_what_was_logged_is_silenced_in_one_go(config: GatewayConfig) -> None:
    found = explain_block(
        config,
        event(RULE, replace(RULE, rule_key="HTML"), at("Header", "x-note"), LIMIT, mode=Mode.LOG_ONLY),
    )
    assert len(found.causes) == 4
    assert isinstance(found.remedy, Offered)
    assert [(each.where, each.action) for each in found.remedy.changes] == [
        ("spec.request.limited.json.nestingDepth", "set"),
        ("spec.request.builtIn.exceptions", "append"),
        ("spec.request.builtIn.exceptions", "append"),
    ]
    assert found.remedy.changes[1].value["ruleKeys"] == ["SQL", "HTML"]


def test_a_limit_is_raised_as_far_as_measured(config: GatewayConfig) -> None:
    found = explain_block(config, event(LIMIT))
    assert found.causes == (
        Cause(
            "Limits (defaults)",
            "spec.request.limited.json.nestingDepth",
            "json_nesting_depth: at most 5, got 9",
        ),
    )
    assert found.remedy == Offered(
        (
            Change(
                "Limits",
                "spec.request.limited.json.nestingDepth",
                "set",
                9,
                "there is none yet: create it and refer to it from ContentSecurity (defaults),"
                " spec.limitsRef",
            ),
        )
    )


@pytest.mark.parametrize(
    ("threat", "reason"),
    [
        (PARSER, "the body cannot be read"),
        (replace(RULE, level=PARSER.level, rule_id="rules[2]"), "denies it on purpose"),
        (at("JSON", "$.a.***"), "without showing a secret"),
        (at("Parameter", "***"), "without showing a secret"),
        (at("GraphQL", "q"), "read as JSON"),
        (replace(LIMIT, block_subtype="unheard_of"), "no resource sets the limit"),
    ],
)
def test_what_is_not_offered_says_why(config: GatewayConfig, threat: ThreatLine, reason: str) -> None:
    remedy = explain_block(config, event(threat)).remedy
    assert isinstance(remedy, NotOffered), remedy
    assert reason in remedy.reason


@pytest.mark.parametrize(
    ("name", "matcher"),
    [
        ("token=***", {"prefix": "token="}),
        ("aaaa…", {"prefix": "aaaa"}),
        ("a\\nb", {"prefix": "a"}),
    ],
)
def test_what_is_not_known_whole_is_a_beginning(
    config: GatewayConfig, name: str, matcher: dict[str, str]
) -> None:
    data = value(explain_block(config, event(at("Parameter", name))).remedy)
    assert isinstance(data, dict)
    assert data["blockedData"]["parameter"]["name"]["matcher"] == matcher


def test_a_masked_path_is_a_beginning(config: GatewayConfig) -> None:
    data = value(explain_block(config, event(RULE, path="/reset/***/done")).remedy)
    assert isinstance(data, dict)
    assert data["requestConditions"]["path"]["matcher"] == {"prefix": "/reset/"}


def test_what_is_excepted_by_now_needs_nothing(make_content: MakeContent, make_config: MakeConfig) -> None:
    exception = RuleException(
        "exceptions[0]",
        (RuleKey("SQL"),),
        ParameterData(Exact("q", ignore_case=False), AnyString(), ParameterSource.ANY),
        ALWAYS,
    )
    config = make_config(make_content(exceptions=(exception,)))
    assert explain_block(config, event(RULE)).remedy == NothingToDo()
    assert isinstance(explain_block(config, event(at("Parameter", "r"))).remedy, Offered)


def test_a_limit_that_is_wide_enough_by_now_needs_nothing(
    make_content: MakeContent, make_config: MakeConfig
) -> None:
    assert explain_block(make_config(make_content()), event(LIMIT)).remedy == NothingToDo()


def test_a_route_that_is_not_secured_by_now_needs_nothing(config: GatewayConfig) -> None:
    found = explain_block(config, event(RULE, path="/health/x"))
    assert (found.policy, found.remedy) == ("", NothingToDo())


def test_without_a_configuration_the_cause_is_known_all_the_same() -> None:
    found = explain_block(None, event(RULE))
    assert found.causes[0].resource == "DenyRules shop/web"
    assert found.remedy == NotOffered("the gateway has no configuration now")


def test_an_event_of_another_version_is_explained_as_far_as_it_goes(config: GatewayConfig) -> None:
    odd = replace(RULE, level="Harsh", place=PlaceLine("Trailer", "x", "value"))
    assert explain_block(config, event(odd)).causes[0].reason == "SQL (SQL-010: a union)"


@pytest.mark.parametrize(
    "location",
    [
        (),
        ("items", Index(3, 4), "note"),
        ("odd name", "it's", "back\\slash", "[0]", "a.b", "é", "$", ""),
        (Index(0, 1), Index(12, 13)),
    ],
)
def test_a_location_is_read_as_it_was_written(location: tuple[str | Index, ...]) -> None:
    assert read_location(location_text(location)) == location


@pytest.mark.parametrize(
    "text", ["$.a.***", "$['***']", "$.a['b…", "$.a['x\\ny']", "$x", "a.b", "$[", "$.a["]
)
def test_what_is_no_location_is_none(text: str) -> None:
    assert read_location(text) is None


def test_json_is_named_for_any_position(config: GatewayConfig) -> None:
    data = value(explain_block(config, event(at("JSON", "$.items[3].note"), method="POST")).remedy)
    assert isinstance(data, dict)
    assert data["blockedData"] == {"json": {"jsonPath": "$.items[*].note"}}
