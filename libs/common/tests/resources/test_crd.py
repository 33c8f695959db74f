"""The CustomResourceDefinitions follow the rules of apiextensions.k8s.io/v1 and know what the models know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from microgateway_common.resources import KINDS, parse
from microgateway_common.resources.crd import definition
from microgateway_common.resources.metadata import API_VERSION, Object
from microgateway_common.resources.schema import Schema

EXAMPLES = Path(__file__).parents[4] / "examples"

#: JSONSchemaProps that may stand in a structural schema (and that this API group needs).
ALLOWED = {
    "type", "description", "default", "enum", "format", "pattern", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "required",
    "properties", "additionalProperties", "items", "oneOf", "not", "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
}  # fmt: skip

#: What alternatives must not have: they only restrict what stands outside of them.
FORBIDDEN_IN_ALTERNATIVES = {"type", "description", "default", "additionalProperties", "nullable", "title"}


def schema_of(kind: str) -> Schema:
    (version,) = definition(kind)["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def structural_errors(schema: Schema) -> Iterator[str]:
    """What kubernetes.io calls a non-structural schema."""
    for path, node in nodes(schema):
        free = "x-kubernetes-int-or-string" in node or "x-kubernetes-preserve-unknown-fields" in node
        if "type" not in node and not free:
            yield f"{path}: no type"
        if "type" in node and "x-kubernetes-int-or-string" in node:
            yield f"{path}: a type beside int-or-string"
        if node.keys() - ALLOWED:
            yield f"{path}: {node.keys() - ALLOWED}"
        if "properties" in node and "additionalProperties" in node:
            yield f"{path}: properties and additionalProperties"
        if set(node.get("required", ())) - set(node.get("properties", {})):
            yield f"{path}: requires what it does not have"
        if node.get("type") == "array" and "items" not in node:
            yield f"{path}: a list without items"
        for alternative in [*node.get("oneOf", ()), node.get("not", {})]:
            if alternative.keys() & FORBIDDEN_IN_ALTERNATIVES or alternative.keys() - {"required"}:
                yield f"{path}: an alternative with {set(alternative)}"
            if set(alternative.get("required", ())) - set(node.get("properties", {})):
                yield f"{path}: an alternative of what it does not have"
        if "default" in node and not is_valid(node, node["default"]):
            yield f"{path}: a default that is not valid"


def is_valid(schema: Schema, value: object) -> bool:
    validator = jsonschema.Draft7Validator(with_int_or_string(schema))
    return bool(validator.is_valid(value))


def with_int_or_string(schema: Any) -> Any:
    """The schema with Kubernetes' extension written out; unknown fields are errors, as `kubectl` has them."""
    match schema:
        case dict() if "x-kubernetes-int-or-string" in schema:
            return {**schema, "type": ["integer", "string"]}
        case dict():
            closed = {"additionalProperties": False} if "properties" in schema and "type" in schema else {}
            return {key: with_int_or_string(value) for key, value in schema.items()} | closed
        case list():
            return [with_int_or_string(item) for item in schema]
        case _:
            return schema


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_structural(kind: str) -> None:
    assert list(structural_errors(schema_of(kind))) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"properties": {}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "$ref": "#/x"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"type": "object"}]},
        {"type": "object", "properties": {}, "not": {"required": ["a"]}},
        {"type": "integer", "default": "a"},
        {"type": "string", "x-kubernetes-int-or-string": True},
        {"type": "array"},
        {"type": "object", "required": ["a"]},
    ],
)
def test_the_rules_are_really_checked(broken: Schema) -> None:
    assert list(structural_errors(broken))


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_but_metadata_is_described(kind: str) -> None:
    for path, node in nodes(schema_of(kind)):
        if (
            path != ".metadata"
            and not (path.endswith("[]") and node.get("type") != "object")
            and "{}" not in path
        ):
            assert node["description"].strip(), path


