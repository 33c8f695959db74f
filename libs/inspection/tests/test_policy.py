from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.limits import Limited
from microgateway_common.ir.parser import BodyFormat
from microgateway_inspection.plans import BufferBody, StreamBody
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import (
    PASS,
    Block,
    DenyRuleThreat,
    LimitThreat,
    ParserThreat,
    Pass,
    Verdict,
)

MakePolicy = Callable[..., Policy]
MakeRequest = Callable[..., Request]
LOG_ONLY = ThreatHandling.LOG_ONLY


def _parser_subtype(verdict: Verdict) -> str:
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, ParserThreat)
    return verdict.cause.subtype


def test_the_acceptance_test_of_the_interface(standard: Policy, make_request: MakeRequest) -> None:
    verdict = standard.inspect(make_request(query=b"token='%20UnION%20all%20select%20A"), None)
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, DenyRuleThreat)
    assert verdict.cause.rule_key == "SQL"
    assert standard.inspect(make_request(query=b"token=benign"), None) is PASS


class TestPlan:
    @pytest.mark.parametrize(
        ("content_type", "plan"),
        [
            ("application/json", BufferBody(BodyFormat.JSON, 400)),
            ("application/x-www-form-urlencoded", BufferBody(BodyFormat.FORM, 300)),
            ("multipart/form-data; boundary=x", BufferBody(BodyFormat.MULTIPART, 600)),
            ("", BufferBody(BodyFormat.FORM, 300)),
            ("application/octet-stream", StreamBody(1000)),
        ],
    )
    def test_what_a_parser_reads_is_buffered(
        self,
        make_policy: MakePolicy,
        small_limits: Limited,
        make_request: MakeRequest,
        content_type: str,
        plan: StreamBody | BufferBody,
    ) -> None:
        policy = make_policy(limits=small_limits)
        assert policy.plan_body(make_request(content_type=content_type)) == plan

    @pytest.mark.parametrize(
        ("content_type", "subtype"),
        [
            ("application/json", "json_body_size"),
            ("", "parameter_body_size"),
            ("multipart/x", "multipart_body_size"),
            ("text/plain", "general_body_size"),
        ],
    )
    def test_a_body_too_large(
        self,
        make_policy: MakePolicy,
        small_limits: Limited,
        make_request: MakeRequest,
        content_type: str,
        subtype: str,
    ) -> None:
        policy = make_policy(limits=small_limits, limit_handling=LOG_ONLY)
        request = make_request(content_type=content_type)
        plan = policy.plan_body(request)
        threat = policy.body_too_large(request, plan, 5000)
        assert (threat.subtype, threat.limit, threat.measured) == (subtype, plan.limit, 5000)
        assert threat.handling is LOG_ONLY


class TestUnreadable:
    @pytest.mark.parametrize(
        ("body", "subtype"),
        [
            (b"{", "json_malformed"),
            (b'{"a":1,"a":2}', "json_duplicate_key"),
            (b"\xef\xbb\xbf{}", "json_malformed"),
        ],
    )
    def test_is_refused(self, standard: Policy, json_request: Request, body: bytes, subtype: str) -> None:
        assert _parser_subtype(standard.inspect(json_request, body)) == subtype

    def test_is_reported_and_looked_at_in_log_only(
        self, make_policy: MakePolicy, json_request: Request
    ) -> None:
        policy = make_policy(handling=LOG_ONLY)
        verdict = policy.inspect(json_request, b'{"a": "\\u003cscript>", "a": 2}')
        assert isinstance(verdict, Pass)
        assert isinstance(verdict.threats[0], ParserThreat)
        found = [each for each in verdict.threats if isinstance(each, DenyRuleThreat)]
        assert [(each.rule_id, each.place.name) for each in found] == [("XSS-010", "$")]

    def test_tells_no_data_of_the_request(self, standard: Policy, json_request: Request) -> None:
        verdict = standard.inspect(json_request, b'{"password": hunter2}')
        assert isinstance(verdict, Block)
        assert isinstance(verdict.cause, ParserThreat)
        assert "hunter2" not in verdict.cause.detail


