"""The schemas of the kinds are those of the interface, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microgateway_common.resources import KINDS, kind_schema
from microgateway_common.resources.matching import RequestConditions, StringMatcher
from microgateway_common.resources.schema import Schema, structural_schema

FIELDS = Path(__file__).with_name("fields.txt")
BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")
SHARED = {"matcher": "StringMatcher", "requestConditions": "RequestConditions"}


def expected_fields(block: str) -> list[str]:
    lines = FIELDS.read_text().splitlines()
    return sorted(line for line in lines if line.startswith(f"{block} "))


def described_fields(block: str, schema: Schema, prefix: str) -> Iterator[str]:
    for name, node in schema.get("properties", {}).items():
        required = " required" if name in schema.get("required", ()) else ""
        if name in SHARED and (prefix or block in KINDS):
            yield f"{block} {prefix}{name}{required} : <{SHARED[name]}>"
            continue
        item = node.get("items", node)
        path = f"{prefix}{name}{'[]' if item is not node else ''}"
        yield f"{block} {path}{required} : {describe(node, item)}"
        if "additionalProperties" in node:
            yield f"{block} {path}.<key> : {node['additionalProperties']['type']}"
        yield from described_fields(block, item, f"{path}.")


def describe(node: Schema, item: Schema) -> str:
    words = ["intOrString" if "x-kubernetes-int-or-string" in item else item["type"]]
    if "default" in node:
        words += ["=", str(node["default"])]
    if "enum" in item:
        words.append("{" + "|".join(item["enum"]) + "}")
    words += [f"{bound}:{place[bound]}" for place in (item, node) for bound in BOUNDS if bound in place]
    if "pattern" in item and "x-kubernetes-int-or-string" not in item:
        words.append(f"pattern:{item['pattern']}")
    return " ".join(dict.fromkeys(words))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_exactly_the_fields_of_the_interface(kind: str) -> None:
    spec = kind_schema(kind)["properties"]["spec"]
    assert sorted(described_fields(kind, spec, "spec.")) == expected_fields(kind)


@pytest.mark.parametrize("model", [StringMatcher, RequestConditions])
def test_shared_objects_have_exactly_the_fields_of_the_interface(model: Any) -> None:
    described = described_fields(model.__name__, structural_schema(model), "")
    assert sorted(described) == expected_fields(model.__name__)


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_spec_is_described(kind: str) -> None:
    for path, node in nodes(kind_schema(kind)["properties"]["spec"], "spec"):
        if not path.endswith("[]") or node["type"] == "object":
            assert node["description"].endswith("."), path
            assert len(node["description"]) > 10, path
