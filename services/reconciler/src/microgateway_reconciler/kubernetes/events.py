"""What a person must act on, as Kubernetes Events (events.k8s.io/v1). No I/O.

An Event is made when a condition turns bad, or is bad for another reason than before. Its name is made of
what it says, so that neither a restart nor a second reconciler says it twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from microgateway_common.problems import ObjectRef
from microgateway_common.resources.metadata import API_VERSION

from .api import Raw

CONTROLLER = "microgateway.airlock.com/reconciler"

#: Characters of a note and of an object's name.
_LONGEST_NOTE = 1024
_LONGEST_NAME = 253

#: Conditions that somebody has to do something about, with the reasons that make them so; None for any.
_ACTIONABLE: Mapping[str, str | None] = {
    "Accepted": None,
    "ResolvedRefs": None,
    "PodsSelected": "PodAlreadyOwned",
    "EnvoyConfigSynced": "Rejected",
}


class Complaint(NamedTuple):
    """reason: CamelCase. action: what the reconciler did."""

    reason: str
    action: str
    note: str


def complaints(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[Complaint]:
    """What the conditions of one `status` have to complain about and those of another had not."""
    before = {each.get("type"): each for each in held.get("conditions") or ()}
    for condition in wanted["conditions"]:
        kind, reason = condition["type"], condition["reason"]
        if condition["status"] != "False" or _ACTIONABLE.get(kind, "") not in (None, reason):
            continue
        earlier = before.get(kind, {})
        if any(earlier.get(name) != condition[name] for name in ("status", "reason", "message")):
            yield Complaint(reason, "Programming", condition["message"])


def unassigned(reason: str) -> Complaint:
    """About a pod that no gateway selects."""
    note = f"{reason}; the engine refuses all connections until one does"
    return Complaint("NoSidecarGateway", "Assigning", note)


def engine_missing() -> Complaint:
    """About a pod with the inject label that has no engine."""
    note = "the pod has the inject label and no engine, which is added only at creation; recreate the pod"
    return Complaint("EngineMissing", "Assigning", note)


def event(ref: ObjectRef, uid: str, generation: int, complaint: Complaint, instance: str, now: str) -> Raw:
    """instance: which reconciler says it. now: RFC 3339 with microseconds."""
    said = "\0".join((uid, str(generation), *complaint))
    suffix = hashlib.sha256(said.encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{ref.name[: _LONGEST_NAME - 17].rstrip('.-')}.{suffix}",
            "namespace": ref.namespace,
        },
        "type": "Warning",
        "reason": complaint.reason,
        "action": complaint.action,
        "note": complaint.note[:_LONGEST_NOTE],
        "regarding": {
            "apiVersion": "v1" if ref.kind == "Pod" else API_VERSION,
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
            "uid": uid,
        },
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "eventTime": now,
    }
