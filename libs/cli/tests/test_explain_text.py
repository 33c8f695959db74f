"""An explanation as people read it."""

from __future__ import annotations

import pytest
import yaml

from microgateway_cli.explain_text import explanation_text
from microgateway_inspection.explain.result import (
    Change,
    Decoded,
    DecodingStep,
    Exceeded,
    Explanation,
    HeaderChange,
    HeadersStep,
    LimitsStep,
    NearException,
    NothingToDo,
    NotOffered,
    Offered,
    ParsingStep,
    Remedy,
    RouteStep,
    RuleMatch,
    RulesStep,
    Spot,
    Step,
)

SPOT = Spot("Parameter", "q", "value")


def text(*steps: Step, remedy: Remedy = NothingToDo()) -> str:  # noqa: B008 - frozen
    return explanation_text(Explanation("shop/web", 8080, "GET", "blocked", 400, "because", steps, remedy))


def match(**changes: object) -> RuleMatch:
    values: dict[str, object] = {
        "rule_key": "SQL", "rule_id": "SQL-010", "description": "UNION", "level": "Basic", "spot": SPOT,
        "decoding": (), "matched": "union", "setting_level": "Standard", "setting_handling": "Block",
        "decided_by": "settings", "outcome": "blocks", "exceptions": (), "near": (),
    }  # fmt: skip
    return RuleMatch(**{**values, **changes})  # type: ignore[arg-type] # checked by the fields' names


def test_verdict_and_reason_come_last() -> None:
    assert text().splitlines() == [
        "gateway          shop/web, port 8080",
        "verdict          BLOCKED with 400: because",
    ]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (RouteStep("/a", "/", "ContentSecurity shop/web", "secured"), "/a → route /, secured by Content"),
        (RouteStep("/a", "/", "", "unsecured"), "/a → route /, unsecured: forwarded without inspection"),
        (RouteStep("/a", "", "", "no route"), "/a: no route has this path"),
        (ParsingStep("P", "json", "media type x", {"JSON": 2}, "", "Block"), "body: json (media type x)"),
        (ParsingStep("P", "json", "x", {"JSON": 2}, "", "Block"), "fields: 2 JSON"),
        (ParsingStep("P", "json", "x", {}, "broken", "LogOnly"), "cannot be read: broken (P, LogOnly)"),
        (LimitsStep("L", ()), "L: none is exceeded"),
        (LimitsStep("L", (Exceeded("a_b", 1, 2, (SPOT,), "Block", ()),)),
         "a_b in Parameter q: at most 1, got 2: blocks"),
        (LimitsStep("L", (Exceeded("a_b", 1, 2, (), "LogOnly", ()),)), "a_b: at most 1, got 2: is logged"),
        (LimitsStep("L", (Exceeded("a_b", 1, 2, (), "Block", ("exceptions[1]",)),)),
         "lifted by exceptions[1]"),
        (DecodingStep(()), "nothing was encoded"),
        (DecodingStep((Decoded(SPOT, ("url", "html")),)), "Parameter q: url → html"),
        (RulesStep("D", ()), "D: none matches"),
        (RulesStep("D", (match(decoding=("url",)),)), "in Parameter q after url: union"),
        (RulesStep("D", (match(),)), "blocks (Block at level Standard)"),
        (RulesStep("D", (match(outcome="logged", setting_handling="LogOnly", decided_by="override"),)),
         "only logged (LogOnly at level Standard, by an override)"),
        (RulesStep("D", (match(outcome="excepted", exceptions=("exceptions[0]",)),)),
         "no threat: exceptions[0]"),
        (RulesStep("D", (match(outcome="switched off", setting_level="Basic", decided_by="override"),)),
         "off here: the level is Basic, by an override"),
        (RulesStep("D", (match(near=(NearException("exceptions[2]", "wrong key"),)),)),
         "exceptions[2] does not cover it: wrong key"),
        (RulesStep("D", (match(spot=Spot("JSON", "$.a", "name")),)), "in JSON $.a (its name)"),
        (HeadersStep("H", ()), "H: nothing is changed"),
        (HeadersStep("H", (HeaderChange("allow", "drop", "x-a"),)), "drop x-a (allow)"),
    ],
)  # fmt: skip
def test_steps(step: Step, line: str) -> None:
    assert line in text(step)


def test_no_change_says_why() -> None:
    assert text(remedy=NotOffered("denied on purpose")).endswith(
        "\nNo change is proposed: denied on purpose.\n"
    )


def test_changes_are_yaml_to_be_copied() -> None:
    changes = (
        Change("Limits shop/web", "spec.request.limited.json.keyCount", "set", 300),
        Change("DenyRules", "spec.request.builtIn.exceptions", "append", {"ruleKeys": ["SQL"]}, "none yet"),
        Change("DenyRules", "spec.request.builtIn.exceptions", "append", {"ruleKeys": ["XSS"]}, "none yet"),
    )
    shown = text(remedy=Offered(changes))
    assert "# Limits shop/web: set spec.request.limited.json.keyCount" in shown
    assert "# DenyRules: add to spec.request.builtIn.exceptions\n# (none yet)" in shown
    _, limits, rules = shown.split("spec:\n")
    assert yaml.safe_load(f"spec:\n{limits}") == {
        "spec": {"request": {"limited": {"json": {"keyCount": 300}}}}
    }
    exceptions = yaml.safe_load(f"spec:\n{rules}")["spec"]["request"]["builtIn"]["exceptions"]
    assert exceptions == [{"ruleKeys": ["SQL"]}, {"ruleKeys": ["XSS"]}]
