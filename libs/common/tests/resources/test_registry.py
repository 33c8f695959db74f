"""Every document becomes a resource or a failure that says why not."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgateway_common.problems import ObjectRef
from microgateway_common.resources import (
    KINDS,
    FieldError,
    ForeignDocument,
    InvalidResource,
    UnidentifiedDocument,
    UnknownKind,
    kind_schema,
    parse,
)
from microgateway_common.resources.limits import Limits
from microgateway_common.resources.metadata import Object
from microgateway_common.resources.schema import Schema

API_VERSION = "microgateway.airlock.com/v1alpha1"
KNOWN = "one of ContentSecurity, DenyRules, HeaderRewrites, Limits, Parser, SidecarGateway, Telemetry"


def manifest(**fields: Any) -> dict[Any, Any]:
    return {"apiVersion": API_VERSION, "kind": "Limits", "metadata": {"name": "a"}, **fields}


def test_a_document_becomes_a_resource_of_its_kind() -> None:
    resource = parse(manifest())
    assert isinstance(resource, Limits)
    assert resource.ref == ObjectRef("Limits", "default", "a")


@pytest.mark.parametrize("kind", set(KINDS) - {"SidecarGateway"})
def test_kinds_without_required_fields_need_no_spec(kind: str) -> None:
    assert isinstance(parse(manifest(kind=kind)), KINDS[kind])


def test_status_is_passed_over() -> None:
    assert parse(manifest(status={"anything": math.nan})) == parse(manifest())


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (None, FieldError("", "an object", "null")),
        ([], FieldError("", "an object", "list")),
        ({}, FieldError("apiVersion", API_VERSION, "nothing")),
        (manifest(apiVersion=1), FieldError("apiVersion", API_VERSION, "integer")),
        ({"apiVersion": API_VERSION}, FieldError("kind", KNOWN, "nothing")),
        (manifest(kind=[]), FieldError("kind", KNOWN, "list")),
        (manifest(metadata=None), FieldError("metadata", "an object", "null")),
        (manifest(metadata={}), FieldError("metadata.name", "a string", "nothing")),
        (manifest(metadata={"name": 1}), FieldError("metadata.name", "a string", "integer")),
    ],
)
def test_what_cannot_be_identified(document: object, error: FieldError) -> None:
    assert parse(document) == UnidentifiedDocument((error,))


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a..b", "a" * 254, ""])
def test_names_are_those_of_kubernetes(name: str) -> None:
    failure = parse(manifest(metadata={"name": name}))
    assert isinstance(failure, UnidentifiedDocument)
    assert [error.path for error in failure.errors] == ["metadata.name"]


def test_namespaces_have_no_dots() -> None:
    failure = parse(manifest(metadata={"name": "a.b", "namespace": "a.b"}))
    assert isinstance(failure, UnidentifiedDocument)
    assert [error.path for error in failure.errors] == ["metadata.namespace"]


def test_objects_of_other_groups_are_foreign() -> None:
    error = FieldError("apiVersion", API_VERSION, '"apps/v1"')
    assert parse(manifest(apiVersion="apps/v1")) == ForeignDocument("apps/v1", "Limits", (error,))


@pytest.mark.parametrize("kind", ["Limit", "AccessControl", "OpenAPI", ""])
def test_unknown_kinds_are_told_the_known_ones(kind: str) -> None:
    error = FieldError("kind", KNOWN, f'"{kind}"')
    assert parse(manifest(kind=kind)) == UnknownKind(ObjectRef(kind, "default", "a"), (error,))


def test_other_versions_of_a_known_kind_are_invalid() -> None:
    failure = parse(manifest(apiVersion="microgateway.airlock.com/v1"))
    error = FieldError("apiVersion", API_VERSION, '"microgateway.airlock.com/v1"')
    assert failure == InvalidResource(ObjectRef("Limits", "default", "a"), 0, (error,))


def test_an_invalid_resource_keeps_its_generation() -> None:
    metadata = {"name": "a", "namespace": "b", "generation": 7}
    failure = parse(manifest(metadata=metadata, spec={"x": 1}))
    assert isinstance(failure, InvalidResource)
    assert (failure.ref, failure.generation) == (ObjectRef("Limits", "b", "a"), 7)


@pytest.mark.parametrize("generation", ["7", True, -1, 10**30, None])
def test_a_generation_that_is_none_is_an_error(generation: object) -> None:
    failure = parse(manifest(metadata={"name": "a", "generation": generation}))
    assert isinstance(failure, InvalidResource)
    assert [error.path for error in failure.errors] == ["metadata.generation"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({True: 1}, "spec"),
        ({"settings": {"threatHandlingMode": date(2026, 1, 1)}}, "spec.settings.threatHandlingMode"),
        ({"request": {"limited": {"json": {"keyCount": 10**40}}}}, "spec.request.limited.json.keyCount"),
        ({"request": {"limited": {"json": {"keyCount": math.inf}}}}, "spec.request.limited.json.keyCount"),
    ],
)
def test_what_yaml_has_and_json_has_not_is_an_error(spec: object, path: str) -> None:
    failure = parse(manifest(spec=spec))
    assert isinstance(failure, InvalidResource)
    assert [error.path for error in failure.errors] == [path]


WORDS = st.sampled_from(
    [
        *KINDS,
        "spec",
        "request",
        "limited",
        "json",
        "matcher",
        "exact",
        "name",
        "applications",
        "5m",
        "1Ki",
        "$.a",
        "a",
    ]
)
NUMBERS = st.integers() | st.floats()
SCALARS = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | WORDS | st.dates() | st.binary(max_size=2)
)
KEYS = WORDS | st.text(max_size=5) | st.integers() | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)  # the machine may be busy
@given(VALUES)
def test_parse_never_raises(document: object) -> None:
    parse(document)


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from([*KINDS, "Unknown"]), VALUES, VALUES)
def test_parse_never_raises_on_our_kinds(kind: str, metadata: object, spec: object) -> None:
    parse(manifest(kind=kind, metadata=metadata, spec=spec))
    parse(manifest(kind=kind, spec=spec))


#: Right values of strings that are more than text.
SAMPLES = {
    "jsonPath": "$.a",
    "cidrRanges": "10.0.0.0/8",
    "trustedCIDRRanges": "fd00::/8",
    "ruleKey": "A",
    "value": "%PROTOCOL%",
}


def right_values(name: str, schema: Schema) -> st.SearchStrategy[Any]:
    """Values of a field that are right."""
    match schema:
        case {"enum": choices}:
            return st.sampled_from(choices)
        case {"items": item}:
            return st.lists(right_values(name, item), min_size=schema.get("minItems", 0), max_size=2)
        case {"properties": properties}:
            return right_objects(schema, properties)
        case {"type": "object"}:
            return st.dictionaries(st.sampled_from(["a", "b"]), st.just("c"))
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return st.integers(schema.get("minimum", 0), schema.get("maximum", 1000))
        case {"format": "duration"}:
            return st.sampled_from(["0", "5m", "1m30s"])
        case {"type": "string"}:
            return st.just(SAMPLES.get(name, "a"))
        case _:
            return st.sampled_from([0, 8192, "100Mi", "1.5k"])


def right_objects(schema: Schema, properties: dict[str, Schema]) -> st.SearchStrategy[Any]:
    values = {name: right_values(name, child) for name, child in properties.items()}
    required = {name: values.pop(name) for name in schema.get("required", ())}
    match schema:
        case {"maxProperties": 1}:
            return st.one_of(*(st.fixed_dictionaries({name: value}) for name, value in values.items()))
        case {"oneOf": alternatives}:
            chosen = [alternative["required"][0] for alternative in alternatives]
            others = {name: value for name, value in values.items() if name not in chosen}
            return st.one_of(
                *(st.fixed_dictionaries({name: values[name]}, optional=others) for name in chosen)
            )
        case {"not": {"required": [_, excluded]}}:
            values.pop(excluded)
    return st.fixed_dictionaries(required, optional=values)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_accepted_and_written_as_it_was_read(kind: str) -> None:
    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50, deadline=None)
    @given(right_values("spec", kind_schema(kind)["properties"]["spec"]))
    def check(spec: object) -> None:
        resource = parse(manifest(kind=kind, spec=spec))
        assert isinstance(resource, Object), resource
        written = resource.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert parse(written) == resource

    check()
