"""The recipe: a pod with the gateway in it, or why there is none.

    native sidecar              ordinary container (servers before 1.29)
    initContainers: netcheck    initContainers: netcheck
                    engine                      application's
                    application's   containers: engine
    containers:     application's               application's

Whoever asks for the gateway and cannot have it is refused: the pod must not run unprotected. Skipped is who
does not ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from microgateway_common.operator_config import SidecarMode
from microgateway_webhook import probes

from . import containers, names
from .annotations import AnnotationError, PodOptions, pod_options, unknown_annotations
from .patch import Operation, difference
from .shape import ShapeError, check_shape
from .strip import CONTAINER_FIELDS, Pod, strip
from .template import Template, with_options
from .users import NoUserLeftError, UserRange, choose_users
from .versions import ServerVersion

#: Seconds of a pod's grace period that are left when the engine has finished its requests.
_GRACE_RESERVE = 5

_DEFAULT_GRACE = 30

#: A container with one of these can take the redirect away.
_REDIRECT_CAPABILITIES = frozenset({"NET_ADMIN", "CAP_NET_ADMIN", "SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"})


@dataclass(frozen=True, slots=True)
class Namespace:
    """users: what the namespace restricts user IDs to; None for nothing."""

    name: str
    users: UserRange | None = None


@dataclass(frozen=True, slots=True)
class Injected:
    """pod: as it is to be. patch: from the pod as it came; empty when it already is so."""

    pod: Pod
    patch: list[Operation]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """The pod stays as it is. warnings: when it looks as if its owner meant something else."""

    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The pod must not run. message: field, expected, got."""

    message: str


Outcome = Injected | Skipped | Refused


class _Refusal(Exception):  # noqa: N818 - ends the recipe early; it is no error
    pass


def inject(pod: Pod, template: Template, server: ServerVersion, namespace: Namespace) -> Outcome:
    """pod: core/v1 Pod as JSON; it stays as it is. The same arguments give the same outcome, and injecting
    what was injected changes nothing."""
    try:
        check_shape(pod)
        skipped = _skipped(pod, template, namespace)
        return skipped or _injected(pod, template, server, namespace)
    except (ShapeError, AnnotationError, NoUserLeftError, _Refusal) as refusal:
        return Refused(str(refusal))


def _skipped(pod: Pod, template: Template, namespace: Namespace) -> Skipped | None:
    metadata = pod.get("metadata") or {}
    label = (metadata.get("labels") or {}).get(names.INJECT_LABEL)
    if label is None:
        return Skipped(f"the pod has no label {names.INJECT_LABEL}", _misplaced_label(metadata))
    if label == "false":
        return Skipped(f"the label {names.INJECT_LABEL} is false")
    if label != "true":
        problem = f'metadata.labels[{names.INJECT_LABEL}]: expected "true" or "false", got "{label}"'
        return Skipped(problem, (f"{problem}; the pod is not protected",))
    if names.MIRROR_POD in (metadata.get("annotations") or {}):
        reason = "a static pod runs from a file of its node, which admission cannot change"
        return Skipped(reason, (f"{reason}; the pod is not protected",))
    if template.excludes(namespace.name):
        reason = f"nothing is injected in namespace {namespace.name}"
        return Skipped(reason, (f"{reason}; the pod is not protected",))
    return None


def _misplaced_label(metadata: dict[str, Any]) -> tuple[str, ...]:
    if names.INJECT_LABEL in (metadata.get("annotations") or {}):
        return (f"{names.INJECT_LABEL} is an annotation and has no effect; it has to be a label",)
    return ()


def _injected(pod: Pod, template: Template, server: ServerVersion, namespace: Namespace) -> Injected:
    original = strip(pod)
    spec: dict[str, Any] = original["spec"]
    _refuse_impossible(spec)
    annotations = original["metadata"].get("annotations") or {}
    options = pod_options(annotations)
    own = with_options(template, options)
    warnings = [*unknown_annotations(annotations), *_privileged(spec)]

    native = _is_native(template, server)
    if not native:
        warnings += _never_completes(original, server)
    users = choose_users(spec, namespace.users)
    definitions, rewritten = _rewritten(spec, options, warnings)
    netcheck = containers.netcheck(own, users)
    engine = containers.engine(own, users, _drain_seconds(own, spec), definitions, native=native)

    # Netcheck is first: it needs the port that the engine takes.
    first, running = ([netcheck, engine], []) if native else ([netcheck], [engine])
    injected = {
        **original,
        "metadata": _metadata(original["metadata"], template, rewritten, native=native),
        "spec": {
            **spec,
            "initContainers": [*first, *rewritten["initContainers"]],
            "containers": [*running, *rewritten["containers"]],
            "volumes": [*(spec.get("volumes") or []), *containers.volumes(own)],
        },
    }
    return Injected(injected, difference(pod, injected), tuple(warnings))


