from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.data import (
    AnyData,
    AnyLocation,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    RequestData,
)
from microgateway_common.ir.deny_rules import CustomRule, Level, ThreatHandling
from microgateway_common.ir.matching import (
    ALWAYS,
    AnyString,
    Contains,
    Exact,
    Prefix,
    Regex,
    RequestConditions,
)
from microgateway_common.names import RuleKey
from microgateway_inspection.policy import Policy, PolicyError
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import PASS, Block, DenyRuleThreat, Pass

MakePolicy = Callable[..., Policy]
MakeRequest = Callable[..., Request]
ANY = AnyString()


def _rule(
    data: RequestData,
    conditions: RequestConditions = ALWAYS,
    handling: ThreatHandling = ThreatHandling.BLOCK,
) -> tuple[CustomRule, ...]:
    return (CustomRule("rules[0]", RuleKey("MY_RULE"), data, conditions, handling),)


def test_a_threat_has_the_key_of_its_rule(make_policy: MakePolicy, make_request: MakeRequest) -> None:
    data = ParameterData(Exact("debug", False), ANY, ParameterSource.QUERY)
    verdict = make_policy(custom=_rule(data)).inspect(make_request(query=b"a=1&debug=on"), None)
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, DenyRuleThreat)
    cause = verdict.cause
    assert (cause.rule_key, cause.rule_id, cause.level) == ("MY_RULE", "rules[0]", None)
    assert (cause.place.name, cause.snippet) == ("debug", "on")


@pytest.mark.parametrize(
    "data",
    [
        HeaderData(Exact("Host", False), Exact("internal.example", False)),
        HeaderData(Exact("Cookie", False), Contains("a=1; b=2", False)),
        HeaderData(Exact("cookie:b", False), Exact("2", False)),
        PathData(Prefix("/admin", False)),
        AnyData(),
    ],
)
def test_looks_at_everything_in_the_head(
    make_policy: MakePolicy, make_request: MakeRequest, data: RequestData
) -> None:
    headers = [(b"host", b"internal.example"), (b"cookie", b"a=1; b=2")]
    policy = make_policy(custom=_rule(data), level=Level.UNFILTERED)
    for _ in range(2):
        assert isinstance(policy.inspect(make_request("/admin/x", headers=headers), None), Block)


def test_looks_at_json_values_that_are_no_text(make_policy: MakePolicy, json_request: Request) -> None:
    data = JsonData(AnyLocation(), Exact("role", False), Regex("[0-9]+", False))
    policy = make_policy(custom=_rule(data))
    assert policy.inspect(json_request, b'{"role": "user"}') is PASS
    assert isinstance(policy.inspect(json_request, b'{"role": 0}'), Block)


def test_applies_where_its_conditions_hold(make_policy: MakePolicy, make_request: MakeRequest) -> None:
    policy = make_policy(custom=_rule(AnyData(), RequestConditions(methods=("TRACE",))))
    assert policy.inspect(make_request(), None) is PASS
    assert isinstance(policy.inspect(make_request(method="TRACE"), None), Block)


def test_log_only_passes(make_policy: MakePolicy, make_request: MakeRequest) -> None:
    policy = make_policy(custom=_rule(AnyData(), handling=ThreatHandling.LOG_ONLY))
    verdict = policy.inspect(make_request(), None)
    assert isinstance(verdict, Pass)
    assert len(verdict.threats) == 1


def test_one_that_cannot_be_read_is_named(make_policy: MakePolicy) -> None:
    with pytest.raises(PolicyError, match=r"rules\[0\]: expected an RE2 regular expression, got '\('"):
        make_policy(custom=_rule(PathData(Regex("(", False))))
