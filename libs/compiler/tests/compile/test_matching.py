from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.ir.matching import (
    ALWAYS,
    AnyString,
    Contains,
    Exact,
    HasHeader,
    HeaderMatch,
    InRanges,
    Prefix,
    Regex,
    RequestConditions,
    StringMatch,
    Suffix,
)
from microgateway_common.resources import matching as crd
from microgateway_compiler.compile.matching import header_match, request_conditions, string_match


def matched(**matcher: Any) -> crd.Matched:
    return crd.Matched.model_validate({"matcher": matcher})


@pytest.mark.parametrize(
    ("matcher", "match"),
    [
        ({"exact": "a"}, Exact("a", ignore_case=False)),
        ({"prefix": "a", "ignoreCase": True}, Prefix("a", ignore_case=True)),
        ({"suffix": "a"}, Suffix("a", ignore_case=False)),
        ({"contains": "a"}, Contains("a", ignore_case=False)),
        ({"regex": "a+"}, Regex("a+", ignore_case=False)),
    ],
)
def test_each_operator_has_its_match(matcher: dict[str, Any], match: StringMatch) -> None:
    assert string_match(matched(**matcher)) == match


def test_an_absent_matcher_matches_whatever_comes() -> None:
    assert string_match(None) == AnyString()
    assert header_match(None, None) == HeaderMatch(AnyString(), AnyString())


def test_header_names_compare_without_case() -> None:
    assert header_match(matched(exact="Cookie"), matched(exact="A")) == HeaderMatch(
        Exact("Cookie", ignore_case=True), Exact("A", ignore_case=False)
    )


def test_no_conditions_are_every_request() -> None:
    assert request_conditions(crd.RequestConditions()) == ALWAYS


def test_all_conditions_are_taken_over() -> None:
    conditions = crd.RequestConditions.model_validate(
        {
            "header": {"name": {"matcher": {"exact": "A"}}},
            "mediaType": {"matcher": {"prefix": "text/"}},
            "method": ["GET", "HEAD"],
            "path": {"matcher": {"exact": "/"}},
            "remoteIP": {"cidrRanges": ["10.1.2.3/8"], "invert": True},
            "invert": True,
        }
    )
    assert request_conditions(conditions) == RequestConditions(
        header=HasHeader(HeaderMatch(Exact("A", ignore_case=True), AnyString())),
        media_type=Prefix("text/", ignore_case=False),
        methods=("GET", "HEAD"),
        path=Exact("/", ignore_case=False),
        remote_ip=InRanges(("10.0.0.0/8",), invert=True),
        invert=True,
    )
