"""No secret of a request comes out of it: not in the evidence of a verdict, not in an explanation."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import pytest

from microgateway_common.ir.data import AnyData
from microgateway_common.ir.deny_rules import CustomRule, Level, ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity, GatewayConfig
from microgateway_common.ir.matching import ALWAYS
from microgateway_common.names import RuleKey
from microgateway_inspection.explain.explain import Received, explain
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.rule_set import RuleSet

#: Secrets by the name of their field.
NAMED = {
    "password": "hunter2-correct-horse",
    "passwd": "Tr0ub4dor&3",
    "pwd": "zaq12wsx-cde3",
    "passphrase": "four random words here",
    "new_password": "Wint3r-is-coming",
    "user[password]": "p4ss-in-brackets",
    "api_key": "ak-live-93jf02",
    "apikey": "k3y-without-dash",
    "x-api-key": "xk-7781-aa",
    "access_key": "AKIAIOSFODNN7EXA",
    "aws_secret_access_key": "wJalrXUtnFEMIK7MDENG",
    "client_secret": "cs-0a9b8c7d",
    "secret": "s3cr3t-sauce",
    "token": "tok-55aa77",
    "access_token": "at-1029384756",
    "refresh_token": "rt-5647382910",
    "id_token": "it-abcabc-123",
    "csrf_token": "csrf-deadbeef",
    "xsrf-token": "xsrf-cafebabe",
    "session": "sess-0f1e2d3c",
    "sessionid": "sid-998877",
    "phpsessid": "php-sess-4433",
    "authorization": "Bearer b34r3r-t0k3n",
    "proxy-authorization": "Basic dXNlcjpwYXNz",
    "otp": "otp-493021",
    "pin": "pin-4711-0815",
    "cvv": "cvv-937",
    "card_number": "4000 0566 5566 5556",
    "iban": "CH93 0076 2011 6238 5295 7",
    "ssn": "078-05-1120",
    "private_key": "-----BEGIN-KEY-MIIEow",
    "signature": "sig-77f0c0ffee",
    "jwt": "jwt-header.payload.sig",
    "credentials": "root:toor-9",
}

#: Secrets by their form, whatever the field is called.
FORMED = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "4111111111111111",
    "5500-0000-0000-0004",
    "378282246310005",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    base64.b64encode(bytes(range(60, 120))).decode(),
)
ATTACK = "' union select 1 from users -- <script>"


class Sent(NamedTuple):
    """Requests with a secret in them."""

    secret: str
    request: Request
    body: bytes | None


def _request(
    path: str = "/", query: str = "", headers: Headers | None = None, method: str = "POST"
) -> Request:
    return Request(method, path, query.encode(), headers or [], "192.0.2.1")


def _placed(name: str, secret: str, value: str) -> Iterator[Sent]:
    """The value, which holds the secret, wherever a request has room for it."""
    quoted, header_name = quote(value, safe=""), quote(name, safe="-_").lower().encode()
    yield Sent(secret, _request(query=f"a=1&{quote(name)}={quoted}"), None)
    yield Sent(secret, _request(headers=[(header_name, value.encode())]), None)
    yield Sent(secret, _request(headers=[(b"cookie", f"a=1; {name}={quoted}".encode())]), None)
    form: Headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    yield Sent(secret, _request(headers=form), f"a=1&{quote(name)}={quoted}".encode())
    document: Headers = [(b"content-type", b"application/json")]
    yield Sent(secret, _request(headers=document), json.dumps({"a": {"b": [{name: value}]}}).encode())
    multipart: Headers = [(b"content-type", b"multipart/form-data; boundary=B")]
    disposition = f'Content-Disposition: form-data; name="{name}"'
    part = f"--B\r\n{disposition}\r\n\r\n{value}\r\n--B--\r\n"
    yield Sent(secret, _request(headers=multipart), part.encode())
    markup = f"<a><{header_name.decode()}>{value.replace('<', '&lt;')}</{header_name.decode()}></a>"
    for media_type in (b"text/xml", b"application/xml"):
        yield Sent(secret, _request(headers=[(b"content-type", media_type)]), markup.encode())


def _everywhere() -> Iterator[Sent]:
    for name, secret in NAMED.items():
        yield from _placed(name, secret, secret + ATTACK)
        yield from _placed(name, secret, ATTACK + secret)
        assigned = f'{{"{name}": "{secret}"}}{ATTACK}'
        if name.replace("_", "") in ("password", "passwd", "pwd", "secret", "token", "apikey"):
            yield from _placed("note", secret, assigned)
        nested = json.dumps({"a": [{name: {"value": secret + ATTACK}}]})
        yield from _placed("note", secret, nested)
        yield from _placed("note", secret, base64.b64encode(nested.encode()).decode())
    for secret in FORMED:
        yield from _placed("note", secret, f"{secret} {ATTACK}")
        yield from _placed("note", secret, f"{ATTACK} {secret}")
        yield Sent(secret, _request(f"/reset/{quote(secret, safe='')}/{quote(ATTACK, safe='')}"), None)
        yield Sent(secret, _request(f"/{quote(secret + ATTACK, safe='')}"), None)
        yield from _placed(secret, secret, ATTACK)


CASES = list(_everywhere())


@pytest.fixture(scope="module", params=["strict", "custom", "logged"])
def content(request: pytest.FixtureRequest, make_content: Callable[..., ContentSecurity]) -> ContentSecurity:
    match request.param:
        case "strict":
            return make_content(level=Level.STRICT)
        case "logged":
            return make_content(level=Level.STRICT, handling=ThreatHandling.LOG_ONLY)
        case _:
            everything = CustomRule("rules[0]", RuleKey("ANY"), AnyData(), ALWAYS, ThreatHandling.LOG_ONLY)
            return make_content(custom=(everything,))


def test_there_are_many() -> None:
    assert len(NAMED) + len(FORMED) >= 30
    assert len(CASES) > 500


def test_no_evidence_shows_a_secret(content: ContentSecurity, rules: RuleSet) -> None:
    policy = Policy.compile(content, rules)
    for secret, request, body in CASES:
        shown = repr(policy.inspect(request, body))
        assert secret not in shown, (secret, shown)


def test_no_explanation_shows_a_secret(
    content: ContentSecurity, make_config: Callable[[ContentSecurity], GatewayConfig], rules: RuleSet
) -> None:
    """Every fifth: of each secret there are more than ten."""
    config = make_config(content)
    for secret, request, body in CASES[::5]:
        target = request.path.encode() + b"?" + request.query
        received = Received(request.method, target, request.headers, body or b"", request.remote_ip)
        shown = msgspec.json.encode(explain(config, rules, received)).decode()
        assert secret not in shown, (secret, shown)


def test_a_secret_between_slashes_shows_nowhere(
    make_content: Callable[..., ContentSecurity],
    make_config: Callable[[ContentSecurity], GatewayConfig],
    rules: RuleSet,
) -> None:
    content = make_content(level=Level.STRICT)
    policy = Policy.compile(content, rules)
    for name in ("token", "reset-password", "session"):
        for value in ("4f9c77-e1" + ATTACK, ATTACK + "4f9c77-e1"):
            request = _request(f"/{name}/{quote(value, safe='')}/x")
            verdict = policy.inspect(request, None)
            assert verdict.threats
            received = Received("GET", request.path.encode(), [], b"", "192.0.2.1")
            shown = msgspec.json.encode(explain(make_config(content), rules, received)).decode()
            assert "4f9c77" not in repr(verdict) + shown, (verdict, shown)
