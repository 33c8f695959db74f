"""Kubernetes Events about pods, each kind once a pod while the agent lives."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from microgateway_cni.kube.client import Client, KubeError
from microgateway_cni.pods import Pod

_log = logging.getLogger(__name__)

#: More than a node has pods in a day; the oldest is forgotten and may be told again.
_REMEMBERED = 10_000


@dataclass(slots=True)
class Events:
    client: Client
    node: str
    _told: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, pod: Pod, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Without an API server it is only logged."""
        with self._lock:
            if (pod.uid, reason) in self._told:
                return
            self._told[pod.uid, reason] = None
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        _log.log(logging.INFO if kind == "Normal" else logging.WARNING, "%s: %s: %s", pod, reason, message)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{pod.name}.", "namespace": pod.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "microgateway-cni", "host": self.node},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self.client.post(f"/api/v1/namespaces/{pod.namespace}/events", body)
        except (KubeError, OSError) as error:
            _log.warning("an event was not recorded: %s", error)
