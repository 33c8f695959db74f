"""What clients send in confidence comes out nowhere: 30 secrets in every place of a request, in plain and in
encoded forms, inside attacks that are blocked and beside them, through the whole chain.

Looked through are the logs of all processes, their metrics, everything Redis holds, and every answer of the
config-api, which is all the data its page has.
"""

from __future__ import annotations

import base64
import html
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import httpx
import pytest
import yaml
from chain import BIN, ROOT, Chain, Service, eventually
from redis import Redis
from written import whole_lines

from microgateway_cli.processes import free_port

pytestmark = pytest.mark.slow

ATTACK = "' union select 1 from users -- <script>alert(1)</script>"

#: By the name of the field that holds them.
NAMED = {
    "password": "hunter2-correct-horse",
    "passwd": "Tr0ub4dor&3",
    "pwd": "zaq12wsx-cde3",
    "passphrase": "four-random-words-4here",
    "new_password": "Wint3r-is-coming",
    "api_key": "ak-live-93jf02",
    "apikey": "k3y-without-dash",
    "x-api-key": "xk-7781-aabb",
    "access_key": "AKIAIOSFODNN7EXA",
    "client_secret": "cs-0a9b8c7d",
    "secret": "s3cr3t-sauce",
    "token": "tok-55aa77",
    "access_token": "at-1029384756",
    "refresh_token": "rt-5647382910",
    "id_token": "it-abcabc-123",
    "csrf_token": "csrf-d34dbeef",
    "session": "sess-0f1e2d3c",
    "sessionid": "sid-998877x",
    "phpsessid": "php-sess-4433",
    "otp": "otp-493021",
    "pin": "pin-4711-0815",
    "cvv": "cvv-937-x",
    "card_number": "4000 0566 5566 5556",
    "iban": "CH93 0076 2011 6238 5295 7",
    "ssn": "078-05-1120",
    "private_key": "BEGIN-KEY-MIIEow1",
    "signature": "sig-77f0c0ffee",
    "jwt": "jwt-header9.payload.sig",
    "credentials": "root:toor-9xyz",
    "authorization": "Bearer b34r3r-t0k3n",
}

#: By their form, whatever the field is called.
FORMED = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "4111111111111111",
    "5500-0000-0000-0004",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=B"


