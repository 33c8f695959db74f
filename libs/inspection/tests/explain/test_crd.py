"""What is shown as a manifest compiles to what was tried."""

from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.ir.data import (
    AtJsonPath,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
)
from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, Prefix, Regex, RequestConditions
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.names import RuleKey
from microgateway_common.resources import deny_rules as resources
from microgateway_compiler.compile.deny_rules import deny_rules
from microgateway_inspection.explain import crd

_ANY = AnyString()
_HERE = RequestConditions(methods=("POST",), path=Exact("/a", ignore_case=False))


@pytest.mark.parametrize(
    "data",
    [
        HeaderData(Exact("x-note", ignore_case=True), _ANY),
        HeaderData(Prefix("cookie:a", ignore_case=True), _ANY),
        ParameterData(Exact("q", ignore_case=False), _ANY, ParameterSource.QUERY),
        ParameterData(Regex("^$", ignore_case=False), _ANY, ParameterSource.ANY),
        ParameterData(Exact("q", ignore_case=True), Exact("v", ignore_case=False), ParameterSource.POST),
        JsonData(AtJsonPath("$.items[*].note"), _ANY, _ANY),
        JsonData(AtJsonPath("$..*"), Prefix("a", ignore_case=False), _ANY),
        PathData(Exact("/a/b", ignore_case=False)),
        PathSegmentData(SegmentAt(2), _ANY),
    ],
    ids=repr,
)
@pytest.mark.parametrize("conditions", [ALWAYS, _HERE], ids=["always", "here"])
def test_an_exception_compiles_to_itself(data: RequestData, conditions: RequestConditions) -> None:
    exception = RuleException("exceptions[0]", (RuleKey("SQL"), RuleKey("XSS")), data, conditions)
    assert _compiled(crd.exception(exception)) == exception


def test_what_matches_everything_is_left_out() -> None:
    data = ParameterData(_ANY, _ANY, ParameterSource.ANY)
    assert crd.exception(RuleException("exceptions[0]", (RuleKey("SQL"),), data, ALWAYS)) == {
        "ruleKeys": ["SQL"],
        "blockedData": {"parameter": {}},
    }


def _compiled(exception: dict[str, Any]) -> RuleException:
    spec = {"request": {"builtIn": {"exceptions": [exception]}}}
    (compiled,) = deny_rules(
        DefaultOrigin("DenyRules"), resources.DenyRulesSpec.model_validate(spec)
    ).exceptions
    return compiled
