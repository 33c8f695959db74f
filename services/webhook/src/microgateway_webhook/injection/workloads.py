"""Pod templates inside the kinds that make pods, for injection into files."""

from __future__ import annotations

from typing import Any

from .inject import Injected, Namespace, Outcome, Skipped, inject
from .patch import difference
from .template import Template
from .versions import ServerVersion

_TEMPLATE = ("spec", "template")

#: `apiVersion`'s group and kind → where the pod template is.
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): _TEMPLATE,
}

#: What a Job's pods have when they come to admission.
_JOB_OWNER = {"apiVersion": "batch/v1", "kind": "Job"}


def template_path(raw: dict[str, Any]) -> tuple[str, ...] | None:
    """Where an object has its pod; None when it makes none."""
    group, _, version = str(raw.get("apiVersion", "")).rpartition("/")
    return TEMPLATES.get((group, str(raw.get("kind")))) if version else None


def inject_object(
    raw: dict[str, Any], template: Template, server: ServerVersion, namespace: Namespace
) -> Outcome:
    """Any object: as `inject` for a Pod, and for the pods of a workload; Skipped for others."""
    path = template_path(raw)
    if path is None:
        return Skipped(f"{raw.get('kind', 'the object')} makes no pods")
    pod: Any = raw
    for step in path:
        pod = pod.get(step) if isinstance(pod, dict) else None
    if not isinstance(pod, dict):
        return Skipped(f"{'.'.join(path)}: expected a pod template, got none")
    is_job = raw["kind"] in ("Job", "CronJob")
    outcome = inject(_owned(pod) if is_job else pod, template, server, namespace)
    if not isinstance(outcome, Injected):
        return outcome
    injected = _put(raw, path, _disowned(outcome.pod) if is_job else outcome.pod)
    return Injected(injected, difference(raw, injected), outcome.warnings)


def _owned(pod: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {**(pod.get("metadata") or {}), "ownerReferences": [_JOB_OWNER]}}


def _disowned(pod: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in pod["metadata"].items() if key != "ownerReferences"}
    return {**pod, "metadata": metadata}


def _put(raw: dict[str, Any], path: tuple[str, ...], pod: dict[str, Any]) -> dict[str, Any]:
    if not path:
        return pod
    step, *rest = path
    return {**raw, step: _put(raw[step], tuple(rest), pod)}
