"""The socket service: tells the plugin about a pod (protocol: plugin/ask).

The pod is usually known from the watch. Where it is not, because the kubelet was faster than the watch, or
where it has another UID than the runtime's, the API server is asked.
"""

from __future__ import annotations

import json
import logging
import os
import socketserver
from pathlib import Path
from typing import Any

from microgateway_cni.kube.client import Client, KubeError, NotFound
from microgateway_cni.pods import Pod, from_object, to_wire

from .metrics import Metrics
from .node_pods import NodePods

_log = logging.getLogger(__name__)

_QUESTION_BYTES = 4096
_SECONDS = 5.0


class Answers(socketserver.ThreadingUnixStreamServer):
    """Serves at `path`, root only; what an earlier agent left there is replaced. Raises OSError."""

    daemon_threads = True
    #: A node that starts asks about all of its pods at once.
    request_queue_size = 128

    def __init__(self, path: Path, pods: NodePods, client: Client, metrics: Metrics) -> None:
        self._pods = pods
        self._client = client
        self._metrics = metrics
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(before)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        found = self._look_up(str(question["namespace"]), str(question["name"]), str(question.get("uid", "")))
        self._metrics.count("microgateway_cni_answers_total", answer=found["answer"])
        return found

    def _look_up(self, namespace: str, name: str, uid: str) -> dict[str, Any]:
        for known in self._pods.find(namespace, name):
            if uid and known.pod.is_known_as(uid):
                return _pod(known.pod)
        try:
            return _pod(from_object(self._client.get(f"/api/v1/namespaces/{namespace}/pods/{name}")))
        except NotFound:
            return {"answer": "missing"}
        except (KubeError, OSError, ValueError) as error:
            # Without the API server what is known by name still beats knowing nothing.
            for known in self._pods.find(namespace, name):
                return _pod(known.pod)
            return {"answer": "unknown", "reason": str(error)}


class _Handler(socketserver.StreamRequestHandler):
    timeout = _SECONDS
    server: Answers

    def handle(self) -> None:
        try:
            question = json.loads(self.rfile.readline(_QUESTION_BYTES))
            self.wfile.write(json.dumps(self.server.answer(question)).encode() + b"\n")
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("a question was not answered: %s: %s", type(error).__name__, error)


def _pod(pod: Pod) -> dict[str, Any]:
    return {"answer": "pod", "pod": to_wire(pod)}
