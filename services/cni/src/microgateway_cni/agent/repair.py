"""Pods whose redirect is missing or has changed: found, decided in one place, repaired by mode.

    labelled pod ─ no engine ───────────────────────────────► Tell: nothing injected it
                 ─ ended, or on the host's network ─────────► Leave
                 ─ netcheck found no redirect ──► by mode: SetRules | DeletePod | LabelPod | Tell
                 ─ rules differ (looked at now and then) ───► as above, but never deleted

A pod that lost the start-up race has netcheck's exit code 10 or 11 and nothing behind it has started; once
the rules are there, the kubelet's next try of netcheck succeeds. A pod whose rules went away later serves
already: deleting it would be worse than setting them again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import assert_never

from microgateway_cni.annotations import AnnotationError, excluded_ports
from microgateway_cni.apply import ApplyError, apply
from microgateway_cni.kube.client import MERGE_PATCH, Client, Conflict, KubeError, NotFound
from microgateway_cni.netns import NamespaceAt
from microgateway_cni.observe import differences
from microgateway_cni.redirect import Redirect, install

from .events import Events
from .metrics import Metrics
from .node_pods import Netcheck, NodePod, NodePods
from .sandboxes import find_namespaces

_log = logging.getLogger(__name__)

UNPROTECTED_LABEL = "microgateway.airlock.com/unprotected"


class Mode(Enum):
    """Names as in the configuration."""

    NONE = "none"
    REPROGRAM = "reprogram"
    DELETE_PODS = "deletePods"
    LABEL = "label"


class Cause(Enum):
    """What is wrong with a labelled pod; values are the metric's."""

    NO_ENGINE = "no-engine"
    LOST_RACE = "lost-race"
    RULES_CHANGED = "rules-changed"


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is wrong, or nothing can be done."""


@dataclass(frozen=True, slots=True)
class Tell:
    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class SetRules:
    cause: Cause
    redirect: Redirect


@dataclass(frozen=True, slots=True)
class DeletePod:
    cause: Cause


@dataclass(frozen=True, slots=True)
class LabelPod:
    cause: Cause


Action = Leave | Tell | SetRules | DeletePod | LabelPod


def decide(found: NodePod, changes: list[str], mode: Mode) -> Action:
    """changes: differences of the rules in the pod's namespace; none where nobody looked. Pure."""
    pod = found.pod
    if not pod.is_labelled or found.is_ending:
        return Leave()
    if not found.can_have_processes:
        return Leave()
    if not pod.has_engine:
        return Tell(Cause.NO_ENGINE, "labelled for injection, but has no engine container; recreate it")
    if found.netcheck_found_none:
        cause = Cause.LOST_RACE
    elif changes:
        cause = Cause.RULES_CHANGED
    else:
        return Leave()
    match mode:
        case Mode.NONE:
            return Tell(cause, "inbound traffic is not redirected to the engine; repair is switched off")
        case Mode.LABEL:
            return LabelPod(cause)
        case Mode.DELETE_PODS if cause is Cause.LOST_RACE:
            return DeletePod(cause)
        case Mode.DELETE_PODS | Mode.REPROGRAM:
            try:
                return SetRules(cause, Redirect(excluded_ports=excluded_ports(pod.annotations)))
            except AnnotationError as error:
                return Tell(cause, str(error))
        case _:
            assert_never(mode)


@dataclass(slots=True)
class RateLimit:
    """A bucket of `burst` deletions that gains one every `seconds`."""

    seconds: float = 10.0
    burst: int = 5
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._at = float(self.burst), time.monotonic()

    def take(self, now: float) -> bool:
        """now: on the monotonic clock."""
        self._tokens = min(self.burst, self._tokens + (now - self._at) / self.seconds)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(slots=True)
