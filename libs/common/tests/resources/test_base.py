"""Models are strict, frozen and spelled as manifests are."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from pydantic import Field, ValidationError

from microgateway_common.resources.base import Items, Keyword, Maybe, Model, manifest_name, quoted, type_name


class Colour(StrEnum):
    RED = "Red"


class Inner(Model):
    size: int = 1


class Thing(Model):
    count: int = 0
    flag: bool = False
    colour: Keyword[Colour] = Colour.RED
    parts: Items[Inner] = Field((), max_length=2)
    some_ip: Maybe[str] = None


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("remote_ip", "remoteIP"),
        ("connection_ip", "connectionIP"),
        ("trusted_cidr_ranges", "trustedCIDRRanges"),
        ("graph_ql_ref", "graphQLRef"),
        ("open_api_ref", "openAPIRef"),
        ("api_protection_ref", "apiProtectionRef"),
        ("envoy_http_filter_refs", "envoyHTTPFilterRefs"),
        ("allowed_spkis", "allowedSPKIs"),
        ("trusted_ca", "trustedCA"),
        ("hsts_preload", "hstsPreload"),
        ("spec", "spec"),
    ],
)
def test_names_of_manifests(attribute: str, name: str) -> None:
    assert manifest_name(attribute) == name


def test_a_document_is_read() -> None:
    thing = Thing.model_validate({"count": 2, "colour": "Red", "parts": [{"size": 3}], "someIP": "x"})
    assert thing.parts == (Inner(size=3),)
    assert (thing.count, thing.colour, thing.some_ip) == (2, Colour.RED, "x")


@pytest.mark.parametrize(
    "document",
    [
        {"count": "5"},
        {"count": True},
        {"count": 5.0},
        {"count": None},
        {"flag": 1},
        {"flag": "true"},
        {"colour": "red"},
        {"parts": {}},
        {"parts": [{}, {}, {}]},
        {"someIP": None},
        {"someIP": 1},
        {"some_ip": "x"},
        {"other": 1},
    ],
)
def test_nothing_is_coerced_and_nothing_unknown_is_accepted(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Thing.model_validate(document)


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Thing().count = 1  # type: ignore[misc]


def test_types_have_their_json_names() -> None:
    values: list[object] = [None, True, 1, 1.5, "a", [], {}, b""]
    names = ["null", "boolean", "integer", "number", "string", "list", "object", "bytes"]
    assert [type_name(value) for value in values] == names


def test_long_text_is_cut() -> None:
    assert quoted("a" * 100, limit=3) == '"aaa…"'
