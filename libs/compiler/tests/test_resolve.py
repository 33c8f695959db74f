from __future__ import annotations

from typing import Any

from microgateway_common.names import Namespace
from microgateway_common.problems import DocumentRef, ObjectRef, Reason
from microgateway_common.resources.sidecar_gateway import SidecarGateway
from microgateway_compiler.index import NamesOf
from microgateway_compiler.objects import BrokenResource, ConfigMap, CustomResource, read_object
from microgateway_compiler.resolve import Defaults, ResolvedContentSecurity, ResolvedGateway, resolve
from microgateway_compiler.store import Source, Store, Stored

ORIGIN = DocumentRef("f", 1)


def found(
    kind: str, spec: dict[str, Any], name: str = "x", namespace: str = "shop"
) -> CustomResource | BrokenResource:
    metadata = {"name": name, "namespace": namespace}
    raw = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }
    resource = read_object(ORIGIN, raw)
    assert isinstance(resource, CustomResource | BrokenResource)
    return resource


def resolved(*objects: CustomResource | BrokenResource | ConfigMap, **application: Any) -> ResolvedGateway:
    store = Store()
    store.replace(Source("f"), [Stored(ORIGIN, each) for each in objects])
    gateway = found("SidecarGateway", {"applications": [application]})
    assert isinstance(gateway, CustomResource)
    assert isinstance(gateway.resource, SidecarGateway)
    return resolve(gateway.resource, store)


def secured(name: str) -> dict[str, Any]:
    return {"secured": {"contentSecurityRef": {"name": name}}}


def test_absent_references_are_defaults() -> None:
    gateway = resolved()
    [application] = gateway.applications

    assert application.telemetry == Defaults()
    assert [route.treatment for route in application.routes] == [ResolvedContentSecurity(Defaults())]
    assert gateway.problems == ()
    assert gateway.depends_on == {ObjectRef("SidecarGateway", "shop", "x")}


def test_references_become_their_objects_through_the_whole_graph() -> None:
    limits, telemetry = found("Limits", {}), found("Telemetry", {})
    policy = found("ContentSecurity", {"limitsRef": {"name": "x"}})
    gateway = resolved(limits, telemetry, policy, routes=[secured("x")], telemetryRef={"name": "x"})
    [application] = gateway.applications
    treatment = application.routes[0].treatment

    assert isinstance(treatment, ResolvedContentSecurity)
    assert [treatment.resource, treatment.limits, application.telemetry] == [
        each.resource for each in (policy, limits, telemetry) if isinstance(each, CustomResource)
    ]
    assert treatment.parser == Defaults()
    assert gateway.problems == ()
    assert gateway.depends_on == {
        ObjectRef(kind, "shop", "x") for kind in ("SidecarGateway", "ContentSecurity", "Limits", "Telemetry")
    }


def test_objects_of_other_namespaces_do_not_count() -> None:
    [problem] = resolved(found("ContentSecurity", {}, namespace="bank"), routes=[secured("x")]).problems

    assert problem.reason is Reason.DANGLING_REFERENCE
    assert str(problem) == (
        "SidecarGateway shop/x: spec.applications[0].routes[0].secured.contentSecurityRef.name: "
        "expected a ContentSecurity named x in namespace shop, got none"
    )


def test_what_is_missing_is_depended_on_and_a_near_name_is_offered() -> None:
    gateway = resolved(found("ContentSecurity", {}, "checkout"), routes=[secured("chekout")])

    assert gateway.problems[0].got == "none (did you mean checkout?)"
    assert gateway.depends_on == {
        ObjectRef("SidecarGateway", "shop", "x"),
        ObjectRef("ContentSecurity", "shop", "chekout"),
        NamesOf("ContentSecurity", Namespace("shop")),
    }


def test_an_invalid_object_is_reported_once_with_its_own_problems() -> None:
    broken = found("ContentSecurity", {"limitRef": 1, "limitsRef": {}})
    problems = resolved(broken, routes=[secured("x"), secured("x")]).problems

    assert [problem.reason for problem in problems] == [
        Reason.BROKEN_REFERENCE,
        Reason.INVALID_FIELD,
        Reason.INVALID_FIELD,
        Reason.BROKEN_REFERENCE,
    ]
    assert problems[0].got == "one with 2 errors"


def test_a_shared_policys_problems_are_reported_once() -> None:
    policy = found("ContentSecurity", {"parserRef": {"name": "none"}})
    problems = resolved(policy, routes=[secured("x"), secured("x")]).problems

    assert [(str(problem.subject), problem.field) for problem in problems] == [
        ("ContentSecurity shop/x", "spec.parserRef.name")
    ]
