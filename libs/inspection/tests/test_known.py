"""What was scanned once is not scanned again, and nothing that was not scanned is believed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from microgateway_inspection import known
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.verdict import PASS, Block

MakePolicy = Callable[..., Policy]
MakeRequest = Callable[..., Request]

JSON = [(b"content-type", b"application/json")]
FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Buffers, as they were scanned."""
    buffers: list[bytes] = []
    scan = RuleSet.scan

    def listen(rules: RuleSet, buffer: bytes) -> list[int]:
        buffers.append(buffer)
        return scan(rules, buffer)

    monkeypatch.setattr(RuleSet, "scan", listen)
    return buffers


@pytest.mark.interpreted
def test_the_second_time_only_values_are_scanned(
    make_policy: MakePolicy, make_request: MakeRequest, scanned: list[bytes]
) -> None:
    policy = make_policy()
    document = json.dumps({"name": "Marie", "items": [{"sku": "GR 1"}]}).encode()
    for request, body, values in (
        (make_request(path="/a/b", query=b"page=2"), None, [b"2"]),
        (make_request(path="/a/b", query=b"tag=red&tag=blue"), None, [b"red", b"blue"]),
        (make_request(path="/a/b", query=b"page=3", headers=FORM), b"page=4&tag=red", [b"3", b"4", b"red"]),
        (make_request(path="/a/b", query=b"page=5", headers=JSON), b'"x\\ny"', [b"5", b"x\ry"]),
        (make_request(path="/a/b", headers=FORM), b"city=Lucerne", [b"Lucerne"]),
        (make_request(path="/a/b", headers=JSON), document, [b"Marie", b"GR 1"]),
    ):
        for _ in range(2):
            assert policy.inspect(request, body) is PASS
        assert [each for each in scanned[-1].split(b"\n") if each] == values


@pytest.mark.interpreted
def test_without_values_nothing_is_scanned_the_second_time(
    make_policy: MakePolicy, make_request: MakeRequest, scanned: list[bytes]
) -> None:
    policy, request = make_policy(), make_request(path="/static/site.css")
    assert policy.inspect(request, None) is PASS
    assert policy.inspect(request, None) is PASS
    assert len(scanned) == 1


@pytest.mark.parametrize("times", [1, 2, 3])
def test_attacks_in_names_and_paths_are_found_every_time(
    make_policy: MakePolicy, make_request: MakeRequest, times: int
) -> None:
    policy = make_policy()
    for request, body in (
        (make_request(path="/%3Cscript%3E"), None),
        (make_request(query=b"<script>=1"), None),
        (make_request(headers=FORM), b"<script>=1"),
        (make_request(headers=JSON), b'{"<script>": 1}'),
    ):
        for _ in range(times):
            assert isinstance(policy.inspect(request, body), Block)


def test_a_name_beside_an_attack_is_not_remembered(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    policy = make_policy()
    assert isinstance(policy.inspect(make_request(path="/p", query=b"page=<script>"), None), Block)
    assert not policy._deny._known.parameters
    assert not policy._deny._known.paths


def test_a_path_as_sent_and_a_member_of_that_name_are_two_things(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    """Paths are decoded before they are scanned, names are not."""
    policy = make_policy()
    assert policy.inspect(make_request(headers=JSON), b'{"/a": 1}') is PASS
    assert "/a" not in policy._deny._known.paths
    assert policy.inspect(make_request(path="/a"), None) is PASS
    assert "/a" in policy._deny._known.paths


def test_what_is_remembered_is_bounded_in_number_and_length(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    policy = make_policy()
    for number in range(3000):
        request = make_request(path=f"/p/{number}", query=b"n%d=1&%b=1" % (number, b"n" * 100), headers=JSON)
        assert policy.inspect(request, b'{"m%d": 1, "%b": 1}' % (number, b"m" * 100)) is PASS
    found = policy._deny._known
    assert 0 < len(found.paths) <= known.MAX_NUMBER
    assert 0 < len(found.parameters) <= known.MAX_NUMBER
    assert 0 < len(found.members) <= known.MAX_NUMBER
    assert max(map(len, found.parameters)) <= known.MAX_NAME
    assert max(map(len, found.members)) <= known.MAX_NAME


@pytest.mark.interpreted
def test_a_long_cookie_is_scanned_once(
    make_policy: MakePolicy, make_request: MakeRequest, scanned: list[bytes]
) -> None:
    policy = make_policy()
    cookie = b"; ".join([b"visited_%d=page %d" % (number, number) for number in range(100)])
    for _ in range(2):
        assert policy.inspect(make_request(headers=[(b"cookie", cookie)]), None) is PASS
    assert len(scanned) == 1
    assert isinstance(
        policy.inspect(make_request(headers=[(b"cookie", cookie + b"; a=<script>")]), None), Block
    )


def test_long_cookies_are_bounded_and_push_out_no_short_header(
    make_policy: MakePolicy, make_request: MakeRequest
) -> None:
    policy = make_policy()
    agent = (b"user-agent", b"curl/8")
    for number in range(600):
        cookies = [(b"cookie", b"a=%d" % number + b" b" * times) for times in (300, 5000)]
        assert policy.inspect(make_request(headers=[agent, *cookies]), None) is PASS
    found = policy._deny._known
    assert agent in found.headers
    assert 0 < len(found.long_headers) <= known.MAX_LONG_NUMBER
    assert max(len(value) for _, value in found.long_headers) <= known.MAX_LONG_HEADER
