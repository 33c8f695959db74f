"""Attacks from a grammar: repeatable, all different, and what they say they are."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random
from urllib.parse import unquote

import pytest

from microgateway_inspection.kit.grammar import attacks, expand
from microgateway_inspection.kit.placing import Where

GRAMMAR = """
[common]
n = ["1", "42"]
[SQL]
start = ["<<n>> or <<n>>=<<n>>", "<<word>>' --"]
word = ["kiwi"]
[XSS]
start = ["<script>alert(<<n>>)</script>", "<b>"]
"""
HELD_OUT = Path(__file__).resolve().parents[1] / "heldout_grammar.toml"


def test_the_same_seed_gives_the_same_attacks() -> None:
    once, again = attacks(GRAMMAR, 1, 20), attacks(GRAMMAR, 1, 20)
    assert once == again
    assert attacks(GRAMMAR, 2, 20) != once


def test_each_family_has_as_many_all_different() -> None:
    found = attacks(GRAMMAR, 1, 20)
    assert [each.group for each in found] == ["SQL"] * 20 + ["XSS"] * 20
    assert len({each.sent for each in found}) == 40


def test_a_family_does_not_change_another() -> None:
    alone = GRAMMAR.partition("[SQL]")[0] + "[XSS]" + GRAMMAR.partition("[XSS]")[2]
    assert attacks(alone, 1, 10) == attacks(GRAMMAR, 1, 10)[10:]


def test_names_are_replaced_and_the_family_comes_first() -> None:
    grammar = {"start": ["<<a>>-<<a>>"], "a": ["<<b>>"], "b": ["x"]}
    assert expand(grammar, "<<start>>!", Random(1)) == "x-x!"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<nothing>>", "expected a name of the grammar"),
        ("<<open", "expected a name"),
        ("<<loop>>", "that ends"),
    ],
)
def test_a_grammar_that_is_none_says_so(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand({"loop": ["<<loop>>"]}, text, Random(1))


def test_values_arrive_in_every_place_and_encoding() -> None:
    found = attacks(GRAMMAR, 3, 400)
    labels = [each.text.rpartition(" (")[2].rstrip(")").split(", ") for each in found]
    assert len({place for place, _ in labels}) == len(Where) + 10
    assert {coding for _, coding in labels} == {
        "plain", "url", "double url", "html", "escapes", "base64", "mixed", "full width",
    }  # fmt: skip
    for each in found:
        value, _, label = each.text.rpartition(" (")
        request, body = each.sent.to_request()
        if label == "query, url)":
            assert value in unquote(unquote(request.query.decode()))
        if label == "deep in JSON, base64)":
            assert body is not None
            assert request.method == "PUT"
            data = json.loads(body)["a"][0]["b"][0]["c"][1].replace("-", "+").replace("_", "/")
            assert base64.b64decode(data + "=" * (-len(data) % 4)).decode() == value


def test_the_held_out_set_is_large_enough() -> None:
    found = attacks(HELD_OUT.read_text("utf-8"), 20261123, 30)
    assert len(found) == 390