class Sent(NamedTuple):
    """headers: lines."""

    target: str
    headers: tuple[str, ...] = ()
    body: bytes = b""

    def encode(self) -> bytes:
        lines = [
            f"POST {self.target} HTTP/1.1",
            *(() if any(each.startswith("Host:") for each in self.headers) else ("Host: shop.example",)),
            *self.headers,
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def in_a_field(name: str, value: str) -> Iterator[Sent]:
    """Wherever a request has room for a field of that name."""
    quoted, tag = quote(value, safe=""), name.replace("[", "").replace("]", "")
    yield Sent(f"/search?a=1&{name}={quoted}")
    yield Sent(f"/search?a=1&{name}={quote(quoted, safe='')}")
    yield Sent("/", (f"{tag}: {value}",))
    yield Sent("/", (f"Cookie: a=1; {name}={quoted}; b=2",))
    yield Sent("/", (f"Referer: https://a.example/x?{name}={quoted}",))
    yield Sent("/", (f"User-Agent: curl/8 ({name}={value})",))
    yield Sent("/form", (f"Content-Type: {FORM}",), f"a=1&{name}={quoted}".encode())
    yield Sent("/form", (f"Content-Type: {FORM}",), f"a=1&user[{name}]={quoted}".encode())
    yield Sent("/api", (f"Content-Type: {JSON}",), json.dumps({"a": [{"b": {name: value}}]}).encode())
    nested = json.dumps({"note": json.dumps({name: value})})
    yield Sent("/api", (f"Content-Type: {JSON}",), nested.encode())
    yield Sent("/api", (f"Content-Type: {JSON}",), json.dumps({name: value}).encode()[:-1])  # broken
    part = f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--B--\r\n'
    yield Sent("/upload", (f"Content-Type: {MULTIPART}",), part.encode())
    yield Sent("/upload", (f"Content-Type: {MULTIPART}",), part.encode()[:-6])  # broken
    escaped = html.escape(value)
    yield Sent("/xml", ("Content-Type: application/xml",), f"<a><{tag}>{escaped}</{tag}></a>".encode())
    yield Sent("/xml", ("Content-Type: text/xml",), f'<a {tag}="{escaped}"/>'.encode())
    yield Sent(f"/p;{name}={quoted}/x")
    yield Sent(f"/{name}/{quoted}")
    yield Sent(f"/{quote(json.dumps({name: value}), safe='')}")


def in_a_text(secret: str, value: str) -> Iterator[Sent]:
    """In places whose name says nothing."""
    quoted = quote(value, safe="")
    yield Sent(f"/search?q={quoted}")
    yield Sent(f"/search?{quote(secret, safe='')}={quote(ATTACK, safe='')}")
    yield Sent(f"/reset/{quote(secret, safe='')}?q={quote(ATTACK, safe='')}")
    yield Sent(f"/reset/{quoted}")
    yield Sent("/", (f"X-Note: {value}",))
    yield Sent("/", (f"User-Agent: {value}",))
    yield Sent("/", (f"Accept-Language: {value}",))
    yield Sent("/", (f"Referer: https://a.example/{quoted}",))
    yield Sent(f"/search?q={quote(ATTACK, safe='')}", (f"Host: {secret.replace(' ', '')}.example",))
    yield Sent("/", (f"Cookie: theme={quoted}",))
    yield Sent("/form", (f"Content-Type: {FORM}",), f"note={quoted}".encode())
    yield Sent("/api", (f"Content-Type: {JSON}",), json.dumps({"items": [{"note": value}]}).encode())
    yield Sent("/api", (f"Content-Type: {JSON}",), json.dumps({value: 1}).encode())
    yield Sent("/text", (f"Content-Type: text/{secret.replace(' ', '')}",), value.encode())


def requests() -> Iterator[Sent]:
    for name, secret in NAMED.items():
        for value in (secret + ATTACK, ATTACK + secret):
            yield from in_a_field(name, value)
        yield from in_a_field(name, secret)
        yield Sent(f"/search?q={quote(json.dumps({name: secret}) + ATTACK, safe='')}")
        yield Sent(f"/search?q={quote(f'{ATTACK} {name}={secret}', safe='')}")
    for secret in FORMED:
        for value in (f"{secret} {ATTACK}", f"{ATTACK} {secret}", secret):
            yield from in_a_text(secret, value)
    for user, password in (("root", "toor-9xyz"), ("admin", "hunter2-correct-horse")):
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        for name in ("Authorization", "Proxy-Authorization", "X-Forwarded-Authorization"):
            yield Sent(f"/search?q={quote(ATTACK, safe='')}", (f"{name}: Basic {basic}",))
            yield Sent("/", (f"{name}: Basic {basic}{ATTACK}",))
    yield Sent(f"/search?q={quote(ATTACK, safe='')}", ("Authorization: Bearer b34r3r-t0k3n",))


def spellings(secret: str) -> set[str]:
    """How a secret may be written."""
    data = secret.encode()
    plain = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        secret.replace(" ", ""),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        data.hex(),
    }
    return plain | {each.lower() for each in plain}


SECRETS = {
    **{secret: spellings(secret) for secret in (*NAMED.values(), *FORMED)},
    "Authorization": {base64.b64encode(b"root:toor-9xyz").decode(), "b34r3r-t0k3n"},
}

#: Blocks that are kept of a gateway.
KEPT = 1000


