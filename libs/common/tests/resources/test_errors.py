"""Errors name the field as users write it, what was expected and what came."""

from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.resources import FieldError, InvalidResource, parse
from microgateway_common.resources.errors import path_of

API_VERSION = "microgateway.airlock.com/v1alpha1"


def errors(kind: str, spec: Any) -> list[str]:
    failure = parse({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": spec})
    assert isinstance(failure, InvalidResource)
    return [str(error) for error in failure.errors]


def application(**fields: Any) -> dict[str, Any]:
    return {"applications": [fields]}


KNOWN = "one of the known fields"
CASES: list[tuple[str, Any, str]] = [
    ("SidecarGateway", {}, "spec.applications: expected a list, got nothing"),
    ("SidecarGateway", None, "spec: expected an object, got null"),
    ("SidecarGateway", [], "spec: expected an object, got list"),
    ("SidecarGateway", {"applications": []}, "spec.applications: expected at least 1 item, got 0"),
    ("SidecarGateway", {"applications": [{}] * 17}, "spec.applications: expected at most 16 items, got 17"),
    ("SidecarGateway", {"applications": {}}, "spec.applications: expected a list, got object"),
    (
        "SidecarGateway",
        application(containerport=80),
        f"spec.applications[0].containerport: expected {KNOWN} (did you mean containerPort?), "
        "got containerport",
    ),
    (
        "SidecarGateway",
        application(xyz=80),
        f"spec.applications[0].xyz: expected {KNOWN} (containerPort, downstream, envoyHTTPFilterRefs, "
        "routes, telemetryRef, upstream), got xyz",
    ),
    (
        "SidecarGateway",
        application(containerPort="80"),
        "spec.applications[0].containerPort: expected an integer, got string",
    ),
    (
        "SidecarGateway",
        application(containerPort=True),
        "spec.applications[0].containerPort: expected an integer, got boolean",
    ),
    (
        "SidecarGateway",
        application(containerPort=80.0),
        "spec.applications[0].containerPort: expected an integer, got number",
    ),
    (
        "SidecarGateway",
        application(containerPort=70000),
        "spec.applications[0].containerPort: expected at most 65535, got 70000",
    ),
    (
        "SidecarGateway",
        application(containerPort=0),
        "spec.applications[0].containerPort: expected at least 1, got 0",
    ),
    (
        "SidecarGateway",
        application(downstream={"protocol": {"http1": {}, "http2": {}}}),
        "spec.applications[0].downstream.protocol: "
        "expected exactly one of auto, http1, http2, got http1, http2",
    ),
    (
        "SidecarGateway",
        application(downstream={"protocol": {"auto": {"http2": {"allowConnect": "yes"}}}}),
        "spec.applications[0].downstream.protocol.auto.http2.allowConnect: "
        "expected true or false, got string",
    ),
    (
        "SidecarGateway",
        application(downstream={"protocol": {"htp2": {}}}),
        f"spec.applications[0].downstream.protocol.htp2: expected {KNOWN} (did you mean http2?), got htp2",
    ),
    (
        "SidecarGateway",
        application(upstream={"protocol": {"http1": {"allowConnect": True}}}),
        "spec.applications[0].upstream.protocol.http1.allowConnect: expected no fields, got allowConnect",
    ),
    (
        "SidecarGateway",
        application(downstream={"timeouts": {"http": {"idle": 5}}}),
        "spec.applications[0].downstream.timeouts.http.idle: expected a duration such as 1m30s, got integer",
    ),
    (
        "SidecarGateway",
        application(downstream={"restrictions": {"http": {"headersLength": "60KB"}}}),
        "spec.applications[0].downstream.restrictions.http.headersLength: "
        'expected a quantity such as 100Mi, got "60KB"',
    ),
    (
        "SidecarGateway",
        application(routes=[{}, {"pathPrefix": ""}]),
        'spec.applications[0].routes[1].pathPrefix: expected at least 1 character, got ""',
    ),
    (
        "SidecarGateway",
        application(routes=[{"pathPrefix": "/" * 2049}]),
        "spec.applications[0].routes[0].pathPrefix: expected at most 2048 characters, got 2049",
    ),
    (
        "SidecarGateway",
        application(telemetryRef={}),
        "spec.applications[0].telemetryRef.name: expected a string, got nothing",
    ),
    (
        "SidecarGateway",
        {"applications": [{}], "podSelector": {"matchLabels": {"app": 1}}},
        "spec.podSelector.matchLabels.app: expected a string, got integer",
    ),
    (
        "DenyRules",
        {"request": {"builtIn": {"settings": {"level": "strict"}}}},
        "spec.request.builtIn.settings.level: "
        'expected one of Unfiltered, Basic, Standard, Strict, got "strict"',
    ),
    (
        "DenyRules",
        {
            "request": {
                "custom": {"rules": [{"ruleKey": "a b", "blockData": {"path": {"matcher": {"exact": "/"}}}}]}
            }
        },
        'spec.request.custom.rules[0].ruleKey: expected text that matches ^[A-Z][A-Z0-9_]*$, got "a b"',
    ),
    (
        "DenyRules",
        {"request": {"builtIn": {"exceptions": [{"blockedData": {"path": {"matcher": {"regex": "(a"}}}}]}}},
        "spec.request.builtIn.exceptions[0].blockedData.path.matcher.regex: "
        'expected a regular expression in RE2 syntax, got "(a" (missing ): (a)',
    ),
    (
        "Limits",
        {"request": {"limited": {"json": {"keyCount": -1}}}},
        "spec.request.limited.json.keyCount: expected at least 0, got -1",
    ),
    (
        "Limits",
        {"request": {"limited": {"general": {"bodySize": True}}}},
        "spec.request.limited.general.bodySize: expected a quantity such as 100Mi or an integer, got true",
    ),
    (
        "Limits",
        {"request": {"limited": {"general": {"bodySize": []}}}},
        "spec.request.limited.general.bodySize: expected a quantity such as 100Mi or an integer, got list",
    ),
    (
        "Parser",
        {"request": {"custom": {"rules": [{"action": {"skip": {}}}]}}},
        "spec.request.custom.rules[0].requestConditions: expected an object, got nothing",
    ),
    (
        "Telemetry",
        {"logging": {"accessLog": {"format": {"json": "text"}}}},
        "spec.logging.accessLog.format.json: expected an object, got string",
    ),
    (
        "HeaderRewrites",
        {"response": {"add": {"custom": [{"name": "x", "headers": [{"name": "a", "value": "50%"}]}]}}},
        "spec.response.add.custom[0].headers[0].value: expected text that matches "
        '^[^%]*(%([A-Z][A-Z_]*(\\([^()\\s"]+\\)(:\\d+)?)?)?%[^%]*)*$, got "50%"',
    ),
]


@pytest.mark.parametrize(("kind", "spec", "line"), CASES, ids=[line[:70] for _, _, line in CASES])
def test_an_error_is_one_line_for_people(kind: str, spec: Any, line: str) -> None:
    assert errors(kind, spec) == [line]


def test_every_error_of_a_document_is_reported() -> None:
    spec = {"applications": [{"containerPort": 0}, {"routes": [{"secured": {}, "unsecured": {}}, {"x": 1}]}]}
    assert [line.partition(":")[0] for line in errors("SidecarGateway", spec)] == [
        "spec.applications[0].containerPort",
        "spec.applications[1].routes[0]",
        "spec.applications[1].routes[1].x",
    ]


def test_paths_are_written_as_in_manifests() -> None:
    assert path_of(("spec", "applications", 0, "containerPort")) == "spec.applications[0].containerPort"
    assert path_of(("metadata", "annotations", "a.b/c", "x")) == 'metadata.annotations["a.b/c"].x'
    assert path_of(()) == ""


def test_an_error_of_the_whole_document_has_no_path() -> None:
    assert str(FieldError("", "an object", "list")) == "expected an object, got list"