@pytest.mark.parametrize("kind", KINDS)
def test_names_scope_columns_and_status(kind: str) -> None:
    crd = definition(kind)
    plural = crd["spec"]["names"]["plural"]
    assert crd["metadata"]["name"] == f"{plural}.microgateway.airlock.com"
    assert crd["spec"]["names"]["kind"] == kind
    assert crd["spec"]["names"]["categories"] == ["microgateway"]
    assert crd["spec"]["scope"] == "Namespaced"
    (version,) = crd["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    pods = ["In Sync", "Pods", "Outdated"] if kind == "SidecarGateway" else []
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Status", "Programmed", *pods, "Age"]
    assert version["subresources"] == {"status": {}}
    conditions = schema_of(kind)["properties"]["status"]["properties"]["conditions"]
    assert "observedGeneration" in conditions["items"]["properties"]


PLURALS = {
    "SidecarGateway": "sidecargateways",
    "ContentSecurity": "contentsecurities",
    "DenyRules": "denyrules",
    "Limits": "limits",
    "HeaderRewrites": "headerrewrites",
    "Parser": "parsers",
    "Telemetry": "telemetries",
}


def test_plurals_are_those_of_the_interface() -> None:
    assert {kind: model.PLURAL for kind, model in KINDS.items()} == PLURALS


def manifest(kind: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": spec}


MATCHER = {"matcher": {"prefix": "/a", "ignoreCase": True}}
CONDITIONS = {"path": MATCHER, "method": ["GET"], "remoteIP": {"cidrRanges": ["10.0.0.0/8"]}, "invert": True}
TLS = {"clientCertificate": {"optional": {"trustedCA": {"certificates": [{"secretRef": {"name": "ca"}}]}}}}

VALID: list[tuple[str, Any]] = [
    ("SidecarGateway", {"applications": [{}]}),
    (
        "SidecarGateway",
        {
            "applications": [
                {
                    "containerPort": 8080,
                    "downstream": {
                        "protocol": {"auto": {"http2": {"allowConnect": True}}},
                        "remoteIP": {"xff": {"trustedCIDRRanges": ["10.0.0.0/8"]}},
                        "restrictions": {"http": {"headersLength": 8192}},
                        "timeouts": {"http": {"idle": "1m30s"}},
                        "tls": TLS,
                    },
                    "routes": [{"pathPrefix": "/metrics", "unsecured": {}}, {"secured": {}}, {}],
                    "upstream": {"protocol": {"http1": {}}},
                }
            ],
            "podSelector": {"matchLabels": {"app": "shop"}},
        },
    ),
    (
        "ContentSecurity",
        {"filter": {"denyRulesRef": {"name": "a"}}, "apiProtection": {"openAPIRef": {"name": "a"}}},
    ),
    (
        "DenyRules",
        {
            "request": {
                "builtIn": {
                    "exceptions": [
                        {"blockedData": {"json": {"jsonPath": "$.a"}}, "requestConditions": CONDITIONS}
                    ],
                    "overrides": [{"conditions": {"ruleKeys": ["SQL"]}, "settings": {"level": "Basic"}}],
                },
                "custom": {"rules": [{"ruleKey": "MINE", "blockData": {"path": MATCHER}}]},
            }
        },
    ),
    ("Limits", {"request": {"unlimited": {}}, "settings": {"threatHandlingMode": "LogOnly"}}),
    ("Limits", {"request": {"limited": {"general": {"bodySize": "1.5Gi"}, "json": {"keyLength": 64}}}}),
    (
        "HeaderRewrites",
        {
            "request": {
                "add": {"custom": [{"name": "x", "headers": [{"name": "A", "value": "%PROTOCOL% 5%%"}]}]}
            }
        },
    ),
    ("HeaderRewrites", {"response": {"allow": {"matchingHeaders": {"builtIn": {"standardHeaders": True}}}}}),
    (
        "Parser",
        {
            "request": {
                "custom": {"rules": [{"action": {"parse": {"json": {}}}, "requestConditions": CONDITIONS}]}
            }
        },
    ),
    ("Telemetry", {"logging": {"accessLog": {"format": {"json": {"a": [1, {"b": None}]}}}}}),
]

INVALID: list[tuple[str, Any]] = [
    ("SidecarGateway", {}),
    ("SidecarGateway", {"applications": []}),
    ("SidecarGateway", {"applications": [{"containerport": 80}]}),
    ("SidecarGateway", {"applications": [{"containerPort": "80"}]}),
    ("SidecarGateway", {"applications": [{"containerPort": 65536}]}),
    ("SidecarGateway", {"applications": [{"downstream": {"protocol": {}}}]}),
    ("SidecarGateway", {"applications": [{"downstream": {"protocol": {"http1": {}, "http2": {}}}}]}),
    ("SidecarGateway", {"applications": [{"routes": [{"secured": {}, "unsecured": {}}]}]}),
    (
        "SidecarGateway",
        {
            "applications": [
                {"downstream": {"remoteIP": {"xff": {"numTrustedHops": 1, "trustedCIDRRanges": ["::/0"]}}}}
            ]
        },
    ),
    ("ContentSecurity", {"limitsRef": "a"}),
    ("ContentSecurity", {"limitsRef": {"name": ""}}),
    ("DenyRules", {"request": {"builtIn": {"settings": {"level": "strict"}}}}),
    ("DenyRules", {"request": {"custom": {"rules": [{"ruleKey": "a", "blockData": {"path": MATCHER}}]}}}),
    ("DenyRules", {"request": {"custom": {"rules": [{"ruleKey": "A"}]}}}),
    ("DenyRules", {"request": {"builtIn": {"exceptions": [{"blockedData": {"path": {"matcher": {}}}}]}}}),
    (
        "DenyRules",
        {
            "request": {
                "builtIn": {
                    "exceptions": [{"blockedData": {"path": {"matcher": {"exact": "a", "prefix": "b"}}}}]
                }
            }
        },
    ),
    ("Limits", {"request": {"limited": {"general": {"bodySize": "1 Gi"}}}}),
    ("Limits", {"request": {"limited": {}, "unlimited": {}}}),
    (
        "HeaderRewrites",
        {"request": {"add": {"custom": [{"name": "x", "headers": [{"name": "A", "value": "5%"}]}]}}},
    ),
    ("HeaderRewrites", {"request": {"add": {"custom": []}}}),
    ("Parser", {"request": {"custom": {"rules": [{"action": {"parse": {}}, "requestConditions": {}}]}}}),
    ("Telemetry", {"logging": {"accessLog": {"format": {"json": "text"}}}}),
]


@pytest.mark.parametrize(("kind", "spec"), VALID)
def test_valid_manifests_are_valid_for_schema_and_model(kind: str, spec: Any) -> None:
    assert is_valid(schema_of(kind), manifest(kind, spec))
    assert isinstance(parse(manifest(kind, spec)), Object)


@pytest.mark.parametrize(("kind", "spec"), INVALID)
def test_invalid_manifests_are_invalid_for_schema_and_model(kind: str, spec: Any) -> None:
    assert not is_valid(schema_of(kind), manifest(kind, spec))
    assert not isinstance(parse(manifest(kind, spec)), Object)


def examples() -> Iterator[Any]:
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document["apiVersion"] == API_VERSION:
                yield pytest.param(document, id=f"{path.relative_to(EXAMPLES)}-{document['kind']}")


@pytest.mark.parametrize("document", list(examples()))
def test_the_examples_are_valid(document: dict[str, Any]) -> None:
    assert is_valid(schema_of(document["kind"]), document | {"metadata": {}})
    assert isinstance(parse(document), Object)
