"""Values of a corpus at places and in encodings that a seed draws."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from microgateway_inspection.kit.drawing import EVERY_PLACE, attacks, draw

LATE = (Path(__file__).resolve().parents[1] / "heldout_late.toml").read_text("utf-8")
CORPUS = """
[SQL]
values = ["1' or 2=2 --", "x"]
requests = [{ path = "/a", query = "b=c" }]
[XSS]
values = ["<b>"]
"""


def test_each_value_is_sent_once_and_whole_requests_as_they_are() -> None:
    found = attacks(CORPUS, 1)
    assert [each.group for each in found] == ["SQL", "SQL", "SQL", "XSS"]
    assert found[2].sent.path == "/a"
    assert found[2].sent.query == "b=c"


def test_the_same_seed_draws_the_same_for_a_group_whatever_the_others_are() -> None:
    assert attacks(CORPUS, 1) == attacks(CORPUS, 1)
    assert attacks(CORPUS, 2) != attacks(CORPUS, 1)
    assert attacks(CORPUS.partition("[XSS]")[0], 1) == attacks(CORPUS, 1)[:3]


@pytest.mark.parametrize("place", ["text in XML", "attribute in XML"])
@pytest.mark.parametrize("value", ["""a<b>&'"c""", "one\r\ntwo\tthree", "\uff46\uff55\uff4c\uff4c"])
def test_values_arrive_in_xml(place: str, value: str) -> None:
    plain = next(
        each
        for seed in range(99)
        if (each := draw("SQL", value, [place], Random(seed))).text.endswith("plain)")
    )
    root = ElementTree.fromstring(plain.sent.body)
    found = root.findtext("note") if place == "text in XML" else root.find("item").get("note")  # type: ignore[union-attr]
    assert found == value


def test_the_set_has_all_keys_and_most_places() -> None:
    found = attacks(LATE, 20261128)
    assert len(found) >= 250
    assert len(tomllib.loads(LATE)) == 19
    places = Counter(each.text.rpartition(" (")[2].split(", ")[0] for each in found)
    assert all(places[place] for place in EVERY_PLACE), places
