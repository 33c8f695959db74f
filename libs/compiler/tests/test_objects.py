from __future__ import annotations

import math
from typing import Any

import pytest

from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason, Severity
from microgateway_compiler.objects import (
    ENGINE_CONTAINER,
    BrokenResource,
    ConfigMap,
    CustomResource,
    KubernetesObject,
    NotOurs,
    Pod,
    Secret,
    read_object,
)

SUBJECT = DocumentRef("f.yaml", 3)


def read(kind: str, api_version: str = "v1", **rest: Any) -> KubernetesObject | NotOurs | Problem:
    metadata = {"name": "x", "namespace": "shop"} | rest.pop("metadata", {})
    return read_object(SUBJECT, {"apiVersion": api_version, "kind": kind, "metadata": metadata} | rest)


def ours(kind: str, **rest: Any) -> KubernetesObject | NotOurs | Problem:
    return read(kind, "microgateway.airlock.com/v1alpha1", **rest)


def test_our_kinds_are_custom_resources() -> None:
    found = ours("Limits", metadata={"generation": 4, "creationTimestamp": "1970-01-01T00:01:00Z"})

    assert isinstance(found, CustomResource)
    assert (found.ref, found.generation, found.created) == (ObjectRef("Limits", "shop", "x"), 4, 60.0)


def test_a_resource_that_does_not_fit_its_model_is_broken_and_says_where() -> None:
    found = ours("Limits", spec={"request": {"limited": {"json": {"keyCount": -1}}}})

    assert isinstance(found, BrokenResource)
    assert [str(problem) for problem in found.problems] == [
        "Limits shop/x: spec.request.limited.json.keyCount: expected at least 0, got -1"
    ]
    assert found.created == math.inf


@pytest.mark.parametrize(
    ("kind", "reason", "severity"),
    [
        ("Limit", Reason.UNKNOWN_KIND, Severity.ERROR),
        ("ContentSecurityPolicy", Reason.NOT_SUPPORTED, Severity.WARNING),
    ],
)
def test_unknown_kinds_of_our_group_are_problems(kind: str, reason: Reason, severity: Severity) -> None:
    found = ours(kind)

    assert isinstance(found, Problem)
    assert (found.subject, found.reason, found.severity) == (ObjectRef(kind, "shop", "x"), reason, severity)
    assert ("did you mean Limits?" in found.got) is (kind == "Limit")


def test_kinds_of_other_groups_are_none_of_our_business() -> None:
    assert read("Deployment", "apps/v1") == NotOurs()
    assert read("Limits", "example.com/v1") == NotOurs()


def test_a_kustomization_lies_beside_manifests_and_has_no_name() -> None:
    raw = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["a.yaml"]}
    assert read_object(DocumentRef("kustomization.yaml", 1), raw) == NotOurs()


def test_a_pod_has_labels_and_an_end() -> None:
    metadata = {"labels": {"app": "shop", "bad": 5}, "annotations": {"a": "b"}}
    pod = read("Pod", metadata=metadata, status={"phase": "Running"})

    assert pod == Pod(ObjectRef("Pod", "shop", "x"), {"app": "shop"}, {"a": "b"}, finished=False)
    for phase in ("Succeeded", "Failed"):
        finished = read("Pod", status={"phase": phase})
        assert isinstance(finished, Pod)
        assert finished.finished


def test_a_pod_of_the_api_server_has_an_engine_or_will_never_have_one() -> None:
    app, engine = {"name": "app"}, {"name": ENGINE_CONTAINER}

    def has_engine(metadata: dict[str, Any], **spec: object) -> bool:
        pod = read("Pod", metadata=metadata, spec=spec)
        assert isinstance(pod, Pod)
        return pod.has_engine

    stored = {"uid": "0-1"}
    assert not has_engine(stored, containers=[app])
    assert has_engine(stored, containers=[engine, app])
    assert has_engine(stored, initContainers=[engine], containers=[app])
    assert not has_engine(stored, initContainers=None, containers=["nonsense"])
    assert has_engine({}, containers=[app]), "a manifest is injected when it is applied"


def test_config_maps_and_secrets_keep_their_data() -> None:
    assert read("ConfigMap", data={"k": "v", "n": 1}, binaryData={"b": "aGk=", "bad": "%"}) == ConfigMap(
        ObjectRef("ConfigMap", "shop", "x"), {"k": "v"}, {"b": b"hi"}
    )
    secret = read("Secret", data={"a": "aGk=", "b": "aGk="}, stringData={"b": "plain"})
    assert secret == Secret(ObjectRef("Secret", "shop", "x"), {"a": b"hi", "b": b"plain"})
    assert "hi" not in repr(secret)


def test_no_namespace_is_the_default_namespace() -> None:
    for metadata in ({"name": "x"}, {"name": "x", "namespace": None}):
        found = read_object(SUBJECT, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
        assert isinstance(found, Pod)
        assert found.ref.namespace == "default"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "apiVersion"),
        ({"apiVersion": 1, "kind": "Pod"}, "apiVersion"),
        ({"apiVersion": "v1"}, "kind"),
        ({"apiVersion": "v1", "kind": "Pod"}, "metadata"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": []}, "metadata"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "metadata.name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 5}}, "metadata.name"),
        ({"apiVersion": "microgateway.airlock.com/v1alpha1"}, "kind"),
        ({"apiVersion": "microgateway.airlock.com/v1alpha1", "kind": "Limits"}, "metadata"),
    ],
)
def test_what_has_no_name_is_malformed(raw: dict[str, Any], field: str) -> None:
    found = read_object(SUBJECT, raw)

    assert isinstance(found, Problem)
    assert (found.subject, found.field, found.reason) == (SUBJECT, field, Reason.MALFORMED)


@pytest.mark.parametrize("text", ["yesterday", "", "9999999999"])
def test_a_creation_time_that_cannot_be_read_is_unknown(text: str) -> None:
    found = ours("SidecarGateway", spec={}, metadata={"creationTimestamp": text})

    assert isinstance(found, BrokenResource)
    assert found.created == math.inf
