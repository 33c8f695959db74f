from __future__ import annotations

from typing import Any

from microgateway_common.problems import ObjectRef
from microgateway_webhook.validation.references import nothing_there, references
from microgateway_webhook.validation.resource import check_resource


def resource(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "shop", **metadata},
        "spec": spec,
    }


def ref(kind: str) -> ObjectRef:
    return ObjectRef(kind, "shop", "x")


WRONG = resource("Limits", {"request": {"limited": {"general": {"bodySize": "much"}}}})
GATEWAY = resource(
    "SidecarGateway",
    {
        "podSelector": {"matchLabels": {"app": "shop"}},
        "applications": [
            {
                "telemetryRef": {"name": "telemetry"},
                "routes": [{"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": "security"}}}],
            }
        ],
    },
)


def test_a_valid_resource() -> None:
    verdict = check_resource(ref("SidecarGateway"), GATEWAY, None)
    assert (verdict.errors, verdict.warnings) == ((), ())


def test_a_wrong_field_is_named() -> None:
    (error,) = check_resource(ref("Limits"), WRONG, None).errors
    assert error.field == "spec.request.limited.general.bodySize"
    assert 'got "much"' in str(error)


def test_an_update_that_does_not_touch_the_spec_passes_with_warnings() -> None:
    """Stored before the rule existed; a finalizer or label changes."""
    labelled = {**WRONG, "metadata": {**WRONG["metadata"], "labels": {"a": "b"}}}
    verdict = check_resource(ref("Limits"), labelled, WRONG)
    assert verdict.errors == ()
    assert len(verdict.warnings) == 1
    assert check_resource(ref("Limits"), WRONG, resource("Limits", {})).errors


def test_an_object_that_is_being_deleted_passes() -> None:
    dying = resource("Limits", WRONG["spec"], deletionTimestamp="2026-01-01T00:00:00Z")
    assert check_resource(ref("Limits"), dying, resource("Limits", {})).errors == ()


def test_what_is_not_built_yet_is_a_warning() -> None:
    """Published manifests apply unchanged; the compiler keeps such a gateway closed."""
    secured = {"secured": {"accessControlRef": {"name": "login"}}}
    spec = {**GATEWAY["spec"], "applications": [{"routes": [secured]}]}
    verdict = check_resource(ref("SidecarGateway"), resource("SidecarGateway", spec), None)
    assert verdict.errors == ()
    assert any("accessControlRef" in each.field for each in verdict.warnings)


def test_references_are_found_wherever_they_are() -> None:
    found = references("shop", GATEWAY)
    assert found == {
        "spec.applications[0].telemetryRef.name": ObjectRef("Telemetry", "shop", "telemetry"),
        "spec.applications[0].routes[0].secured.contentSecurityRef.name": ObjectRef(
            "ContentSecurity", "shop", "security"
        ),
    }
    field, target = next(iter(found.items()))
    assert str(nothing_there(ref("SidecarGateway"), field, target)) == (
        "SidecarGateway shop/x: spec.applications[0].telemetryRef.name: expected a Telemetry named telemetry"
        " in namespace shop, got none yet"
    )
