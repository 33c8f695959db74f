from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.limits import (
    AllLengths,
    GraphQLLength,
    JsonLength,
    LiftedLength,
    Limited,
    LimitException,
    ParameterLength,
    Unlimited,
)
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, Prefix, RequestConditions
from microgateway_inspection.policy import Policy, PolicyError
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import PASS, Block, LimitThreat, Pass, Verdict

MakePolicy = Callable[..., Policy]
MakeRequest = Callable[..., Request]


@pytest.fixture
def limited(make_policy: MakePolicy, small_limits: Limited) -> Policy:
    return make_policy(limits=small_limits)


def _cause(verdict: Verdict) -> tuple[str, int, int, str]:
    """Subtype, limit, measured, and the name of the place."""
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, LimitThreat)
    place = verdict.cause.place
    return verdict.cause.subtype, verdict.cause.limit, verdict.cause.measured, place.name if place else ""


def test_path_length(limited: Policy, make_request: MakeRequest) -> None:
    assert limited.inspect(make_request("/" + "a" * 99), None) is PASS
    verdict = limited.inspect(make_request("/" + "a" * 100), None)
    assert _cause(verdict) == ("general_path_length", 100, 101, "")


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        (b"a&b&c&d&e", None),
        (b"a&b&c&d&e&f", ("parameter_count", 5, 6, "")),
        (b"abcdefghij=1", None),
        (b"abcdefghijk=1", ("parameter_name_length", 10, 11, "abcdefghijk")),
        (b"q=" + b"%41" * 40, None),
        (b"q=" + b"%41" * 41, ("parameter_value_length", 40, 41, "q")),
    ],
)
def test_parameters(
    limited: Policy, make_request: MakeRequest, query: bytes, cause: tuple[str, int, int, str] | None
) -> None:
    verdict = limited.inspect(make_request(query=query), None)
    assert (None if verdict is PASS else _cause(verdict)) == cause


def test_parameters_of_query_and_body_count_together(limited: Policy, form_request: Request) -> None:
    form_request.query = b"a&b&c"
    assert limited.inspect(form_request, b"d&e") is PASS
    assert _cause(limited.inspect(form_request, b"d&e&f"))[0] == "parameter_count"


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({"a": 1, "b": 2, "c": 3, "d": 4}, None),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, ("json_key_count", 4, 5, "")),
        ([{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}], None),
        ([1] * 7, ("json_element_count", 6, 7, "")),
        ({"abcdefghijk": 1}, ("json_key_length", 10, 11, "$.abcdefghijk")),
        ({"ééééé": 1}, None),
        ({"éééééé": 1}, ("json_key_length", 10, 12, "$.éééééé")),
        ({"a": ["x" * 41]}, ("json_value_length", 40, 41, "$.a[0]")),
        ({"a": ["x" * 10, "x" * 30]}, None),
        ({"a": ["x" * 20, "é" * 21]}, ("json_value_length", 40, 42, "$.a[1]")),
        ({"a": "x", "b": [{"abcdefghijk": 1}]}, ("json_key_length", 10, 11, "$.b[0].abcdefghijk")),
        ("\n" * 40, None),
        ({"a": "é" * 10, "b": "é" * 10}, None),
        ("é" * 21, ("json_value_length", 40, 42, "$")),
        ([[[[[]]]]], None),
        ([[[[[[]]]]]], ("json_nesting_depth", 5, 6, "")),
    ],
)
def test_json(
    limited: Policy, json_request: Request, document: object, cause: tuple[str, int, int, str] | None
) -> None:
    verdict = limited.inspect(json_request, json.dumps(document, ensure_ascii=False).encode())
    assert (None if verdict is PASS else _cause(verdict)) == cause


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ("<a><b/><b/><b/><b/><b/><b/></a>", None),
        ("<a><b/><b/><b/><b/><b/><b/><b/></a>", ("xml_element_count", 6, 7, "")),
        ('<a b="" c="" d="" e=""/>', None),
        ('<a b="" c="" d="" e="" f=""/>', ("xml_attribute_count", 4, 5, "")),
        ("<a><a><a><a><a/></a></a></a></a>", None),
        ("<a><a><a><a><a><a/></a></a></a></a></a>", ("xml_nesting_depth", 5, 6, "")),
        ("<aaaaaaaaaa/>", None),
        ("<aaaaaaaaaaa/>", ("xml_name_length", 10, 11, "/aaaaaaaaaaa")),
        ('<a éééééé=""/>', ("xml_name_length", 10, 12, "/a/@éééééé")),
        (f"<a>{'é' * 20}</a>", None),
        (f"<a><b>{'é' * 21}</b></a>", ("xml_value_length", 40, 42, "/a/b")),
    ],
)
def test_xml_has_the_limits_of_json(
    limited: Policy, make_request: MakeRequest, document: str, cause: tuple[str, int, int, str] | None
) -> None:
    verdict = limited.inspect(make_request(content_type="text/xml"), document.encode())
    assert (None if verdict is PASS else _cause(verdict)) == cause


def test_exceptions_of_parameters_speak_of_xml(
    make_policy: MakePolicy, small_limits: Limited, make_request: MakeRequest
) -> None:
    length = ParameterLength(Exact("/a/logo", False), ParameterSource.POST)
    policy = make_policy(
        limits=small_limits, limit_exceptions=(LimitException("exceptions[0]", length, ALWAYS),)
    )
    request = make_request(content_type="application/xml")
    long = "x" * 50
    assert policy.inspect(request, f"<a><logo>{long}</logo></a>".encode()) is PASS
    verdict = policy.inspect(request, f"<a><logo>{long}</logo><note>{long}</note></a>".encode())
    assert _cause(verdict) == ("xml_value_length", 40, 50, "/a/note")


