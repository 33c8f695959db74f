"""Every rule matches what it says it matches, and not what it says it does not."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from microgateway_common.ir.deny_rules import Level
from microgateway_inspection.decoding import forms
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.rules import Rule, load_rules, parse_rules
from microgateway_inspection.rules.patterns import join

_RULES = load_rules()


def _texts(example: str) -> list[bytes]:
    value = example.encode()
    return [value, *(form.text for form in forms(value))]


def _matches(rules: RuleSet, rule: Rule, example: str) -> bool:
    """In any form of the example; that the scan and the search agree on each is checked on the way."""
    at = rules.rules.index(rule)
    found = False
    for text in _texts(example):
        buffer = join([text])
        searched = rule.regex.search(buffer) is not None
        if not rule.headers:
            scanned = at in {rules.owners[number] for number in rules.scan(buffer)}
            assert scanned == searched, text
        found = found or searched
    return found


@pytest.mark.parametrize(
    ("rule", "example"),
    [pytest.param(rule, each, id=f"{rule.id}: {each!r:.40}") for rule in _RULES for each in rule.must_match],
)
def test_must_match(rules: RuleSet, rule: Rule, example: str) -> None:
    assert _matches(rules, _same(rules, rule), example)


@pytest.mark.parametrize(
    ("rule", "example"),
    [
        pytest.param(rule, each, id=f"{rule.id}: {each!r:.40}")
        for rule in _RULES
        for each in rule.must_not_match
    ],
)
def test_must_not_match(rules: RuleSet, rule: Rule, example: str) -> None:
    assert not _matches(rules, _same(rules, rule), example)


def _same(rules: RuleSet, rule: Rule) -> Rule:
    return next(each for each in rules.rules if each.id == rule.id)


def test_ids_are_unique_and_begin_with_their_key() -> None:
    assert [each for each, count in Counter(rule.id for rule in _RULES).items() if count > 1] == []
    assert all(re.fullmatch(rf"{rule.key}-\d{{3}}", rule.id) for rule in _RULES)


def test_every_rule_has_examples_of_both_kinds() -> None:
    assert [rule.id for rule in _RULES if not rule.must_match or not rule.must_not_match] == []


def test_no_rule_is_unfiltered() -> None:
    assert Level.UNFILTERED not in {rule.level for rule in _RULES}


def test_no_match_spans_two_values() -> None:
    """Each example, cut in two at every place: no match holds the separator."""
    for rule in _RULES:
        for example in rule.must_match:
            for text in map(_without_line_feeds, _texts(example)):
                for at in range(1, len(text)):
                    found = rule.regex.search(text[:at] + b"\n" + text[at:])
                    assert found is None or b"\n" not in found[0], (rule.id, text, at)


def _without_line_feeds(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r")


def test_a_bad_rule_is_named() -> None:
    text = 'key = "X"\n[[rules]]\nid = "X-1"\ndescription = "d"\nlevel = "Never"\npatterns = []'
    with pytest.raises(ValueError, match=r"x\.toml: rule X-1: 'Never' is not a valid Level"):
        parse_rules(text, "x.toml")
