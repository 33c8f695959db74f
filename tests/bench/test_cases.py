"""The requests are what the README says they are."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote, urlsplit

from bench.cases import ATTACKS, HOST, cases

GET, JSON, FORM, MULTIPART, COOKIES, REVIEWS, TEXT = cases()


def test_a_page_is_asked_for_with_a_short_query() -> None:
    query = dict(parse_qsl(urlsplit(GET.normal.target).query, strict_parsing=True))
    assert query["q"] == "watering can"
    assert not GET.normal.body


def test_an_order_is_about_a_kilobyte_of_json() -> None:
    assert 900 <= len(JSON.normal.body) <= 1100
    assert len(json.loads(JSON.normal.body)["items"]) == 4


def test_a_form_has_ten_fields() -> None:
    assert len(parse_qsl(FORM.normal.body.decode(), strict_parsing=True)) == 10


def test_every_request_names_a_host_and_no_address() -> None:
    for case in cases():
        for request in (case.normal, *case.attacks):
            assert request.headers["Host"] == HOST


def test_an_attack_differs_from_the_normal_request_in_one_value() -> None:
    for attack, page, order, form in zip(ATTACKS, GET.attacks, JSON.attacks, FORM.attacks, strict=True):
        values = dict(parse_qsl(urlsplit(page.target).query)) | dict(parse_qsl(form.body.decode()))
        assert values["q"] == values["street"] == json.loads(order.body)["delivery"]["remark"] == attack
        for case, request in ((GET, page), (JSON, order), (FORM, form)):
            assert request.method == case.normal.method
            assert request.headers == case.normal.headers


def test_large_requests_have_the_sizes_that_they_are_named_for() -> None:
    assert 9_000 <= len(MULTIPART.normal.body) <= 10_000
    assert 1_000 <= len(COOKIES.normal.headers["Cookie"]) <= 1_500
    assert 96 << 10 <= len(REVIEWS.normal.body) <= 100 << 10  # the documented limit
    assert len(json.loads(TEXT.normal.body)["text"]) >= 1 << 20
    assert sum(map(len, json.loads(REVIEWS.normal.body))) < 1000  # values that ModSecurity takes


def test_attacks_stand_in_one_value_of_large_requests() -> None:
    for at, attack in enumerate(ATTACKS):
        assert f"\r\n\r\n{attack}\r\n" in MULTIPART.attacks[at].body.decode()
        assert f"; searched={quote(attack, safe='')}" in COOKIES.attacks[at].headers["Cookie"]
        assert [each["title"] for each in json.loads(REVIEWS.attacks[at].body)].count(attack) == 1
        assert json.loads(TEXT.attacks[at].body)["text"].startswith(attack)