class TestPrefix:
    def test_shows_what_it_holds_and_that_it_ends_is_no_threat(
        self, make_policy: MakePolicy, small_limits: Limited, json_request: Request, form_request: Request
    ) -> None:
        policy = make_policy(limits=small_limits, limit_handling=LOG_ONLY)
        assert policy.inspect_prefix(json_request, b'{"a": [1, 2') is PASS
        assert isinstance(policy.inspect_prefix(json_request, b'{"a": "<script>'), Block)
        assert isinstance(policy.inspect_prefix(form_request, b"a=1&b=%3Cscript%3E"), Block)

    def test_of_a_body_that_is_not_read(self, standard: Policy, make_request: MakeRequest) -> None:
        assert standard.inspect_prefix(make_request(content_type="text/plain"), b"<script>") is PASS


def test_a_body_that_no_parser_reads_is_not_looked_at(standard: Policy, make_request: MakeRequest) -> None:
    request = make_request(content_type="application/octet-stream")
    assert standard.inspect(request, None) is PASS
    assert standard.inspect(request, b"<script>") is PASS


def test_limits_come_before_rules(
    make_policy: MakePolicy, small_limits: Limited, make_request: MakeRequest
) -> None:
    verdict = make_policy(limits=small_limits).inspect(make_request(query=b"q=<script>" + b"x" * 50), None)
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, LimitThreat)
    assert len(verdict.threats) == 1


_ATTACKS = [
    "' or '1'='1",
    "1 union all select 2",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "; cat /etc/passwd",
    "$(whoami)",
    "../../../../etc/passwd",
    "javascript:alert(1)",
]


def _percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("attack", _ATTACKS)
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text,
        _percent,
        lambda text: _percent(_percent(text)),
        lambda text: "".join(f"&#{ord(each)};" for each in text),
        lambda text: "".join(f"&#x{ord(each):x};" for each in text),
        lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
        lambda text: "".join(f"%u{ord(each):04x}" for each in text),
        lambda text: "".join(f"\\x{ord(each):02x}" for each in text),
        lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
        lambda text: text.upper().replace("/ETC/PASSWD", "/etc/passwd"),
        "\0".join,
        lambda text: _percent("".join(f"&#{ord(each)};" for each in text)),
    ],
)
def test_attacks_are_found_in_any_encoding_and_any_place(
    standard: Policy, json_request: Request, attack: str, encode: Callable[[str], str]
) -> None:
    value = encode(attack)
    places: list[tuple[Request, bytes | None]] = [
        (Request("GET", "/", b"q=" + _percent(value).encode(), [], "192.0.2.1"), None),
        (json_request, json.dumps({"a": {"b": [value]}}).encode()),
        (Request("GET", "/", b"", [(b"x-note", value.encode())], "192.0.2.1"), None),
    ]
    for request, body in places:
        assert isinstance(standard.inspect(request, body), Block)


_PIECES = rb"""% 25 & = + ; ' " < \u00 3c &# /* union select <script ../ { } [ ] : , --B""".split()
_NOISE = st.binary(max_size=60) | st.lists(
    st.sampled_from([*_PIECES, b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbc\x9c"]), max_size=25
).map(b"".join)
_NAMES = st.sampled_from([b"cookie", b"x-note", b"user-agent", b"content-encoding", b"host", b"a\xff"])
_TYPES = st.sampled_from(
    [
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=B",
        b"text/plain",
    ]
)


@given(
    path=_NOISE,
    query=_NOISE,
    headers=st.lists(st.tuples(_NAMES, _NOISE), max_size=3),
    content_types=st.lists(_TYPES | _NOISE, max_size=2),
    body=st.none() | _NOISE,
    log_only=st.booleans(),
)
def test_never_raises(
    make_policy: MakePolicy,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    content_types: list[bytes],
    body: bytes | None,
    log_only: bool,
) -> None:
    handling = LOG_ONLY if log_only else ThreatHandling.BLOCK
    policy = make_policy(level=Level.STRICT, handling=handling, limit_handling=handling)
    fields = [*headers, *((b"content-type", each) for each in content_types)]
    request = Request("POST", "/" + path.decode("latin-1"), query, fields, "192.0.2.1")
    policy.plan_body(request)
    verdict = policy.inspect(request, body)
    if log_only:
        assert isinstance(verdict, Pass)
    policy.inspect_prefix(request, body or b"")
