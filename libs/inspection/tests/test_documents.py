from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.decoding import MAX_FORMS, Form, forms
from microgateway_inspection.documents import MAX_NESTED, unfold
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import PASS, Block, DenyRuleThreat

_FILE = "/etc/hosts"  # a rule looks for it where a value begins

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b'{"a":"x y"}', Form(b"x y", ("json $.a",))),
        (b' [ "x y" ] ', Form(b"x y", ("json $[0]",))),
        (b'{"a":[{"b":"x y"}]}', Form(b"x y", ("json $.a[0].b",))),
        (b'{"a":"x%27"}', Form(b"x'", ("json $.a", "url"))),
        (b'{"a":"C:\\\\x"}', Form(b"C:\\x", ("json $.a",))),
        (base64.b64encode(b'{"a":"x y"}'), Form(b"x y", ("base64", "json $.a"))),
        (b"%7B%22a%22:%22x%20y%22}", Form(b"x y", ("url", "json $.a"))),
        (json.dumps({"a": json.dumps(["x y"])}).encode(), Form(b"x y", ("json $.a", "json $[0]"))),
        (json.dumps({"a" * 200: "x y"}).encode(), Form(b"x y", ("json $…",))),
        (json.dumps({"a" * 200: {"pwd": "x y"}}).encode(), Form(b"x y", ("json $…secret",))),
    ],
)
def test_strings_of_a_document_are_forms(value: bytes, found: Form) -> None:
    assert found in list(unfold(value))


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b"[1,2]", b'{"a"}', b"x {}", b'{"name":1}', b"[" * 9999])
def test_what_holds_no_string_has_no_more_forms(value: bytes) -> None:
    assert list(unfold(value)) == forms(value)


def test_documents_in_documents_end() -> None:
    value = "x y"
    for _ in range(MAX_NESTED + 1):
        value = json.dumps([value])
    found = [form.steps for form in unfold(value.encode())]
    assert ("json $[0]",) * MAX_NESTED in found
    assert ("json $[0]",) * (MAX_NESTED + 1) not in found


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_forms_are_bounded(value: bytes) -> None:
    found = list(unfold(value))
    assert found[: len(forms(value))] == forms(value)
    longest = len(value) * 3  # a lone surrogate is written \udc00, and read as none
    assert sum(len(form.text) for form in found) <= longest * (MAX_FORMS + 1) * (MAX_NESTED + 1)


def _sent(place: str, document: str) -> tuple[Request, bytes | None]:
    def request(content_type: str = "", query: str = "", cookie: str = "") -> Request:
        headers = [(b"content-type", content_type.encode())] if content_type else []
        headers += [(b"cookie", cookie.encode())] if cookie else []
        return Request("POST", "/", query.encode(), headers, "192.0.2.1")

    match place:
        case "query":
            return request(query=f"filter={quote(document)}"), None
        case "form":
            return request("application/x-www-form-urlencoded"), f"filter={quote(document)}".encode()
        case "JSON":
            return request("application/json"), json.dumps({"filter": document}).encode()
        case "cookie":
            return request(cookie=f"state={quote(document)}"), None
        case _:
            return request(cookie=f"state={base64.b64encode(document.encode()).decode()}"), None


@pytest.mark.parametrize("place", ["query", "form", "JSON", "cookie", "base64 in a cookie"])
def test_an_attack_in_a_document_is_told_of_its_field(standard: Policy, place: str) -> None:
    verdict = standard.inspect(*_sent(place, json.dumps({"file": {"path": _FILE}})))
    assert isinstance(verdict, Block)
    assert isinstance(verdict.cause, DenyRuleThreat)
    assert verdict.cause.place.name in ("filter", "$.filter", "cookie:state")
    assert verdict.cause.decoding[-1] == "json $.file.path"
    assert _FILE in verdict.cause.snippet or "cookie" in place


@pytest.mark.parametrize("place", ["query", "form", "JSON", "cookie", "base64 in a cookie"])
@pytest.mark.parametrize(
    "document",
    [
        '{"theme":"dark","lang":"de-CH","seen":["/home","/cart"]}',
        '{"$and":"cash","name":"O\'Brien"}',
        '["a & b","see /etc/hosts"]',
    ],
)
def test_ordinary_documents_pass(standard: Policy, place: str, document: str) -> None:
    assert standard.inspect(*_sent(place, document)) is PASS


def test_a_name_alone_is_part_of_the_document(standard: Policy, make_request: Callable[..., Request]) -> None:
    query = quote('{"age":{"$gt":""}}').encode()
    assert isinstance(standard.inspect(make_request(query=b"q=" + query), None), Block)


@pytest.mark.parametrize(
    "document",
    [{"password": "%s"}, {"a": [{"user": {"pwd": {"value": "%s"}}}]}, {"x" * 200: {"token": "%s"}}],
)
def test_secrets_in_documents_are_masked(
    standard: Policy, make_request: Callable[..., Request], document: dict[str, object]
) -> None:
    text = json.dumps(document) % "/etc/hosts/hunter2"
    verdict = standard.inspect(make_request(query=f"filter={quote(text)}".encode()), None)
    assert isinstance(verdict, Block)
    assert "hunter2" not in repr(verdict)
