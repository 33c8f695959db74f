"""List and watch this node's pods.

    list ─► watch ── events, bookmarks, its end ──► watch again from the last version
      ▲       ├─ 410 Expired ─► list
      └───────┴─ any failure ─► list after a pause that doubles, up to 30 s

Errors leave what is known in place: answers may be old, and `answers` asks the API server about a pod it
does not know.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from typing import Any

from microgateway_cni.kube.client import Client, Expired, KubeError

from .metrics import Metrics
from .node_pods import NodePod, NodePods, from_kubernetes

_log = logging.getLogger(__name__)

_PATH = "/api/v1/pods"
#: The server ends the watch after this; the client waits longer for a line, so an idle watch is no failure.
_WATCH_SECONDS = 240
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: A server that ends every watch at once is not asked more often than this.
_BREATH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PodWatch:
    client: Client
    node: str
    pods: NodePods
    metrics: Metrics

    def run(self, stop: threading.Event) -> None:
        """Until stopped; a watch that is open then ends with the process."""
        pause = _SHORTEST_PAUSE
        while not stop.is_set():
            try:
                version = self._list()
                while not stop.is_set():
                    version = self._watch(version)
                    pause = _SHORTEST_PAUSE
                    stop.wait(_BREATH_SECONDS)
            except Expired:
                stop.wait(_BREATH_SECONDS)
                self.metrics.count("microgateway_cni_watch_restarts_total", cause="expired")
            except (KubeError, OSError, ValueError) as error:
                self.metrics.count("microgateway_cni_watch_restarts_total", cause="error")
                _log.warning("pods cannot be watched, trying again in %.1f s: %s", pause, error)
                stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads nodes out, no secret
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _list(self) -> str:
        found = self.client.get(_PATH, fieldSelector=f"spec.nodeName={self.node}", resourceVersion="0")
        self.pods.replace([pod for item in found.get("items") or [] for pod in _read(item)])
        return _version(found)

    def _watch(self, version: str) -> str:
        events = self.client.watch(
            _PATH,
            fieldSelector=f"spec.nodeName={self.node}",
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=version,
            timeoutSeconds=str(_WATCH_SECONDS),
        )
        for event in events:
            kind, object_ = event.get("type"), event.get("object") or {}
            for pod in _read(object_) if kind != "BOOKMARK" else []:
                if kind == "DELETED":
                    self.pods.drop(pod)
                else:
                    self.pods.put(pod)
            version = _version(object_)
        return version


def watching_client(client: Client) -> Client:
    """The same, patient enough for a watch without events."""
    return Client(client.access, seconds=_WATCH_SECONDS + 30.0)


def _read(raw: dict[str, Any]) -> list[NodePod]:
    """None or one: a pod we cannot read is as one we do not know."""
    try:
        return [from_kubernetes(raw)]
    except ValueError as error:
        _log.error("a pod of the API server is left out: %s", error)
        return []


def _version(raw: dict[str, Any]) -> str:
    try:
        return str(raw["metadata"]["resourceVersion"])
    except (KeyError, TypeError) as error:
        raise KubeError("expected metadata.resourceVersion, got none") from error
