from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.resources.deny_rules import BuiltInRuleKey, DenyRulesSpec
from microgateway_compiler.compile.deny_rules import deny_rules

KEYS, TYPES = [key.value for key in BuiltInRuleKey], [each.value for each in FieldType]


def compiled(overrides: list[Any], **default: str) -> DenyRules:
    spec = {"request": {"builtIn": {"settings": default, "overrides": overrides}}}
    return deny_rules(DefaultOrigin("DenyRules"), DenyRulesSpec.model_validate(spec))


def cells(rules: DenyRules) -> dict[tuple[str, str], RuleSetting]:
    return {(each.rule_key, each.field_type.value): each.setting for each in rules.settings}


def test_without_overrides_the_default_is_all() -> None:
    rules = compiled([], level="Strict", threatHandlingMode="LogOnly")

    assert rules.default == RuleSetting(Level.STRICT, ThreatHandling.LOG_ONLY)
    assert rules.settings == ()


def test_an_override_without_conditions_is_for_every_cell() -> None:
    assert len(compiled([{"settings": {"level": "Basic"}}]).settings) == len(KEYS) * len(TYPES)


def test_no_types_means_all_types() -> None:
    override = {"conditions": {"ruleKeys": ["SQL"], "types": []}, "settings": {"level": "Basic"}}
    assert cells(compiled([override])).keys() == {("SQL", each) for each in TYPES}


def test_later_overrides_win_and_what_they_leave_out_stays() -> None:
    rules = compiled(
        [
            {"conditions": {"ruleKeys": ["SQL"]}, "settings": {"level": "Strict"}},
            {"conditions": {"types": ["JSON"]}, "settings": {"threatHandlingMode": "LogOnly"}},
            {"conditions": {"ruleKeys": ["SQL"], "types": ["JSON"]}, "settings": {"level": "Basic"}},
        ]
    )
    found = cells(rules)

    assert found["SQL", "Header"] == RuleSetting(Level.STRICT, ThreatHandling.BLOCK)
    assert found["SQL", "JSON"] == RuleSetting(Level.BASIC, ThreatHandling.LOG_ONLY)
    assert found["XSS", "JSON"] == RuleSetting(Level.STANDARD, ThreatHandling.LOG_ONLY)
    assert ("XSS", "Header") not in found


def test_an_override_to_the_default_leaves_no_trace() -> None:
    assert compiled([{"settings": {"level": "Standard", "threatHandlingMode": "Block"}}]).settings == ()


_overrides = st.fixed_dictionaries(
    {
        "conditions": st.fixed_dictionaries(
            {},
            optional={
                "ruleKeys": st.lists(st.sampled_from(KEYS[:3]), min_size=1, max_size=3),
                "types": st.lists(st.sampled_from(TYPES[:3]), max_size=3),
            },
        ),
        "settings": st.fixed_dictionaries(
            {},
            optional={
                "level": st.sampled_from(["Unfiltered", "Basic", "Strict"]),
                "threatHandlingMode": st.sampled_from(["Block", "LogOnly"]),
            },
        ),
    }
)


@settings(max_examples=100)
@given(st.lists(_overrides, max_size=5))
def test_each_cell_has_the_last_of_each_setting_that_applies(overrides: list[Any]) -> None:
    found = cells(compiled(overrides))

    for cell in ((key, each) for key in KEYS for each in TYPES):
        level, handling = "Standard", "Block"
        for override in overrides:
            conditions, changed = override["conditions"], override["settings"]
            if cell[0] in conditions.get("ruleKeys", KEYS) and cell[1] in (conditions.get("types") or TYPES):
                level, handling = changed.get("level", level), changed.get("threatHandlingMode", handling)
        expected = RuleSetting(Level(level), ThreatHandling(handling))
        assert found.get(cell, RuleSetting(Level.STANDARD, ThreatHandling.BLOCK)) == expected
