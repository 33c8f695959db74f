"""Rules and exceptions are counted when they matter, and dead ones show."""

from __future__ import annotations

from collections.abc import Callable

from microgateway_common.ir.data import HeaderData, ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import CustomRule, RuleException, ThreatHandling
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact
from microgateway_common.names import RuleKey
from microgateway_inspection.hits import CUSTOM_RULE, EXCEPTION, RULE, Hit
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request

RESOURCE = "DenyRules (defaults)"
ATTACK = b"1'%20union%20select%20password"
_ANY = AnyString()


def _policy(make_policy: Callable[..., Policy]) -> Policy:
    """exceptions[0] is dead, exceptions[1] is for `ok`; rules[0] denies a header."""

    def exception(position: int, name: str) -> RuleException:
        data = ParameterData(Exact(name, ignore_case=False), _ANY, ParameterSource.ANY)
        return RuleException(f"exceptions[{position}]", (), data, ALWAYS)

    data = HeaderData(Exact("x-old", ignore_case=True), _ANY)
    rule = CustomRule("rules[0]", RuleKey("OLD"), data, ALWAYS, ThreatHandling.LOG_ONLY)
    return make_policy(exceptions=(exception(0, "gone"), exception(1, "ok")), custom=(rule,))


def _request(query: bytes, *headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", "/", query, list(headers), "192.0.2.1")


def test_what_is_configured_begins_at_zero(make_policy: Callable[..., Policy]) -> None:
    hits = _policy(make_policy).hits
    assert hits
    assert hits.take() == {
        Hit(RESOURCE, CUSTOM_RULE, "rules[0]"): 0,
        Hit(RESOURCE, EXCEPTION, "exceptions[0]"): 0,
        Hit(RESOURCE, EXCEPTION, "exceptions[1]"): 0,
    }
    assert not hits


def test_each_kind_is_counted(make_policy: Callable[..., Policy]) -> None:
    policy = _policy(make_policy)
    policy.hits.take()
    policy.inspect(_request(b"ok=" + ATTACK), None)
    policy.inspect(_request(b"ok=" + ATTACK + b"&q=" + ATTACK, (b"x-old", b"1")), None)
    assert policy.hits.take() == {
        Hit(RESOURCE, EXCEPTION, "exceptions[1]"): 2,
        Hit(RESOURCE, CUSTOM_RULE, "rules[0]"): 1,
        Hit(RESOURCE, RULE, "SQL-015"): 1,
    }


def test_ordinary_requests_count_nothing(make_policy: Callable[..., Policy]) -> None:
    policy = _policy(make_policy)
    policy.hits.take()
    policy.inspect(_request(b"q=hello"), None)
    assert not policy.hits


def test_tracing_counts_nothing(make_policy: Callable[..., Policy]) -> None:
    policy = _policy(make_policy)
    policy.hits.take()
    policy.trace(_request(b"ok=" + ATTACK, (b"x-old", b"1")), None)
    assert not policy.hits
