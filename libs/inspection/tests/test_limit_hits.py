"""Exceptions of limits are counted when they lift one, and dead ones show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.limits import AllLengths, JsonLength, Limited, LimitException, ParameterLength
from microgateway_common.ir.matching import ALWAYS, Exact, RequestConditions
from microgateway_inspection.hits import LIMIT_EXCEPTION, Hit
from microgateway_inspection.plans import StreamBody
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request

RESOURCE = "Limits (defaults)"
LONG = b"x" * 50
FORM, JSON, XML, TEXT = "application/x-www-form-urlencoded", "application/json", "text/xml", "text/plain"

DEAD, PARAMETER, PATH, PUT = (f"exceptions[{at}]" for at in range(4))
EXCEPTIONS = (
    LimitException(DEAD, ParameterLength(Exact("gone", ignore_case=False), ParameterSource.ANY), ALWAYS),
    LimitException(
        PARAMETER, ParameterLength(Exact("/long", ignore_case=False), ParameterSource.ANY), ALWAYS
    ),
    LimitException(PATH, JsonLength("$.*"), ALWAYS),
    LimitException(PUT, AllLengths(), RequestConditions(methods=("PUT",))),
)


@pytest.fixture
def policy(make_policy: Callable[..., Policy], small_limits: Limited) -> Policy:
    """Lengths are lifted for the parameter `/long` and for `$.*`, and all limits for PUT."""
    return make_policy(limits=small_limits, limit_exceptions=EXCEPTIONS)


def _counted(policy: Policy) -> dict[str, int]:
    return {hit.name: count for hit, count in policy.hits.take().items()}


def test_what_is_configured_begins_at_zero(policy: Policy) -> None:
    assert policy.hits.take() == {Hit(RESOURCE, LIMIT_EXCEPTION, each.id): 0 for each in EXCEPTIONS}
    assert not policy.hits


@pytest.mark.parametrize(
    ("method", "query", "content_type", "body", "exception"),
    [
        ("GET", b"/long=" + LONG, "", None, PARAMETER),
        ("GET", b"/long=" + LONG + b"&/long=" + LONG, "", None, PARAMETER),
        ("POST", b"", FORM, b"/long=" + LONG, PARAMETER),
        ("POST", b"", XML, b"<long>" + LONG + b"</long>", PARAMETER),
        ("POST", b"", JSON, b'{"a":"' + LONG + b'","b":"' + LONG + b'"}', PATH),
        ("PUT", b"a=" + LONG, "", None, PUT),
        ("PUT", b"", JSON, b"[[[[[[[[1]]]]]]]]", PUT),
        ("PUT", b"", FORM, b"a=" + LONG, PUT),
    ],
)
def test_an_exception_that_lifts_a_limit_is_counted_once_a_request(
    policy: Policy,
    make_request: Callable[..., Request],
    method: str,
    query: bytes,
    content_type: str,
    body: bytes | None,
    exception: str,
) -> None:
    policy.hits.take()
    request = make_request(query=query, method=method, content_type=content_type)
    assert not policy.inspect(request, body).threats
    assert _counted(policy) == {exception: 1}


@pytest.mark.parametrize(
    ("method", "query", "content_type", "body"),
    [
        ("GET", b"/long=x&gone=1", "", None),
        ("GET", b"a=" + LONG, "", None),
        ("PUT", b"a=1", "", None),
        ("PUT", b"", JSON, b'{"a":"x"}'),
        ("POST", b"", JSON, b'{"a":"x"}'),
    ],
)
def test_an_exception_without_need_is_not_counted(
    policy: Policy,
    make_request: Callable[..., Request],
    method: str,
    query: bytes,
    content_type: str,
    body: bytes | None,
) -> None:
    policy.hits.take()
    policy.inspect(make_request(query=query, method=method, content_type=content_type), body)
    assert not policy.hits


def test_large_bodies_are_counted_whether_they_are_read_or_streamed(
    policy: Policy, make_request: Callable[..., Request], small_limits: Limited
) -> None:
    policy.hits.take()
    read = make_request(method="PUT", content_type=JSON)
    policy.inspect(read, b" " * small_limits.json.body_size + b"1")
    assert _counted(policy) == {PUT: 1}
    streamed = make_request(method="PUT", content_type=TEXT)
    assert policy.plan_body(streamed) == StreamBody(None)
    policy.streamed(streamed, small_limits.general.body_size)
    assert not policy.hits
    policy.streamed(streamed, small_limits.general.body_size + 1)
    assert _counted(policy) == {PUT: 1}


def test_tracing_counts_nothing(policy: Policy, make_request: Callable[..., Request]) -> None:
    policy.hits.take()
    policy.trace(make_request(query=b"/long=" + LONG), None)
    policy.trace(make_request(method="PUT", content_type=JSON), b" " * 999 + b"1")
    assert not policy.hits
