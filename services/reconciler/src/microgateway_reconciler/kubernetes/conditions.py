"""What `status` every object should have. No I/O.

Every kind has the conditions of the Kubernetes Gateway API (GEP-1364):

    Accepted      the object itself is valid
    ResolvedRefs  what it refers to exists and is valid
    Programmed    the engines of all its gateways serve it, as it is now

A SidecarGateway has besides them those of the interface we are compatible with
(`microgateway_compiler.status`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microgateway_common.names import PodKey, split_key
from microgateway_common.problems import ObjectRef, Problem, Reason, errors
from microgateway_common.status import (
    Condition,
    ConditionStatus,
    GatewayStatus,
    NeverPublished,
    Phase,
    Published,
)
from microgateway_compiler.status import object_condition, without_engine
from microgateway_reconciler import __version__

from .api import Raw

#: Characters of a message; the API server takes 32,768, people read fewer.
LONGEST_MESSAGE = 2048

#: Entries of `pods`, `unmanagedPods` and `unprotectedPods`; `totalPods` counts all of the first.
MOST_PODS = 256

_OF_REFERENCES = frozenset({Reason.DANGLING_REFERENCE, Reason.BROKEN_REFERENCE})


def gateway_status(generation: int, status: GatewayStatus, ref: ObjectRef) -> Raw:
    """`status` of a SidecarGateway, its conditions without times. Of another version than ours, an engine is
    outdated: it is replaced when its pod is."""
    own = _own(ref, status.problems)
    conditions = (_accepted(own), _resolved(own), programmed(status), *status.conditions)
    published = {"configHash": status.published.digest} if isinstance(status.published, Published) else {}
    return {
        "status": str(status.phase),
        "observedGeneration": generation,
        "conditions": _raw(conditions, generation),
        "totalPods": len(status.pods),
        "ackedPods": len(status.in_sync),
        "outdatedPods": sum(version != __version__ for version in status.engine_versions.values()),
        "pods": [_pod(pod, status.engine_versions) for pod in status.pods[:MOST_PODS]],
        "unmanagedPods": [
            {"name": split_key(each.pod)[1], "managedBy": split_key(each.managed_by)[1]}
            for each in status.unmanaged_pods[:MOST_PODS]
        ],
        "unprotectedPods": [{"name": split_key(pod)[1]} for pod in status.unprotected_pods[:MOST_PODS]],
        **published,
    }


def _pod(pod: PodKey, versions: Mapping[PodKey, str]) -> Raw:
    version = {"engineVersion": versions[pod]} if pod in versions else {}
    return {"name": split_key(pod)[1], **version}


def object_status(
    generation: int, ref: ObjectRef, loose: Iterable[Problem], users: Sequence[GatewayStatus]
) -> Raw:
    """`status` of any other kind, its conditions without times.

    loose: problems of objects that no gateway refers to. users: the gateways that depend on the object.
    """
    found = _own(ref, (*loose, *(problem for user in users for problem in user.problems)))
    phase = Phase.ERROR if errors(found) else Phase.WARNING if found else Phase.ACTIVE
    conditions = (_accepted(found), _resolved(found), _programmed_by(users))
    return {
        "status": str(phase),
        "observedGeneration": generation,
        "conditions": _raw(conditions, generation),
    }


def programmed(status: GatewayStatus) -> Condition:
    """Whether all pods of the gateway have an engine that serves its resources as they are now."""
    if errors(status.problems):
        kept = (
            "there has been no valid one yet"
            if isinstance(status.published, NeverPublished)
            else f"engines keep generation {status.published.generation}"
        )
        return _not_programmed("Invalid", f"the resources make no valid configuration; {kept}")
    if isinstance(status.published, NeverPublished) or not status.up_to_date:
        return _not_programmed("Pending", "the configuration is about to be published")
    for condition in status.conditions:
        if condition.reason == "Rejected":
            return _not_programmed("Rejected", condition.message)
    count = f"{len(status.in_sync)} of {len(status.pods)} pods serve generation {status.published.generation}"
    if len(status.in_sync) < len(status.pods):
        return _not_programmed("Pending", count)
    if status.unprotected_pods:
        return _not_programmed("EngineMissing", without_engine(status.unprotected_pods))
    return Condition("Programmed", ConditionStatus.TRUE, "Programmed", count)


def with_times(status: Raw, before: Mapping[str, Any], now: str) -> Raw:
    """The status with `lastTransitionTime` in its conditions: that of before where the condition has not
    changed its status, else now (RFC 3339)."""
    held = {each.get("type"): each for each in before.get("conditions") or ()}
    conditions = []
    for condition in status["conditions"]:
        earlier = held.get(condition["type"], {})
        same = earlier.get("status") == condition["status"] and "lastTransitionTime" in earlier
        conditions.append({**condition, "lastTransitionTime": earlier["lastTransitionTime"] if same else now})
    return {**status, "conditions": conditions}


def differs(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether what is held lacks anything of what is wanted; what others wrote there does not matter."""
    conditions = {each.get("type"): each for each in held.get("conditions") or ()}
    if any(conditions.get(each["type"]) != each for each in wanted["conditions"]):
        return True
    return any(held.get(name) != value for name, value in wanted.items() if name != "conditions")


def _own(ref: ObjectRef, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those of the object, each once."""
    return tuple(dict.fromkeys(problem for problem in problems if problem.subject == ref))


def _accepted(own: Iterable[Problem]) -> Condition:
    aside = _OF_REFERENCES | {Reason.POD_ALREADY_OWNED}  # conditions of their own speak of these
    return object_condition([problem for problem in own if problem.reason not in aside])


def _resolved(own: Iterable[Problem]) -> Condition:
    found = [problem for problem in own if problem.reason in _OF_REFERENCES]
    if found:
        message = "; ".join(str(problem) for problem in found)
        return Condition("ResolvedRefs", ConditionStatus.FALSE, found[0].reason, message)
    return Condition(
        "ResolvedRefs", ConditionStatus.TRUE, "ResolvedRefs", "every reference names a valid object"
    )


def _programmed_by(users: Sequence[GatewayStatus]) -> Condition:
    if not users:
        return _not_programmed("NotReferenced", "no SidecarGateway depends on it")
    for user in users:
        condition = programmed(user)
        if condition.status is not ConditionStatus.TRUE:
            return _not_programmed(condition.reason, f"SidecarGateway {user.gateway}: {condition.message}")
    names = ", ".join(user.gateway for user in users[:5]) + (", …" if len(users) > 5 else "")
    return Condition("Programmed", ConditionStatus.TRUE, "Programmed", f"served by SidecarGateway {names}")


def _not_programmed(reason: str, message: str) -> Condition:
    return Condition("Programmed", ConditionStatus.FALSE, reason, message)


def _raw(conditions: Iterable[Condition], generation: int) -> list[Raw]:
    return [
        {
            "type": condition.type,
            "status": str(condition.status),
            "reason": str(condition.reason),
            "message": _shortened(condition.message),
            "observedGeneration": generation,
        }
        for condition in conditions
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"
