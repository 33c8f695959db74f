"""DenyRules: settings that hold when nothing is said, and which data a rule speaks of."""

from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.resources.deny_rules import (
    BuiltInRuleKey,
    CustomRule,
    DenyRuleException,
    DenyRulesSpec,
    HeaderData,
    LocatedJsonData,
    MatchedPathSegmentData,
    Override,
    PathSegmentData,
    SourcedParameterData,
)

MATCHED = {"matcher": {"exact": "x"}}


def test_the_default_is_standard_and_blocks() -> None:
    request = DenyRulesSpec.model_validate({}).request
    assert request.built_in.settings.level is Level.STANDARD
    assert request.built_in.settings.threat_handling_mode is ThreatHandling.BLOCK
    assert (request.built_in.exceptions, request.built_in.overrides, request.custom.rules) == ((), (), ())


def test_an_override_changes_only_what_it_names() -> None:
    override = Override.model_validate({"conditions": {"ruleKeys": ["SQL"]}, "settings": {"level": "Strict"}})
    assert override.conditions.rule_keys == (BuiltInRuleKey.SQL,)
    assert override.conditions.types == ()
    assert override.settings.level is Level.STRICT
    assert override.settings.threat_handling_mode is None


@pytest.mark.parametrize(
    ("data", "model"),
    [
        ({"header": {"name": MATCHED}}, HeaderData),
        ({"json": {"jsonPath": "$.a", "key": MATCHED}}, LocatedJsonData),
        ({"parameter": {"name": MATCHED}}, SourcedParameterData),
        ({"pathSegment": {"segments": {"index": 0}}}, PathSegmentData),
    ],
)
def test_an_exception_speaks_of_one_kind_of_data(data: dict[str, Any], model: type) -> None:
    assert isinstance(DenyRuleException.model_validate({"blockedData": data}).blocked_data, model)


def test_an_exception_speaks_of_everything_by_default() -> None:
    exception = DenyRuleException.model_validate({})
    assert (exception.blocked_data, exception.rule_keys) == (None, ())


def test_parameters_come_from_anywhere_by_default() -> None:
    data = DenyRuleException.model_validate({"blockedData": {"parameter": {}}}).blocked_data
    assert isinstance(data, SourcedParameterData)
    assert data.source is ParameterSource.ANY


def test_a_custom_rule_blocks_by_default() -> None:
    rule = CustomRule.model_validate({"ruleKey": "MINE", "blockData": {"pathSegment": {"value": MATCHED}}})
    assert isinstance(rule.block_data, MatchedPathSegmentData)
    assert rule.block_data.segments.index is None
    assert rule.threat_handling_mode is ThreatHandling.BLOCK