def _refuse_impossible(spec: dict[str, Any]) -> None:
    if spec.get("hostNetwork"):
        raise _Refusal(
            "spec.hostNetwork: expected false, got true; the gateway protects a pod's own network,"
            " and this pod has that of its node"
        )
    match spec:
        case {"os": {"name": "windows"}} | {"nodeSelector": {"kubernetes.io/os": "windows"}}:
            raise _Refusal(
                "spec.os.name: expected linux, got windows; the gateway runs and redirects on Linux only"
            )
    for field in CONTAINER_FIELDS:
        for position, container in enumerate(spec.get(field) or []):
            for index, port in enumerate(container.get("ports") or []):
                number, protocol = port.get("containerPort"), port.get("protocol", "TCP")
                if protocol == "TCP" and isinstance(number, int) and number in names.RESERVED_PORTS:
                    raise _Refusal(
                        f"spec.{field}[{position}].ports[{index}].containerPort: expected none of"
                        f" {', '.join(map(str, sorted(names.RESERVED_PORTS)))}, which are the gateway's,"
                        f" got {number}"
                    )


def _is_native(template: Template, server: ServerVersion) -> bool:
    match template.mode:
        case SidecarMode.AUTO:
            return server.has_native_sidecars
        case SidecarMode.CONTAINER:
            return False
        case SidecarMode.NATIVE:
            # 1.28 has them behind a feature gate that somebody may have opened (KEP-753).
            if server < (1, 28):
                raise _Refusal(
                    f"sidecar mode Native: expected a server of version 1.28 or newer, got {server}"
                )
            return True


def _never_completes(pod: Pod, server: ServerVersion) -> list[str]:
    """An ordinary container beside one that ends keeps the pod running. Refuses the pods of Jobs."""
    restart = pod["spec"].get("restartPolicy", "Always")
    if restart == "Always":
        return []
    owners = pod["metadata"].get("ownerReferences") or []
    if any(isinstance(owner, dict) and owner.get("kind") == "Job" for owner in owners):
        raise _Refusal(
            "metadata.ownerReferences: expected no Job, got one; with the engine as an ordinary container the"
            f" Job would never complete (server {server}; native sidecars need 1.29 and mode Auto or Native)"
        )
    return [f"spec.restartPolicy: with {restart} this pod never completes, because its engine does not end"]


def _privileged(spec: dict[str, Any]) -> list[str]:
    return [
        f"spec.{field}[{position}].securityContext: container {container['name']} may take the redirect away"
        for field in CONTAINER_FIELDS
        for position, container in enumerate(spec.get(field) or [])
        if _may_redirect(container)
    ]


def _may_redirect(container: dict[str, Any]) -> bool:
    match container.get("securityContext"):
        case {"privileged": True}:
            return True
        case {"capabilities": {"add": list(added)}}:
            return any(isinstance(each, str) and each in _REDIRECT_CAPABILITIES for each in added)
        case _:
            return False


def _rewritten(
    spec: dict[str, Any], options: PodOptions, warnings: list[str]
) -> tuple[probes.Definitions, dict[str, list[containers.Container]]]:
    """The application's containers by field, with probes that go through the engine."""
    rewriter = probes.Rewriter(options.excluded_ports)
    lists = {
        field: [
            rewriter.rewrite(f"spec.{field}[{position}]", container) if options.rewrite_probes else container
            for position, container in enumerate(spec.get(field) or [])
        ]
        for field in CONTAINER_FIELDS
    }
    warnings += rewriter.warnings
    return rewriter.definitions, lists


def _drain_seconds(template: Template, spec: dict[str, Any]) -> int:
    grace = spec.get("terminationGracePeriodSeconds")
    available = (_DEFAULT_GRACE if grace is None else int(grace)) - _GRACE_RESERVE
    return max(0, min(template.drain_seconds, available))


def _metadata(
    metadata: dict[str, Any],
    template: Template,
    rewritten: dict[str, list[containers.Container]],
    *,
    native: bool,
) -> dict[str, Any]:
    mode = SidecarMode.NATIVE if native else SidecarMode.CONTAINER
    status = {"mode": mode.value, "template": template.digest, "version": template.version}
    annotations = {**(metadata.get("annotations") or {}), names.STATUS: msgspec.json.encode(status).decode()}
    if not native:
        annotations.setdefault(names.DEFAULT_CONTAINER, rewritten["containers"][0]["name"])
    labels = {**metadata["labels"], names.MANAGED_BY_LABEL: template.managed_by}
    return {**metadata, "labels": labels, "annotations": annotations}
