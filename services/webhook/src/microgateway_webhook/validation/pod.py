"""Labelled pods, after every mutating webhook has had its say: what the gateway relies on still holds.

CREATE                       the engine is there, netcheck starts first, nobody has the engine's user
UPDATE, ephemeralcontainers  no new container has the engine's user
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from microgateway_common.problems import ObjectRef, Problem
from microgateway_webhook.injection import names
from microgateway_webhook.injection.shape import ShapeError, check_shape
from microgateway_webhook.injection.users import users_of

from .resource import Verdict

Pod = dict[str, Any]


def check_pod(ref: ObjectRef, new: Pod, old: Pod | None) -> Verdict:
    """old: the pod as it runs, None for a new one."""
    try:
        check_shape(new)
    except ShapeError as error:
        field, _, problem = str(error).partition(": expected ")
        expected, _, got = problem.rpartition(", got ")
        return Verdict((Problem(ref, field, expected, got),))
    if not _asks(new) or names.MIRROR_POD in (new["metadata"].get("annotations") or {}):
        return Verdict()
    if old is None:
        return Verdict((*_missing(ref, new["spec"]), *_shared_user(ref, new["spec"])))
    known = set(users_of(old["spec"]))
    errors = tuple(each for each in _shared_user(ref, new["spec"], known))
    if not _asks(old):
        return Verdict(errors, (_too_late(ref),))
    return Verdict(errors)


def _asks(pod: Pod) -> bool:
    metadata = pod.get("metadata") or {}
    return bool((metadata.get("labels") or {}).get(names.INJECT_LABEL) == "true")


def _missing(ref: ObjectRef, spec: dict[str, Any]) -> Iterator[Problem]:
    first = [each["name"] for each in spec.get("initContainers") or []]
    everybody = [*first, *(each["name"] for each in spec["containers"])]
    if names.ENGINE not in everybody:
        yield Problem(ref, "spec.containers", f"a container {names.ENGINE}, as injected", "none")
    if first[:1] != [names.NETCHECK]:
        got = first[0] if first else "none"
        yield Problem(ref, "spec.initContainers[0]", f"{names.NETCHECK}, as injected", got)
    if spec.get("hostNetwork"):
        yield Problem(ref, "spec.hostNetwork", "false", "true")


def _shared_user(
    ref: ObjectRef,
    spec: dict[str, Any],
    known: Collection[tuple[str, int]] = (),
) -> Iterator[Problem]:
    """What runs as the engine's user could walk around it: the redirect lets that user pass."""
    engine = _engine_path(spec)
    users = dict(users_of(spec))
    user = users.get(f"{engine}.securityContext.runAsUser")
    for path, each in users.items():
        if user == each and not path.startswith(f"{engine}.") and (path, each) not in known:
            yield Problem(ref, path, "another user than the engine's", str(each))


def _engine_path(spec: dict[str, Any]) -> str:
    for field in ("initContainers", "containers"):
        for position, container in enumerate(spec.get(field) or []):
            if container["name"] == names.ENGINE:
                return f"spec.{field}[{position}]"
    return ""


def _too_late(ref: ObjectRef) -> Problem:
    field = f"metadata.labels[{names.INJECT_LABEL}]"
    return Problem(ref, field, "the label when the pod is created", "it later; it has no effect until then")