class Repair:
    """proc: the node's. look_seconds: how often the rules of every labelled pod are compared."""

    client: Client
    pods: NodePods
    events: Events
    metrics: Metrics
    mode: Mode
    exclude_namespaces: frozenset[str]
    proc: Path = Path("/proc")
    look_seconds: float = 60.0
    limit: RateLimit = field(default_factory=RateLimit)
    _done: dict[str, int] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        looked = -self.look_seconds
        while not stop.is_set():
            self.pods.changed.wait(min(self.look_seconds, 5.0))
            self.pods.changed.clear()
            now = time.monotonic()
            look = now - looked >= self.look_seconds
            looked = now if look else looked
            try:
                self.round(look=look)
            except Exception:  # noqa: BLE001 -- one pod must not end the repair of the others for good
                _log.exception("a round of repair failed")
            stop.wait(0.2)  # gathers bursts of changes

    def round(self, *, look: bool) -> None:
        """Every pod once. look: also compare the rules of those that run."""
        labelled = [each for each in self.pods.all() if each.pod.is_labelled and self._is_ours(each)]
        needed = [each for each in labelled if look or each.netcheck_found_none]
        usable = [each.pod.uid for each in needed if each.can_have_processes and each.pod.has_engine]
        namespaces = find_namespaces(usable, self.proc) if usable else {}
        wrong = dict.fromkeys(Cause, 0)
        for each in labelled:
            changes = self._changes(each, namespaces) if look else []
            action = decide(each, changes, self.mode)
            if not isinstance(action, Leave):
                wrong[action.cause] += 1
            self._act(each, action, namespaces)
        netchecks = dict.fromkeys(Netcheck, 0)
        for each in labelled:
            netchecks[each.netcheck] += each.pod.has_engine
        for result, number in netchecks.items():
            self.metrics.set("microgateway_cni_netcheck_pods", number, result=result.value)
        if look:
            for cause, number in wrong.items():
                self.metrics.set("microgateway_cni_unprotected_pods", number, cause=cause.value)
        self._done = {
            each.pod.uid: self._done[each.pod.uid] for each in labelled if each.pod.uid in self._done
        }

    def _is_ours(self, found: NodePod) -> bool:
        return found.pod.namespace not in self.exclude_namespaces

    def _changes(self, found: NodePod, namespaces: Mapping[str, NamespaceAt]) -> list[str]:
        namespace = namespaces.get(found.pod.uid)
        if namespace is None or not found.pod.has_engine:
            return []
        try:
            redirect = Redirect(excluded_ports=excluded_ports(found.pod.annotations))
            return differences(redirect, namespace)
        except (ApplyError, AnnotationError) as error:
            _log.warning("%s: the rules cannot be compared: %s", found.pod, error)
            return []

    def _act(self, found: NodePod, action: Action, namespaces: Mapping[str, NamespaceAt]) -> None:
        pod = found.pod
        match action:
            case Leave():
                return
            case Tell(cause, message):
                self.events.tell(pod, "Warning", _reason(cause), message)
            case SetRules(cause, redirect):
                namespace = namespaces.get(pod.uid)
                if namespace is None or self._is_done(found, cause):
                    return
                self._set_rules(found, cause, redirect, namespace)
            case DeletePod(cause):
                if self.limit.take(time.monotonic()):
                    self._delete(found, cause)
                else:
                    self.metrics.count("microgateway_cni_repairs_total", type="delete", result="delayed")
            case LabelPod(cause):
                if pod.labels.get(UNPROTECTED_LABEL) != "true":
                    self._label(found, cause)
            case _:
                assert_never(action)

    def _is_done(self, found: NodePod, cause: Cause) -> bool:
        """The rules were set after this run of netcheck; a later run that finds none asks again."""
        return cause is Cause.LOST_RACE and self._done.get(found.pod.uid) == found.netcheck_restarts

    def _set_rules(self, found: NodePod, cause: Cause, redirect: Redirect, namespace: NamespaceAt) -> None:
        try:
            apply(install(redirect), namespace)
        except ApplyError as error:
            self._count("reprogram", "failure")
            self.events.tell(found.pod, "Warning", "RedirectNotRepaired", str(error))
            return
        if cause is Cause.LOST_RACE:
            self._done[found.pod.uid] = found.netcheck_restarts
        self._count("reprogram", "success")
        self.events.tell(
            found.pod, "Normal", "RedirectRepaired", f"inbound traffic is redirected now ({cause.value})"
        )

    def _delete(self, found: NodePod, cause: Cause) -> None:
        pod = found.pod
        preconditions = {"uid": pod.uid, "resourceVersion": found.resource_version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        if self._call("delete", lambda: self.client.delete(_path(found), body)):
            self.events.tell(
                pod, "Warning", "PodDeleted", f"deleted, as its traffic was not redirected ({cause.value})"
            )

    def _label(self, found: NodePod, cause: Cause) -> None:
        # The UID in a patch is a precondition: another pod of that name answers with 409.
        body = {"metadata": {"uid": found.pod.uid, "labels": {UNPROTECTED_LABEL: "true"}}}
        if self._call("label", lambda: self.client.patch(_path(found), body, MERGE_PATCH)):
            self.events.tell(
                found.pod, "Warning", _reason(cause), "inbound traffic is not redirected to the engine"
            )

    def _call(self, type_: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except (NotFound, Conflict) as error:
            _log.info("%s: the pod has changed or gone meanwhile: %s", type_, error)
            self._count(type_, "conflict")
            return False
        except (KubeError, OSError) as error:
            _log.warning("%s: %s", type_, error)
            self._count(type_, "failure")
            return False
        self._count(type_, "success")
        return True

    def _count(self, type_: str, result: str) -> None:
        self.metrics.count("microgateway_cni_repairs_total", type=type_, result=result)


def _path(found: NodePod) -> str:
    return f"/api/v1/namespaces/{found.pod.namespace}/pods/{found.pod.name}"


def _reason(cause: Cause) -> str:
    return {
        Cause.NO_ENGINE: "EngineMissing",
        Cause.LOST_RACE: "RedirectMissing",
        Cause.RULES_CHANGED: "RedirectChanged",
    }[cause]
