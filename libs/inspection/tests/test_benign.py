"""Nothing that people and programs send every day is blocked at Standard, wherever it stands."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from microgateway_common.ir.deny_rules import Level
from microgateway_inspection.kit.corpus import Example, ordinary
from microgateway_inspection.kit.placing import Where, place
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request

_HERE = Path(__file__).parent
_CORPUS: dict[str, list[str]] = tomllib.loads((_HERE / "benign.toml").read_text("utf-8"))
_CODE: dict[str, list[str]] = tomllib.loads((_HERE / "benign_code.toml").read_text("utf-8"))
_REQUESTS = ordinary((_HERE / "benign_requests.toml").read_text("utf-8"))
_LATE = ordinary((_HERE / "heldout_benign_late.toml").read_text("utf-8"))
#: Blocked at Standard although ordinary: whoever takes such text in a field makes an exception for it.
_LISTED = {
    "Try `kill -9 <pid>`; if that fails, reboot": "a command in backticks runs in a shell",
    "tar xzf a.tgz -C /opt && ls /opt": "a chain of commands is what command injection adds",
    'say "cheese" and 1 = all, all = 1': "a comparison behind a closing quote extends a condition",
}
#: Largest share of code-like texts that Standard may block: text that is code cannot be told from an attack
#: by looking at it, so that fields for code want an exception or a lower level.
_CODE_SHARE = 0.15
_HEADERS = {"user_agents": b"user-agent", "cookies": b"cookie", "referers": b"referer"}
_VALUES = [(kind, value) for kind, values in _CORPUS.items() for value in values]


def _requests(kind: str, value: str) -> list[tuple[Request, bytes | None]]:
    def request(
        path: str = "/", query: str = "", headers: list[tuple[bytes, bytes]] | None = None
    ) -> Request:
        return Request("GET", path, query.encode(), headers or [], "192.0.2.1")

    if kind == "paths":
        return [(request(value), None)]
    if kind in _HEADERS:
        return [(request(headers=[(_HEADERS[kind], value.encode())]), None)]
    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    document = [(b"content-type", b"application/json")]
    header = " ".join(value.split())
    return [
        (request(query="q=" + quote(value)), None),
        (request(query="q=" + quote_plus(value)), None),
        (request("/items/" + quote(value, safe="")), None)
        if not any(each in value for each in ("/", "..", "\n"))
        else (request(), None),
        (request(headers=form), f"q={quote_plus(value)}".encode()),
        (request(headers=document), json.dumps({"items": [{"note": value}]}).encode()),
        (request(headers=document), json.dumps(value, ensure_ascii=False).encode()),
        (request(headers=[(b"x-note", header.encode())]), None),
    ]


def test_the_corpus_is_large() -> None:
    assert sum(len(_requests(kind, value)) for kind, value in _VALUES) >= 3000
    distinct = len(_VALUES) + len(_REQUESTS) + sum(map(len, _CODE.values()))
    assert distinct + len({each.text.rpartition(" (")[0] or each.text for each in _LATE}) >= 1000
    assert {value for _, value in _VALUES} >= set(_LISTED)


@pytest.mark.parametrize("kind", _CORPUS)
def test_passes_at_standard(standard: Policy, kind: str) -> None:
    blocked = [
        (value, verdict.threats)
        for value in _CORPUS[kind]
        if value not in _LISTED
        for request, body in _requests(kind, value)
        if (verdict := standard.inspect(request, body)).threats
    ]
    assert blocked == []


@pytest.mark.parametrize("kind", _CORPUS)
def test_passes_at_basic(make_policy: Callable[..., Policy], kind: str) -> None:
    basic = make_policy(level=Level.BASIC)
    blocked = {
        value
        for value in _CORPUS[kind]
        for request, body in _requests(kind, value)
        if basic.inspect(request, body).threats
    }
    assert blocked == set()


@pytest.mark.parametrize("example", _REQUESTS, ids=lambda example: f"{example.text:.60}")
def test_methods_and_media_types_are_no_evidence(standard: Policy, example: Example) -> None:
    assert standard.inspect(*example.sent.to_request()).threats == ()


def test_what_came_late_passes(make_policy: Callable[..., Policy], standard: Policy) -> None:
    """Held out until it was counted once, and of the corpus since."""
    basic = make_policy(level=Level.BASIC)
    blocked = [
        each.text
        for each in _LATE
        if each.group == "ordinary"
        for policy in (basic, standard)
        if policy.inspect(*each.sent.to_request()).threats
    ]
    assert blocked == []
    code = [each for each in _LATE if each.group == "code"]
    blocked = [each.text for each in code if standard.inspect(*each.sent.to_request()).threats]
    assert len(blocked) <= _CODE_SHARE * len(code), blocked


def test_most_code_passes_at_standard(standard: Policy) -> None:
    values = [value for values in _CODE.values() for value in values]
    blocked = [value for value in values if standard.inspect(*place(value, Where.JSON).to_request()).threats]
    assert len(blocked) <= _CODE_SHARE * len(values), blocked


def test_strict_is_for_those_who_tune(make_policy: Callable[..., Policy]) -> None:
    strict = make_policy(level=Level.STRICT)
    blocked = {
        value
        for kind, value in _VALUES
        for request, body in _requests(kind, value)
        if strict.inspect(request, body).threats
    }
    assert 0 < len(blocked) < len(_VALUES) / 3


def test_everything_at_once(standard: Policy) -> None:
    texts = [value for kind, value in _VALUES if kind not in (*_HEADERS, "paths") and value not in _LISTED]
    document = json.dumps({"texts": texts}).encode()
    request = Request("POST", "/", b"", [(b"content-type", b"application/json")], "192.0.2.1")
    assert standard.inspect(request, document).threats == ()
