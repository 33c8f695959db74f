"""A gateway's outcome, and what its engines say, as the status people read.

    ConfigReferencesLoaded   every reference names a valid object
    ConfigAccepted           nothing else is wrong; False: engines keep the last good configuration
    PodsSelected             there are pods, no other gateway owns them, and all have an engine
    EnvoyConfigSynced        every pod's engine serves the published configuration

The names but ConfigAccepted are those of the interface that we are compatible with; there is no Envoy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from microgateway_common.bus.messages import Acknowledgement, Applied, Assigned, Rejected
from microgateway_common.names import PodKey
from microgateway_common.problems import Problem, Reason, errors
from microgateway_common.status import (
    Condition,
    ConditionStatus,
    GatewayStatus,
    NeverPublished,
    Phase,
    Published,
)

from .compile.gateway import Compiled
from .outcome import GatewayOutcome

#: A message lists that many problems or pods; a Kubernetes condition holds 32 KiB.
_LISTED = 5

_OF_REFERENCES = frozenset({Reason.DANGLING_REFERENCE, Reason.BROKEN_REFERENCE})


def gateway_status(
    outcome: GatewayOutcome,
    published: Published | NeverPublished,
    acknowledgements: Mapping[PodKey, Acknowledgement],
) -> GatewayStatus:
    """acknowledgements: the last of each pod; those of other gateways' pods are ignored."""
    theirs = [
        acknowledgements[pod]
        for pod in outcome.pods
        if pod in acknowledgements and acknowledgements[pod].assignment == Assigned(outcome.gateway)
    ]
    in_sync = tuple(each.pod for each in theirs if _serves(each, published))
    rejections = [
        f"{each.pod}: {each.rejected.message}"
        for each in theirs
        if isinstance(each.rejected, Rejected) and each.pod not in in_sync
    ]
    return GatewayStatus(
        gateway=outcome.gateway,
        phase=_phase(outcome, in_sync, rejections),
        observed_generation=outcome.observed_generation,
        published=published,
        up_to_date=_is_up_to_date(outcome, published),
        conditions=(
            _references_loaded(outcome),
            _accepted(outcome),
            _pods_selected(outcome),
            _synced(outcome, published, in_sync, rejections),
        ),
        problems=outcome.problems,
        pods=outcome.pods,
        in_sync=in_sync,
        unmanaged_pods=outcome.unmanaged_pods,
        unprotected_pods=outcome.unprotected_pods,
        engine_versions={each.pod: each.engine_version for each in theirs},
    )


def object_condition(problems: Sequence[Problem]) -> Condition:
    """Condition `Accepted` of any kind's object. problems: those whose subject it is."""
    if found := errors(list(problems)):
        return _false("Accepted", found[0].reason, _listed(found))
    if problems:
        return _true("Accepted", "AcceptedWithWarnings", _listed(problems))
    return _true("Accepted", "Accepted", "the resource is valid")


def without_engine(pods: Sequence[PodKey]) -> str:
    """What is wrong with pods that have the inject label and no engine, and what helps."""
    number = "1 pod has" if len(pods) == 1 else f"{len(pods)} pods have"
    return (
        f"{number} the inject label and no engine, which is added only at creation; to be created again: "
        f"{_listed(pods)}"
    )


def _serves(acknowledgement: Acknowledgement, published: Published | NeverPublished) -> bool:
    match acknowledgement.serving, published:
        case Applied(generation=served), Published(generation=wanted):
            return served == wanted
        case _:
            return False


def _is_up_to_date(outcome: GatewayOutcome, published: Published | NeverPublished) -> bool:
    match outcome.configuration, published:
        case Compiled() as compiled, Published(digest=digest):
            return compiled.digest == digest
        case _:
            return False


def _phase(outcome: GatewayOutcome, in_sync: Sequence[PodKey], rejections: Sequence[str]) -> Phase:
    """A pod that another gateway owns is an Error of the younger one, as users of the interface know it; one
    without engine, since nothing protects it."""
    if errors(outcome.problems) or outcome.unmanaged_pods or outcome.unprotected_pods or rejections:
        return Phase.ERROR
    if outcome.problems or len(in_sync) < len(outcome.pods):
        return Phase.WARNING
    return Phase.ACTIVE


def _references_loaded(outcome: GatewayOutcome) -> Condition:
    found = [problem for problem in outcome.problems if problem.reason in _OF_REFERENCES]
    if found:
        return _false("ConfigReferencesLoaded", found[0].reason, _listed(found))
    return _true("ConfigReferencesLoaded", "ReferencesLoaded", "every reference names a valid object")


def _accepted(outcome: GatewayOutcome) -> Condition:
    found = [problem for problem in errors(outcome.problems) if problem.reason not in _OF_REFERENCES]
    if found:
        return _false("ConfigAccepted", found[0].reason, _listed(found))
    if errors(outcome.problems):
        return _false("ConfigAccepted", "ReferencesNotLoaded", "a reference names no valid object")
    warnings = [problem for problem in outcome.problems if problem.reason is not Reason.POD_ALREADY_OWNED]
    if warnings:
        return _true("ConfigAccepted", "AcceptedWithWarnings", _listed(warnings))
    return _true("ConfigAccepted", "Accepted", "the resources compile")


def _pods_selected(outcome: GatewayOutcome) -> Condition:
    if outcome.unmanaged_pods:
        message = _listed(
            f"{unmanaged.pod} is already owned by the SidecarGateway {unmanaged.managed_by}"
            for unmanaged in outcome.unmanaged_pods
        )
        return _false("PodsSelected", Reason.POD_ALREADY_OWNED, message)
    if outcome.unprotected_pods:
        return _false("PodsSelected", "EngineMissing", without_engine(outcome.unprotected_pods))
    if not outcome.pods:
        return _false("PodsSelected", "NoPods", "no pod with the inject label fits spec.podSelector")
    return _true("PodsSelected", "PodsSelected", f"{len(outcome.pods)} selected")


def _synced(
    outcome: GatewayOutcome,
    published: Published | NeverPublished,
    in_sync: Sequence[PodKey],
    rejections: Sequence[str],
) -> Condition:
    kind = "EnvoyConfigSynced"
    if isinstance(published, NeverPublished):
        return Condition(
            kind, ConditionStatus.UNKNOWN, "NeverPublished", "there has been no valid configuration yet"
        )
    if not outcome.pods:
        return Condition(kind, ConditionStatus.UNKNOWN, "NoPods", "no pod waits for the configuration")
    if rejections:
        return _false(kind, "Rejected", _listed(rejections))
    count = f"{len(in_sync)} of {len(outcome.pods)} pods serve generation {published.generation}"
    if len(in_sync) < len(outcome.pods):
        waiting = (f"{pod} does not" for pod in outcome.pods if pod not in in_sync)
        return _false(kind, "OutOfSync", f"{count}; {_listed(waiting)}")
    return _true(kind, "Synced", count)


def _listed(items: Iterable[Problem | str]) -> str:
    texts = [str(item) for item in items]
    more = f"; and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return "; ".join(texts[:_LISTED]) + more


def _true(kind: str, reason: str, message: str) -> Condition:
    return Condition(kind, ConditionStatus.TRUE, reason, message)


def _false(kind: str, reason: str, message: str) -> Condition:
    return Condition(kind, ConditionStatus.FALSE, reason, message)