def test_a_document_too_deep_to_read_is_too_deep(standard: Policy, json_request: Request) -> None:
    verdict = standard.inspect(json_request, b"[" * 10_000 + b"]" * 10_000)
    assert _cause(verdict) == ("json_nesting_depth", 100, 101, "")


def test_a_body_that_was_not_stopped_earlier(
    limited: Policy,
    make_request: MakeRequest,
    form_request: Request,
    json_request: Request,
    multipart_request: Request,
) -> None:
    xml_request = make_request(content_type="text/xml")
    assert _cause(limited.inspect(form_request, b"a" * 301))[0] == "parameter_body_size"
    assert _cause(limited.inspect(json_request, b" " * 401))[0] == "json_body_size"
    assert _cause(limited.inspect(xml_request, b" " * 401))[0] == "xml_body_size"
    assert _cause(limited.inspect(multipart_request, b" " * 601))[0] == "multipart_body_size"


def test_log_only_reports_one_threat_a_subtype_and_passes(
    make_policy: MakePolicy, small_limits: Limited, make_request: MakeRequest
) -> None:
    policy = make_policy(limits=small_limits, limit_handling=ThreatHandling.LOG_ONLY)
    long = b"x" * 50
    verdict = policy.inspect(make_request(query=b"&".join([long + b"=" + long] * 6)), None)
    assert isinstance(verdict, Pass)
    assert [threat.subtype for threat in verdict.threats if isinstance(threat, LimitThreat)] == [
        "parameter_count",
        "parameter_name_length",
        "parameter_value_length",
    ]


def test_what_blocks_first_leaves_exceptions_uncounted(
    make_policy: MakePolicy, small_limits: Limited, make_request: MakeRequest
) -> None:
    name = ParameterLength(Exact("name", False), ParameterSource.ANY)
    policy = make_policy(
        limits=small_limits, limit_exceptions=(LimitException("exceptions[0]", name, ALWAYS),)
    )
    policy.hits.take()
    assert (
        _cause(policy.inspect(make_request("/" + "a" * 100, _LONG_QUERY), None))[0] == "general_path_length"
    )
    assert not policy.hits
    assert policy.inspect(make_request("/", _LONG_QUERY), None) is PASS
    assert [hit.name for hit in policy.hits.take()] == ["exceptions[0]"]


def test_unlimited(make_policy: MakePolicy, make_request: MakeRequest, json_request: Request) -> None:
    policy = make_policy(limits=Unlimited())
    assert policy.plan_body(json_request).limit is None
    assert policy.inspect(make_request("/" + "a" * 5000, b"&".join([b"a"] * 500)), None) is PASS


_LONG_QUERY = b"name=" + b"x" * 41


@pytest.mark.parametrize(
    ("length", "conditions", "passes"),
    [
        (AllLengths(), ALWAYS, True),
        (ParameterLength(Exact("name", False), ParameterSource.ANY), ALWAYS, True),
        (ParameterLength(Exact("name", False), ParameterSource.QUERY), ALWAYS, True),
        (ParameterLength(Exact("name", False), ParameterSource.POST), ALWAYS, False),
        (ParameterLength(Exact("other", False), ParameterSource.ANY), ALWAYS, False),
        (AllLengths(), RequestConditions(path=Prefix("/upload", False)), False),
        (AllLengths(), RequestConditions(path=Prefix("/shop", False)), True),
        (JsonLength("$.name"), ALWAYS, False),
        (GraphQLLength(AnyString(), AnyString(), AnyString()), ALWAYS, False),
    ],
)
def test_exceptions_of_parameters(
    make_policy: MakePolicy,
    small_limits: Limited,
    make_request: MakeRequest,
    length: LiftedLength,
    conditions: RequestConditions,
    passes: bool,
) -> None:
    exception = LimitException("exceptions[0]", length, conditions)
    policy = make_policy(limits=small_limits, limit_exceptions=(exception,))
    assert (policy.inspect(make_request("/shop", _LONG_QUERY), None) is PASS) == passes


def test_an_exception_lifts_lengths_at_its_json_path_only(
    make_policy: MakePolicy, small_limits: Limited, json_request: Request
) -> None:
    exception = LimitException("exceptions[0]", JsonLength("$.logo"), ALWAYS)
    policy = make_policy(limits=small_limits, limit_exceptions=(exception,))
    long = "x" * 50
    assert policy.inspect(json_request, json.dumps({"logo": long}).encode()) is PASS
    verdict = policy.inspect(json_request, json.dumps({"logo": long, "note": long}).encode())
    assert _cause(verdict) == ("json_value_length", 40, 50, "$.note")


def test_a_lifted_body_limit_shows_in_the_plan(make_policy: MakePolicy, json_request: Request) -> None:
    exception = LimitException("exceptions[0]", AllLengths(), RequestConditions(methods=("POST",)))
    assert make_policy(limit_exceptions=(exception,)).plan_body(json_request).limit is None


def test_an_exception_that_cannot_be_read_is_named(make_policy: MakePolicy) -> None:
    exception = LimitException("exceptions[3]", JsonLength("$["), ALWAYS)
    with pytest.raises(PolicyError, match=r"^Limits \(defaults\): exceptions\[3\]: the JSONPath"):
        make_policy(limit_exceptions=(exception,))
