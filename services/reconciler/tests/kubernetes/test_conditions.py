from __future__ import annotations

from typing import Any

from microgateway_common.names import Digest, GatewayKey, Generation, PodKey
from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.status import (
    Condition,
    ConditionStatus,
    GatewayStatus,
    NeverPublished,
    Phase,
    Published,
    UnmanagedPod,
)
from microgateway_reconciler.kubernetes import conditions

GATEWAY = ObjectRef("SidecarGateway", "shop", "shop")
LIMITS = ObjectRef("Limits", "shop", "x")
PODS = (PodKey("shop/a"), PodKey("shop/b"))
NOW, EARLIER = "2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"


def gateway(**changed: Any) -> GatewayStatus:
    """One that is in order, but for what is given."""
    fields: dict[str, Any] = {
        "gateway": GatewayKey("shop/shop"),
        "phase": Phase.ACTIVE,
        "observed_generation": 3,
        "published": Published(Generation(7), Digest("sha256:aa")),
        "up_to_date": True,
        "conditions": (Condition("PodsSelected", ConditionStatus.TRUE, "PodsSelected", "2 selected"),),
        "problems": (),
        "pods": PODS,
        "in_sync": PODS,
        "unmanaged_pods": (),
    }
    return GatewayStatus(**{**fields, **changed})


def problem(
    ref: ObjectRef, reason: Reason = Reason.INVALID_FIELD, severity: Severity = Severity.ERROR
) -> Problem:
    return Problem(ref, "spec.x", "a number", "a list", reason, severity)


def verdict(status: GatewayStatus) -> tuple[str, str]:
    condition = conditions.programmed(status)
    return str(condition.status), condition.reason


def of(status: dict[str, Any], kind: str) -> tuple[str, str]:
    (condition,) = (each for each in status["conditions"] if each["type"] == kind)
    return condition["status"], condition["reason"]


def test_programmed_is_what_all_engines_serve_now() -> None:
    assert verdict(gateway()) == ("True", "Programmed")
    assert verdict(gateway(pods=(), in_sync=())) == ("True", "Programmed")
    assert verdict(gateway(in_sync=PODS[:1])) == ("False", "Pending")
    assert verdict(gateway(up_to_date=False)) == ("False", "Pending")
    assert verdict(gateway(published=NeverPublished(), up_to_date=False)) == ("False", "Pending")
    assert verdict(gateway(problems=(problem(LIMITS),))) == ("False", "Invalid")
    assert verdict(gateway(unprotected_pods=(PodKey("shop/c"),))) == ("False", "EngineMissing")
    rejected = Condition("EnvoyConfigSynced", ConditionStatus.FALSE, "Rejected", "shop/a: no")
    assert verdict(gateway(in_sync=PODS[1:], conditions=(rejected,))) == ("False", "Rejected")


def test_a_gateway_counts_its_pods() -> None:
    unmanaged = (UnmanagedPod(PodKey("shop/c"), GatewayKey("shop/elder")),)
    found = gateway(
        in_sync=PODS[:1],
        unmanaged_pods=unmanaged,
        unprotected_pods=(PodKey("shop/d"), PodKey("shop/e")),
        engine_versions={PODS[0]: "0.0.1"},
    )
    status = conditions.gateway_status(3, found, GATEWAY)

    assert (status["totalPods"], status["ackedPods"], status["observedGeneration"]) == (2, 1, 3)
    assert status["pods"] == [{"name": "a", "engineVersion": "0.0.1"}, {"name": "b"}]
    assert status["outdatedPods"] == 1
    assert status["unmanagedPods"] == [{"name": "c", "managedBy": "elder"}]
    assert status["unprotectedPods"] == [{"name": "d"}, {"name": "e"}]
    assert status["configHash"] == "sha256:aa"
    assert [each["type"] for each in status["conditions"]] == [
        "Accepted", "ResolvedRefs", "Programmed", "PodsSelected",
    ]  # fmt: skip


def test_what_is_too_long_for_the_api_server_is_cut() -> None:
    many = tuple(PodKey(f"shop/{number}") for number in range(1000))
    long = Condition("PodsSelected", ConditionStatus.TRUE, "PodsSelected", "x" * 40_000)
    found = gateway(pods=many, unprotected_pods=many, conditions=(long,))
    status = conditions.gateway_status(1, found, GATEWAY)

    assert (len(status["pods"]), status["totalPods"]) == (conditions.MOST_PODS, 1000)
    assert len(status["unprotectedPods"]) == conditions.MOST_PODS
    assert len(status["conditions"][-1]["message"]) == conditions.LONGEST_MESSAGE


def test_references_and_the_object_itself_are_judged_apart() -> None:
    dangling = problem(GATEWAY, Reason.DANGLING_REFERENCE)
    status = conditions.gateway_status(1, gateway(problems=(dangling, problem(LIMITS))), GATEWAY)
    assert of(status, "Accepted") == ("True", "Accepted")
    assert of(status, "ResolvedRefs") == ("False", "DanglingReference")


def test_an_object_is_as_well_off_as_the_gateways_that_use_it() -> None:
    waiting = gateway(gateway=GatewayKey("shop/other"), in_sync=())
    fine = conditions.object_status(1, LIMITS, (), [gateway()])
    assert (of(fine, "Programmed"), fine["status"]) == (("True", "Programmed"), "Active")
    assert of(conditions.object_status(1, LIMITS, (), [gateway(), waiting]), "Programmed") == (
        "False",
        "Pending",
    )
    assert of(conditions.object_status(1, LIMITS, (), []), "Programmed") == ("False", "NotReferenced")


def test_an_object_has_its_own_problems_whoever_reports_them() -> None:
    user = gateway(problems=(problem(LIMITS), problem(GATEWAY)))
    used = conditions.object_status(1, LIMITS, (), [user, user])
    loose = conditions.object_status(1, LIMITS, [problem(LIMITS)], [])
    warned = conditions.object_status(1, LIMITS, [problem(LIMITS, severity=Severity.WARNING)], [])

    assert used["conditions"][0]["message"].count("spec.x") == 1
    assert (of(used, "Accepted"), used["status"]) == (("False", "InvalidField"), "Error")
    assert of(loose, "Accepted") == ("False", "InvalidField")
    assert (of(warned, "Accepted"), warned["status"]) == (("True", "AcceptedWithWarnings"), "Warning")


def test_a_transition_time_moves_only_with_the_status() -> None:
    fine = conditions.object_status(1, LIMITS, (), [gateway()])
    held = conditions.with_times(fine, {}, EARLIER)
    later = conditions.with_times(conditions.object_status(2, LIMITS, (), [gateway(in_sync=())]), held, NOW)

    assert {each["type"]: each["lastTransitionTime"] for each in later["conditions"]} == {
        "Accepted": EARLIER,
        "ResolvedRefs": EARLIER,
        "Programmed": NOW,
    }


def test_only_what_we_write_counts_as_a_difference() -> None:
    wanted = conditions.with_times(conditions.object_status(1, LIMITS, (), [gateway()]), {}, NOW)
    foreign = {"type": "Reviewed", "status": "True"}
    held = {**wanted, "conditions": [foreign, *wanted["conditions"]], "more": 1}

    assert not conditions.differs(wanted, held)
    assert conditions.differs(wanted, {**held, "observedGeneration": 0})
    assert conditions.differs(wanted, {**held, "conditions": [foreign]})
    assert conditions.differs(wanted, {})
