from __future__ import annotations

from microgateway_common import wire
from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    NoConfiguration,
    NothingRejected,
    Rejected,
)
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.names import Digest, GatewayKey, Generation, PodKey
from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.status import (
    Condition,
    ConditionStatus,
    NeverPublished,
    Phase,
    Published,
    UnmanagedPod,
)
from microgateway_compiler.compile.gateway import Compiled, Failed
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_compiler.status import gateway_status, object_condition

GATEWAY, OTHER = GatewayKey("shop/shop"), GatewayKey("shop/other")
REF = ObjectRef("SidecarGateway", "shop", "shop")
A, B = PodKey("shop/a"), PodKey("shop/b")
CONFIG = GatewayConfig(GATEWAY, DefaultOrigin("SidecarGateway"), {}, ())
DIGEST = wire.digest_of(wire.encode(CONFIG))
PUBLISHED = Published(Generation(7), DIGEST)
DANGLING = Problem(REF, "spec.x.name", "a Limits named x", "none", reason=Reason.DANGLING_REFERENCE)
INVALID = Problem(REF, "spec.y", "a number", "a string")
REMARK = Problem(REF, "spec.z", "false", "true", severity=Severity.WARNING)

NOTHING_REJECTED = NothingRejected()


def outcome(
    *problems: Problem,
    pods: tuple[PodKey, ...] = (A,),
    unmanaged: tuple[UnmanagedPod, ...] = (),
    unprotected: tuple[PodKey, ...] = (),
) -> GatewayOutcome:
    is_bad = any(problem.severity is Severity.ERROR for problem in problems)
    configuration = Failed() if is_bad else Compiled(CONFIG)
    return GatewayOutcome(GATEWAY, 3, configuration, problems, pods, unmanaged, unprotected)


def ack(
    pod: PodKey = A,
    generation: int = 7,
    gateway: GatewayKey = GATEWAY,
    rejected: Rejected | NothingRejected = NOTHING_REJECTED,
) -> Acknowledgement:
    serving = Applied(Generation(generation), DIGEST) if generation else NoConfiguration()
    return Acknowledgement(pod, "1", "test", Assigned(gateway), serving, rejected, 0.0)


def conditions(found: tuple[Condition, ...]) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status.value, condition.reason) for condition in found}


def test_all_is_well() -> None:
    status = gateway_status(outcome(), PUBLISHED, {A: ack()})

    assert status.phase is Phase.ACTIVE
    assert (status.observed_generation, status.up_to_date, status.in_sync) == (3, True, (A,))
    assert status.engine_versions == {A: "test"}
    assert conditions(status.conditions) == {
        "ConfigReferencesLoaded": ("True", "ReferencesLoaded"),
        "ConfigAccepted": ("True", "Accepted"),
        "PodsSelected": ("True", "PodsSelected"),
        "EnvoyConfigSynced": ("True", "Synced"),
    }


def test_a_dangling_reference_is_an_error_and_the_last_configuration_stays() -> None:
    status = gateway_status(outcome(DANGLING), PUBLISHED, {A: ack()})

    assert (status.phase, status.up_to_date, status.published) == (Phase.ERROR, False, PUBLISHED)
    assert status.in_sync == (A,)
    assert status.conditions[0] == Condition(
        "ConfigReferencesLoaded", ConditionStatus.FALSE, "DanglingReference", str(DANGLING)
    )
    assert conditions(status.conditions)["ConfigAccepted"] == ("False", "ReferencesNotLoaded")


def test_an_invalid_field_is_an_error_of_acceptance() -> None:
    status = gateway_status(outcome(INVALID), NeverPublished(), {})

    assert status.phase is Phase.ERROR
    assert conditions(status.conditions) == {
        "ConfigReferencesLoaded": ("True", "ReferencesLoaded"),
        "ConfigAccepted": ("False", "InvalidField"),
        "PodsSelected": ("True", "PodsSelected"),
        "EnvoyConfigSynced": ("Unknown", "NeverPublished"),
    }


def test_a_remark_is_a_warning() -> None:
    status = gateway_status(outcome(REMARK), PUBLISHED, {A: ack()})

    assert status.phase is Phase.WARNING
    assert conditions(status.conditions)["ConfigAccepted"] == ("True", "AcceptedWithWarnings")


def test_a_pod_that_serves_another_generation_or_is_silent_is_out_of_sync() -> None:
    acks = {A: ack(generation=6)}
    status = gateway_status(outcome(pods=(A, B)), PUBLISHED, acks)

    assert (status.phase, status.in_sync) == (Phase.WARNING, ())
    assert status.conditions[3].message == (
        "0 of 2 pods serve generation 7; shop/a does not; shop/b does not"
    )


def test_what_a_pod_says_as_another_gateways_does_not_count() -> None:
    assert gateway_status(outcome(), PUBLISHED, {A: ack(gateway=OTHER)}).in_sync == ()


def test_a_rejected_bundle_is_an_error_with_the_pods_words() -> None:
    rejected = Rejected("not_applicable", "DenyRules shop/x: bad")
    status = gateway_status(outcome(), PUBLISHED, {A: ack(generation=0, rejected=rejected)})

    assert status.phase is Phase.ERROR
    assert status.conditions[3] == Condition(
        "EnvoyConfigSynced", ConditionStatus.FALSE, "Rejected", "shop/a: DenyRules shop/x: bad"
    )


def test_a_pod_of_an_older_gateway_is_an_error_of_the_younger() -> None:
    status = gateway_status(outcome(pods=(), unmanaged=(UnmanagedPod(B, OTHER),)), PUBLISHED, {})

    assert status.phase is Phase.ERROR
    assert status.conditions[2] == Condition(
        "PodsSelected",
        ConditionStatus.FALSE,
        "PodAlreadyOwned",
        "shop/b is already owned by the SidecarGateway shop/other",
    )


def test_a_pod_without_engine_is_an_error_however_well_the_others_do() -> None:
    status = gateway_status(outcome(unprotected=(B,)), PUBLISHED, {A: ack()})

    assert (status.phase, status.pods, status.unprotected_pods) == (Phase.ERROR, (A,), (B,))
    assert status.conditions[2] == Condition(
        "PodsSelected",
        ConditionStatus.FALSE,
        "EngineMissing",
        "1 pod has the inject label and no engine, which is added only at creation; "
        "to be created again: shop/b",
    )


def test_a_gateway_without_pods_is_active() -> None:
    status = gateway_status(outcome(pods=()), PUBLISHED, {})

    assert status.phase is Phase.ACTIVE
    assert conditions(status.conditions)["PodsSelected"] == ("False", "NoPods")
    assert conditions(status.conditions)["EnvoyConfigSynced"] == ("Unknown", "NoPods")


def test_a_digest_of_earlier_resources_is_not_up_to_date() -> None:
    earlier = Published(Generation(7), Digest("sha256:0"))
    assert not gateway_status(outcome(), earlier, {A: ack()}).up_to_date


def test_long_lists_are_cut() -> None:
    status = gateway_status(outcome(*[INVALID] * 8), NeverPublished(), {})

    assert status.conditions[1].message.endswith("; and 3 more")


def test_an_object_of_any_kind_is_accepted_unless_it_has_an_error() -> None:
    found = [object_condition(problems) for problems in ([], [REMARK], [REMARK, INVALID])]

    assert [(each.status.value, each.reason) for each in found] == [
        ("True", "Accepted"),
        ("True", "AcceptedWithWarnings"),
        ("False", "InvalidField"),
    ]
    assert found[2].message == str(INVALID)
