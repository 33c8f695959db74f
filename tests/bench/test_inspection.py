from __future__ import annotations

import json

import pytest

from bench.inspection import InspectionCost, Row, as_markdown, doubled, policy, requests
from bench.summary import Spread
from microgateway_inspection.request import Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.rules import load_rules
from microgateway_inspection.verdict import Block, Pass

pytestmark = pytest.mark.slow  # compiles twice the rules


@pytest.fixture(scope="module")
def twice() -> RuleSet:
    return doubled()


def test_there_are_twice_as_many_rules(twice: RuleSet) -> None:
    rules = load_rules()
    assert twice.rules[: len(rules)] == rules
    others = twice.rules[len(rules) :]
    assert len(others) == len(rules)
    same = [each.id for each, other in zip(rules, others, strict=True) if each.patterns == other.patterns]
    assert len(same) < len(rules) / 4  # those without a word in them


def test_the_doubled_rules_block_what_the_rules_block(twice: RuleSet) -> None:
    request = Request("GET", "/", b"q=' or 1=1--", [], "192.0.2.1")
    assert isinstance(policy(twice, limited=True).inspect(request, None), Block)


@pytest.mark.parametrize("case", requests())
def test_each_case_passes_and_differs_from_one_to_the_next(twice: RuleSet, case: str) -> None:
    inspected = policy(twice, limited="1 MiB" not in case)
    sent = [requests()[case](at) for at in range(2)]
    for method, path, query, headers, body in sent:
        assert isinstance(inspected.inspect(Request(method, path, query, headers, "192.0.2.1"), body), Pass)
    assert sent[0] != sent[1] or "no parser" in case


def test_json_is_as_large_as_it_says() -> None:
    small, large = requests()["JSON 1 KiB"](1)[4], requests()["JSON 100 KiB"](1)[4]
    assert small is not None
    assert large is not None
    assert 900 < len(small) < 1400
    assert 96 << 10 < len(large) <= 100 << 10
    assert json.loads(large)


def test_table() -> None:
    row = Row("GET", 537, Spread(12.4, 11.5, 13.6), Spread(13.1, 12.0, 14.0), Spread(1.01, 0.98, 1.14))
    found = as_markdown(InspectionCost(179, 3, 0.05, (row,)))
    assert "| GET | 537 | 12.4 (11.5-13.6) | 13.1 | 1.01 (0.98-1.14) |" in found
    assert "rounds: 3, seconds each: 0.05; deny rules: 179." in found
