"""No secret of a request is in its access log line or its block event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

import engine_configurations as configurations
import pytest
from msgspec.structs import replace

from microgateway_common.blocks import encode_event
from microgateway_common.ir.deny_rules import Level, RuleSetting, ThreatHandling
from microgateway_common.names import pod_key
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.telemetry.access_log import default_line
from microgateway_engine.telemetry.block_reports import block_event
from microgateway_engine.traffic.exchange import Exchange, Peer

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
ATTACK = "' union select 1 from users -- <script>"

#: Secrets by the name of their field, and one by its form.
NAMED = {
    "password": "hunter2-correct-horse", "passwd": "Tr0ub4dor-3", "pwd": "zaq12", "passphrase": "4random",
    "api_key": "ak-live-93jf02", "apikey": "k3y-without", "x-api-key": "xk-7781", "access_key": "AKIAIOS",
    "client_secret": "cs-0a9b8c7d", "secret": "s3cr3t-sauce", "token": "tok-55aa77", "jwt": "jwt-head.pay",
    "access_token": "at-102938", "refresh_token": "rt-564738", "id_token": "it-abcabc", "xsrf": "xsrf-cafe",
    "csrf_token": "csrf-deadbeef", "session": "sess-0f1e2d3c", "sessionid": "sid-998877", "auth": "au-31415",
    "phpsessid": "php-4433", "authorization": "Bearer b34r3r-t0k3n", "otp": "otp-493021", "cvv": "cvv-937",
    "proxy-authorization": "Basic dXNlcjpwYXNz", "pin": "pin-4711-0815", "iban": "CH93-0076-2011",
    "card_number": "4000 0566 5566 5556", "ssn": "078-05-1120", "private_key": "BEGIN-KEY-MIIEow",
    "signature": "sig-77f0c0ffee",
}  # fmt: skip
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
TYPES = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
    "multipart": "multipart/form-data; boundary=B",
    "xml": "application/xml",
    "broken": "application/json",
}


class Sent(NamedTuple):
    """target, header lines, body."""

    target: str
    headers: tuple[str, ...]
    body: bytes


def _everywhere(name: str, secret: str) -> Iterator[Sent]:
    for value in (f"{secret}{ATTACK}", f"{ATTACK}{secret}"):
        quoted = quote(value, safe="")
        yield Sent(f"/?a=1&{name}={quoted}", (), b"")
        yield Sent("/", (f"{name}: {value}",), b"")
        yield Sent("/", (f"Cookie: a=1; {name}={quoted}",), b"")
        yield Sent("/", (f"Referer: https://a.example/?{name}={quoted}",), b"")
        part = f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--B--\r\n'
        bodies = {
            "form": f"{name}={quoted}",
            "json": json.dumps({"a": [{name: value}]}),
            "multipart": part,
            "xml": f"<a><{name}>{value.replace('<', '&lt;')}</{name}></a>",
            "broken": json.dumps({name: value})[:-1],
        }
        for kind, body in bodies.items():
            yield Sent("/", (f"Content-Type: {TYPES[kind]}",), body.encode())


@pytest.fixture
def line(make_runtime: Callable[..., Runtime]) -> Callable[[Sent], str]:
    """The line of a request under rules that log whatever they find."""
    content = configurations.content_security(ThreatHandling.LOG_ONLY)
    setting = RuleSetting(Level.STRICT, ThreatHandling.LOG_ONLY)
    content = replace(content, deny_rules=replace(content.deny_rules, default=setting))
    application = make_runtime(configurations.gateway_config(content=content)).applications[
        configurations.PORT
    ]

    def make(sent: Sent) -> str:
        fields = [f"POST {sent.target} HTTP/1.1", "Host: shop", *sent.headers]
        fields.append(f"Content-Length: {len(sent.body)}")
        exchange = Exchange(application, PEER, parse_request_head("\r\n".join(fields).encode()))
        exchange.begin()
        if sent.body:
            exchange.request_data(sent.body)
        exchange.request_end()
        exchange.abandon()
        event = encode_event(block_event(exchange, pod_key("shop", "shop-0"))) if exchange.threats else b""
        return default_line(exchange).decode() + event.decode()

    return make


@pytest.mark.parametrize("name", NAMED)
def test_a_named_secret_is_in_no_line(line: Callable[[Sent], str], name: str) -> None:
    threats = 0
    for sent in _everywhere(name, NAMED[name]):
        text = line(sent)
        threats += "log_only" in text
        assert NAMED[name] not in text, text
        assert quote(NAMED[name], safe="") not in text, text
    assert threats > 10


def test_a_token_is_in_no_line_whatever_its_field_is_called(line: Callable[[Sent], str]) -> None:
    for sent in (*_everywhere("note", JWT + " "), *_everywhere(JWT, "x")):
        assert JWT not in line(sent)


def test_a_token_in_a_path_is_in_no_line(line: Callable[[Sent], str]) -> None:
    assert JWT not in line(Sent(f"/reset/{JWT}", (), b""))
    assert JWT not in line(Sent("/", (f"Referer: https://a.example/reset/{JWT}",), b""))
