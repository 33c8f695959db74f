"""Matchers compare in exactly one way; conditions default to every request."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from microgateway_common.resources.matching import Method, Operator, RequestConditions, StringMatcher


@pytest.mark.parametrize("operator", Operator)
def test_a_matcher_has_its_operator_and_operand(operator: Operator) -> None:
    matcher = StringMatcher.model_validate({operator.value: "x", "ignoreCase": True})
    assert (matcher.operator, matcher.operand, matcher.ignore_case) == (operator, "x", True)


def test_a_matcher_minds_case_by_default() -> None:
    assert StringMatcher.model_validate({"exact": "x"}).ignore_case is False


@pytest.mark.parametrize(
    ("document", "got"),
    [
        ({}, "none of them"),
        ({"ignoreCase": True}, "none of them"),
        ({"suffix": "x", "exact": "y"}, "exact, suffix"),
    ],
)
def test_a_matcher_without_exactly_one_operator_is_refused(document: object, got: str) -> None:
    with pytest.raises(ValidationError) as raised:
        StringMatcher.model_validate(document)
    expected = "exactly one of contains, exact, prefix, regex, suffix"
    assert raised.value.errors()[0]["ctx"] == {"expected": expected, "got": got}


def test_conditions_default_to_every_request() -> None:
    conditions = RequestConditions()
    assert conditions == RequestConditions.model_validate({})
    assert (conditions.header, conditions.media_type, conditions.path) == (None, None, None)
    assert (conditions.remote_ip, conditions.method, conditions.invert) == (None, (), False)


def test_conditions_are_read_as_manifests_spell_them() -> None:
    conditions = RequestConditions.model_validate(
        {
            "header": {"name": {"matcher": {"exact": "a"}}},
            "mediaType": {"matcher": {"suffix": "json"}},
            "method": ["GET", "POST"],
            "remoteIP": {"cidrRanges": ["10.0.0.0/8"], "invert": True},
        }
    )
    assert conditions.header is not None
    assert conditions.header.value is None
    assert conditions.media_type is not None
    assert conditions.media_type.matcher.operand == "json"
    assert conditions.method == (Method.GET, Method.POST)
    assert conditions.remote_ip is not None
    assert conditions.remote_ip.invert