class Watched(Chain):
    """A chain that reports every block, and a config-api beside it."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch, ROOT / "examples/shop")
        self.engine.command += ["--block-events", "1000", "--workers", "2", "--log-level", "debug"]
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.config_api = Service(
            "config-api",
            [str(BIN / "microgateway-config-api"), "--listen", f"127.0.0.1:{port}", "--log-level", "debug",
             "--cache-dir", str(ROOT / "build")],
            scratch / "config-api.log", {"MICROGATEWAY_REDIS": self.redis.url},
        )  # fmt: skip

    @property
    def services(self) -> list[Service]:
        return [*super().services, self.config_api]

    def rules(self, mode: str) -> None:
        """All rules there are, which block or only log; the limits as well."""
        for file, kind in (("deny-rules.yaml", "DenyRules"), ("limits.yaml", "Limits")):
            path = self.manifests / file
            (found,) = yaml.safe_load_all(path.read_text())
            assert found["kind"] == kind
            if kind == "DenyRules":
                settings = {"level": "Strict", "threatHandlingMode": mode}
                found["spec"]["request"]["builtIn"] = {"settings": settings}
            else:
                found["spec"].setdefault("settings", {})["threatHandlingMode"] = mode
            path.write_text(yaml.safe_dump(found))


def send(chain: Chain, several: list[Sent]) -> None:
    for sent in several:
        with socket.create_connection(("127.0.0.1", chain.port), 10) as client:
            client.sendall(sent.encode())
            assert client.recv(12).startswith(b"HTTP/1.1 ")


def told(chain: Watched, log_offsets: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Everything that anybody can read: where, and what."""
    for service in chain.services:
        if service.name != "application":
            text = service.log.read_text(errors="replace")
            yield service.name, text[log_offsets.get(service.name, 0) :]
            log_offsets[service.name] = len(text)
    yield "metrics", httpx.get(f"http://127.0.0.1:{chain.metrics}/metrics", trust_env=False).text
    with Redis.from_url(chain.redis.url) as redis:
        for key in redis.scan_iter():
            yield f"redis {key!r}", f"{key!r} {_held(redis, key)!r}"
    with httpx.Client(base_url=chain.url, trust_env=False, timeout=30) as api:
        blocks = api.get("/api/v1/blocks?limit=1000")
        yield "config-api", blocks.text
        for each in blocks.json()["items"][:: max(1, KEPT // 100)]:
            yield "explanation", api.get(f"/api/v1/blocks/{each['request_id']}/explanation").text
        for path in ("/metrics", "/api/v1/gateways", "/api/v1/engines", "/api/v1/problems",
                     "/api/v1/gateways/shop/shop", "/api/v1/gateways/shop/shop/configuration"):  # fmt: skip
            yield "config-api", api.get(path).text


def _held(redis: Redis, key: Any) -> object:
    match redis.type(key):
        case b"string":
            return redis.get(key)
        case b"hash":
            return redis.hgetall(key)
        case b"stream":
            return redis.xrange(key)
        case unknown:
            raise AssertionError(f"{key}: a {unknown!r}, which nobody looks through")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Watched(tmp_path) as chain:
        eventually(lambda: _answers(chain.url), "the config-api to answer")
        yield chain


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_there_are_many() -> None:
    assert len(NAMED) >= 30
    assert len(list(requests())) > 1500


@pytest.mark.parametrize("mode", ["Block", "LogOnly"])
def test_no_secret_comes_out_anywhere(watched: Watched, mode: str) -> None:
    generation = watched.generation()
    watched.rules(mode)
    eventually(lambda: watched.generation() > generation, "the rules to be live")
    everything = list(requests())
    offsets: dict[str, int] = {}
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(everything), KEPT // 2):
        batch = everything[start : start + KEPT // 2]
        send(watched, batch)
        await_told(watched, start + len(batch))
        for where, text in told(watched, offsets):
            for secret, written in SECRETS.items():
                for each in written:
                    if each in text:
                        at = text.index(each)
                        found.setdefault((where, secret), text[max(0, at - 300) : at + 100])
    reported = watched.metric("microgateway_block_events_sent_total")
    assert reported > 0.4 * len(everything)
    assert watched.metric("microgateway_block_events_dropped_total") == 0
    assert not found, "\n\n".join(f"{where} shows {each}: {text}" for (where, each), text in found.items())


def await_told(chain: Watched, number: int) -> None:
    """Until so many requests are in the log, and what was found in them is kept in Redis."""
    lines: list[str] = []

    def whole() -> bool:
        lines[:] = [line for line in whole_lines(chain.engine.log) if '"envoy.access"' in line]
        return len(lines) >= number

    eventually(whole, "every request to be in the log")
    threats = sum('"actions":' in line for line in lines)
    eventually(lambda: chain.metric("microgateway_block_events_sent_total") >= threats, "every report", 60)
    with Redis.from_url(chain.redis.url) as redis:
        eventually(lambda: redis.xlen("mgw:shop:blocks:shop") == min(threats, KEPT), "every block to be kept")
