from __future__ import annotations

from typing import Any

import pytest
from certificates import Certified, authority

from microgateway_common.history import Change, FieldManager, InFile, changes_between
from microgateway_common.mirror import Invalid, Manifest, SecretNames
from microgateway_common.names import gateway_key
from microgateway_common.problems import ObjectRef
from microgateway_common.resources.metadata import API_VERSION
from microgateway_reconciler.archive.chronicle import Chronicle, versions
from microgateway_reconciler.sources.changes import ObjectGone, ObjectPresent

from ..conftest import Desk  # noqa: TID252 - of these tests

SHOP = gateway_key("shop", "shop")
GATEWAY = ObjectRef("SidecarGateway", "shop", "shop")
POLICY = ObjectRef("ContentSecurity", "shop", "strict")
LIMITS = ObjectRef("Limits", "shop", "strict")
TLS = ObjectRef("Secret", "shop", "tls")

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "shop"}}
LOG_ONLY = {"settings": {"threatHandlingMode": "LogOnly"}}


def manifest(ref: ObjectRef, spec: Any, generation: int = 1) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace, "generation": generation}
    return {"apiVersion": API_VERSION, "kind": ref.kind, "metadata": metadata, "spec": spec}


def gateway(**application: Any) -> dict[str, Any]:
    route = {"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": "strict"}}}
    return manifest(GATEWAY, {"applications": [{"containerPort": 80, "routes": [route], **application}]})


def apply(desk: Desk, *documents: dict[str, Any], by: str = "kubectl", version: str = "1") -> None:
    """As the Kubernetes source tells."""
    batch = []
    for raw in documents:
        ref = ObjectRef(raw["kind"], "shop", raw["metadata"]["name"])
        desk.pipeline.replace_object(raw)
        writer = FieldManager(by, "2026-01-01T00:00:00Z")
        batch.append(ObjectPresent(ref, raw, "u", 1, {}, version, writer))
    desk.take(batch)


@pytest.fixture
def chronicle(desk: Desk) -> Chronicle:
    """Of a gateway with a policy and limits."""
    policy = manifest(POLICY, {"limitsRef": {"name": "strict"}})
    apply(desk, gateway(), policy, manifest(LIMITS, {}))
    return desk.chronicle


def test_a_gateway_is_compiled_from_all_it_refers_to(chronicle: Chronicle) -> None:
    found = {each.ref: each for each in versions(chronicle.used(SHOP))}
    assert found.keys() == {GATEWAY, POLICY, LIMITS}
    assert found[LIMITS].resource_version == "1"
    assert found[LIMITS].writer == FieldManager("kubectl", "2026-01-01T00:00:00Z")


def test_what_has_changed_is_named_with_who_changed_it(desk: Desk, chronicle: Chronicle) -> None:
    before = versions(chronicle.used(SHOP))
    apply(desk, manifest(LIMITS, LOG_ONLY, 2), by="argocd", version="9")
    (change,) = changes_between(before, versions(chronicle.used(SHOP)))
    assert (change.change, change.object.ref, change.object.generation) == (Change.CHANGED, LIMITS, 2)
    assert change.object.resource_version == "9"
    assert change.object.writer == FieldManager("argocd", "2026-01-01T00:00:00Z")


def test_what_was_compiled_stays_what_it_was(desk: Desk, chronicle: Chronicle) -> None:
    """Whoever records it does so later."""
    used = chronicle.used(SHOP)
    before = versions(used)
    apply(desk, manifest(LIMITS, LOG_ONLY, 2), by="argocd", version="9")
    assert versions(used) == before


def test_a_gateway_that_fails_keeps_what_its_engines_have(desk: Desk, chronicle: Chronicle) -> None:
    before = chronicle.used(SHOP)
    apply(desk, manifest(LIMITS, {"settings": "none"}, 2))
    assert chronicle.used(SHOP) == before


def test_of_files_their_paths_are_known(desk: Desk) -> None:
    desk.save("shop")
    (version,) = versions(desk.chronicle.used(SHOP))
    assert (version.writer, version.resource_version) == (InFile("shop.yaml"), "")
    desk.save("shop", port=81)
    (changed,) = changes_between([version], versions(desk.chronicle.used(SHOP)))
    assert changed.change is Change.CHANGED
    desk.remove("shop")
    assert desk.chronicle.used(SHOP) == ()


@pytest.mark.parametrize("versioned", [True, False], ids=["of the API server", "of a file"])
def test_secrets_differ_without_telling_what_they_are(desk: Desk, versioned: bool) -> None:
    tls = {"tls": {"enable": True, "secretRef": {"name": "tls"}}}
    apply(desk, gateway(downstream=tls), manifest(POLICY, {}))

    def fingerprint(certified: Certified, version: str) -> str:
        data = {"tls.crt": certified.pem.decode(), "tls.key": certified.key_pem.decode()}
        apply(desk, {**SECRET, "stringData": data}, version=version if versioned else "")
        (found,) = (each for each in versions(desk.chronicle.used(SHOP)) if each.ref == TLS)
        return found.fingerprint

    one, other = authority().leaf("one.example"), authority().leaf("other.example")
    first = fingerprint(one, "1")
    assert fingerprint(one, "1") == first
    assert fingerprint(other, "2") != first
    assert len(first) < 40


def test_every_object_is_mirrored_as_it_may_be_known(desk: Desk, chronicle: Chronicle) -> None:
    headers = ObjectRef("HeaderRewrites", "shop", "x")
    new = {"name": "Authorization", "value": "Basic hunter2"}
    spec = {"request": {"add": {"custom": [{"name": "a", "headers": [new]}]}}}
    apply(desk, manifest(headers, spec), {**SECRET, "stringData": {"b": "hunter2", "a": "x"}})
    desk.pipeline.replace_object(manifest(LIMITS, {"hunter2": "hunter2"}))
    desk.save("other")  # with a pod
    assert chronicle.sources == {
        *(GATEWAY, POLICY, LIMITS, TLS, headers),
        ObjectRef("SidecarGateway", "shop", "other"),
    }
    mirrored = {ref: chronicle.mirrored(ref) for ref in chronicle.sources}
    assert "hunter2" not in str(mirrored)
    assert isinstance(mirrored[headers], Manifest)
    assert mirrored[LIMITS] == Invalid(LIMITS, 1)
    assert mirrored[TLS] == SecretNames(TLS, ("a", "b"))


def test_what_is_to_be_mirrored_is_told_once(desk: Desk, chronicle: Chronicle) -> None:
    assert chronicle.news.is_set()
    assert chronicle.take_changed() == {GATEWAY, POLICY, LIMITS}
    assert chronicle.take_changed() == set()
    desk.pipeline.remove_object(LIMITS)
    desk.take([ObjectGone(LIMITS)])
    assert chronicle.take_changed() == {LIMITS}
    assert chronicle.mirrored(LIMITS) is None
    assert LIMITS not in chronicle.sources
