from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import PASS, Block, DenyRuleThreat


@pytest.mark.parametrize(
    "query",
    [
        b"q=%3Cscr&x=y&q=ipt+src=//evil.example%3E",
        b"id=1/*&id=*/union/*&id=*/select/*&id=*/1,2",
    ],
)
def test_an_attack_in_pieces_is_seen(
    standard: Policy, make_request: Callable[..., Request], query: bytes
) -> None:
    verdict = standard.inspect(make_request(query=query), None)
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, DenyRuleThreat)
    assert verdict.cause.place.name == query[:2].rstrip(b"=").decode()
    assert verdict.cause.decoding[0] == "joined"


def test_query_and_form_are_joined(standard: Policy, form_request: Request) -> None:
    request = Request("POST", "/", b"q=%3Cscr", form_request.headers, "192.0.2.1")
    verdict = standard.inspect(request, b"a=b&q=ipt%3Ex")
    assert isinstance(verdict, Block)


@pytest.mark.parametrize(
    "query", [b"tag=a&tag=b&tag=c", b"id=1&id=2", b"d=2024-01-01&d=2024-02-01", b"a=&a="]
)
def test_lists_pass(standard: Policy, make_request: Callable[..., Request], query: bytes) -> None:
    assert standard.inspect(make_request(query=query), None) is PASS


@pytest.mark.parametrize(
    "body",
    [
        b'{"constructor":{"prototype":{"admin":true}}}',
        b'{"a":[{"x":1},{"b":"constructor","constructor":{"c":0,"prototype":1}}]}',
    ],
)
def test_names_that_lead_to_the_prototype_are_seen_together(
    standard: Policy, json_request: Request, body: bytes
) -> None:
    verdict = standard.inspect(json_request, body)
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, DenyRuleThreat)
    assert verdict.cause.rule_key == "EXPLOIT"
    assert verdict.cause.place.name.endswith("constructor")
    assert verdict.cause.place.part == "name"


@pytest.mark.parametrize(
    "body",
    [
        b'{"constructor":"Ferrari","prototype":"F40"}',
        b'{"constructor":{"name":"Ferrari"},"car":{"prototype":true}}',
        b'{"a":"constructor","prototype":{}}',
    ],
)
def test_a_constructor_of_cars_passes(standard: Policy, json_request: Request, body: bytes) -> None:
    assert standard.inspect(json_request, body) is PASS
