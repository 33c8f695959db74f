"""A whole request never makes the inspection raise, gets the same verdict each time, and passes in log-only
mode. Lines are the path, the query, a header's name and value, another's, the media type; the rest is the
body."""

from __future__ import annotations

from pathlib import Path

from microgateway_common.ir.deny_rules import DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity
from microgateway_common.ir.header_rewrites import AllowAll, HeaderRewrites, OperationalMode, Rewrites
from microgateway_common.ir.limits import Limits, Unlimited
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.parser import BodyFormat, MediaTypes, Parser
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.verdict import Pass

INSTRUMENT = ("microgateway_inspection",)

SEEDS = (
    b"a/b\nq=1\ncookie\na=b\nx-note\nhello\n\n",
    b'\n\nuser-agent\ncurl\naccept\n*/*\napplication/json\n{"a": ["\' or 1=1 --"]}',
    b"\n\ncookie\na=<script>\nrange\nbytes=0-\napplication/x-www-form-urlencoded\na=1&a=%3Cscript%3E",
    b'\n\na\nb\nc\nd\ntext/xml\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]><a b="c">d</a>',
    b"\n\na\nb\nc\nd\nmultipart/form-data; boundary=B\n"
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--',
)

_CACHE = Path(__file__).resolve().parents[3] / "build"


def _policy(handling: ThreatHandling) -> Policy:
    nothing = Rewrites(AllowAll(), (), ())
    origin = DefaultOrigin("ContentSecurity")
    formats = (
        (BodyFormat.JSON, ".*json.*"),
        (BodyFormat.MULTIPART, ".*multipart.*"),
        (BodyFormat.FORM, ".*url.*"),
    )
    return Policy.compile(
        ContentSecurity(
            origin,
            Parser(origin, "text/plain", (), tuple(MediaTypes(*each) for each in formats)),
            Limits(origin, Unlimited(), handling),
            DenyRules(origin, RuleSetting(Level.STRICT, handling), (), (), ()),
            HeaderRewrites(origin, nothing, nothing, OperationalMode.PRODUCTION),
        ),
        RuleSet.load(_CACHE),
    )


_POLICIES = {handling: _policy(handling) for handling in ThreatHandling}


def check(data: bytes) -> None:
    path, query, name, value, other, text, media_type, body = (*data.split(b"\n", 7), *[b""] * 8)[:8]
    headers = [(name.lower(), value), (other.lower(), text), (b"content-type", media_type)]
    for handling, policy in _POLICIES.items():
        request = Request("POST", "/" + path.decode("latin-1"), query, headers, "192.0.2.1")
        policy.plan_body(request)
        verdict = policy.inspect(request, body)
        assert verdict == policy.inspect(request, body)
        policy.inspect_prefix(request, body[: len(body) // 2])
        if handling is ThreatHandling.LOG_ONLY:
            assert isinstance(verdict, Pass)
