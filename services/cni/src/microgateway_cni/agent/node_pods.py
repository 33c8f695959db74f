"""What the watch tells about this node's pods."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from microgateway_cni.pods import NETCHECK, Pod, from_object

#: netcheck: no redirect over IPv4, over IPv6 (services/netcheck main, "exit codes").
_NO_REDIRECT: Final = frozenset({10, 11})


class Netcheck(Enum):
    """What netcheck has found in a pod, in its last run that ended unless it runs again; values are the
    metric's."""

    NOT_YET = "not-yet"
    REDIRECTED = "redirected"
    NO_REDIRECT = "no-redirect"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NodePod:
    """phase: of the pod's status.

    netcheck_restarts: tells that run from earlier ones.
    runs_on_host_network: such a pod shares the node's namespace, which is never touched.
    """

    pod: Pod
    resource_version: str
    phase: str
    is_ending: bool
    runs_on_host_network: bool
    netcheck: Netcheck
    netcheck_restarts: int

    @property
    def netcheck_found_none(self) -> bool:
        return self.netcheck is Netcheck.NO_REDIRECT

    @property
    def can_have_processes(self) -> bool:
        return self.phase in ("Pending", "Running") and not self.runs_on_host_network


def from_kubernetes(raw: Mapping[str, Any]) -> NodePod:
    """raw: a v1 Pod as JSON. Raises ValueError."""
    pod = from_object(raw)
    metadata, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    netcheck = [each for each in status.get("initContainerStatuses") or [] if each.get("name") == NETCHECK]
    return NodePod(
        pod=pod,
        resource_version=str(metadata.get("resourceVersion", "")),
        phase=str(status.get("phase", "Pending")),
        is_ending="deletionTimestamp" in metadata,
        runs_on_host_network=bool(spec.get("hostNetwork", False)),
        netcheck=_found(netcheck[0]) if netcheck else Netcheck.NOT_YET,
        netcheck_restarts=sum(int(each.get("restartCount", 0)) for each in netcheck),
    )


def _found(status: Mapping[str, Any]) -> Netcheck:
    """Of its run now, else of the one before, while it waits to be started again."""
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        if "running" in state:
            return Netcheck.NOT_YET
        if "terminated" in state:
            code = state["terminated"].get("exitCode")
            if code == 0:
                return Netcheck.REDIRECTED
            return Netcheck.NO_REDIRECT if code in _NO_REDIRECT else Netcheck.FAILED
    return Netcheck.NOT_YET


class NodePods:
    """By namespace and name. `changed` is set at each change, for whoever waits."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.synced = threading.Event()
        self._lock = threading.Lock()
        self._pods: dict[tuple[str, str], NodePod] = {}

    def replace(self, pods: Iterable[NodePod]) -> None:
        with self._lock:
            self._pods = {(each.pod.namespace, each.pod.name): each for each in pods}
        self.synced.set()
        self.changed.set()

    def put(self, pod: NodePod) -> None:
        with self._lock:
            self._pods[pod.pod.namespace, pod.pod.name] = pod
        self.changed.set()

    def drop(self, pod: NodePod) -> None:
        """Unless another pod has its name by now."""
        with self._lock:
            key = (pod.pod.namespace, pod.pod.name)
            if key in self._pods and self._pods[key].pod.uid == pod.pod.uid:
                del self._pods[key]
        self.changed.set()

    def find(self, namespace: str, name: str) -> list[NodePod]:
        """None or one."""
        with self._lock:
            found = self._pods.get((namespace, name))
        return [found] if found else []

    def all(self) -> list[NodePod]:
        with self._lock:
            return list(self._pods.values())
