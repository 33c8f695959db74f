"""As much of an API server as the plugin and the agent talk to: a real HTTP server that lists and watches.

Objects have resource versions, watches continue from one, versions before a compaction are 410, deletes and
patches honour their preconditions, and a bearer token is asked for.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from microgateway_cni.kube.access import Access
from microgateway_cni.kube.client import Client

NODE = "node-1"


def pod_object(
    name: str = "shop",
    *,
    labelled: bool = True,
    engine: bool = True,
    uid: str = "",
    annotations: dict[str, str] | None = None,
    netcheck_exit: int | None = None,
    restarts: int = 0,
    phase: str = "Pending",
    namespace: str = "default",
) -> dict[str, Any]:
    """A v1 Pod as the API server sends it."""
    engines = [{"name": "airlock-microgateway-engine"}] if engine else []
    netcheck = "airlock-microgateway-network-validator"
    ended = {"name": netcheck, "restartCount": restarts, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    if netcheck_exit is not None:
        ended["lastState"] = {"terminated": {"exitCode": netcheck_exit}}
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "labels": {"sidecar.microgateway.airlock.com/inject": "true"} if labelled else {},
            "annotations": annotations or {},
        },
        "spec": {
            "nodeName": NODE,
            "initContainers": [{"name": netcheck}] if engine else [],
            "containers": [*engines, {"name": "application"}],
        },
        "status": {"phase": phase, "initContainerStatuses": [ended] if engine else []},
    }


@dataclass
class ApiServer:
    """objects: by path. calls: method, path and body of what was asked, without reads."""

    url: str = ""
    token: str = "first-token"
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    directory: Path = Path()
    changed: threading.Condition = field(default_factory=threading.Condition)
    oldest: int = 0
    version: int = 100
    ending: threading.Event = field(default_factory=threading.Event)

    def put(self, pod: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        self._change("MODIFIED" if path in self.objects else "ADDED", path, pod)

    def drop(self, path: str) -> None:
        self._change("DELETED", path, self.objects.pop(path))

    def compact(self) -> None:
        """Watches must list anew, those that are open too."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.events.clear()
            self.changed.notify_all()

    def access(self) -> Access:
        (self.directory / "token").write_text(self.token)
        return Access(urlsplit(self.url), "", str(self.directory / "token"))

    def client(self) -> Client:
        return Client(self.access(), seconds=5)

    def _change(self, kind: str, path: str, changed: dict[str, Any]) -> None:
        with self.changed:
            self.version += 1
            metadata = {**changed["metadata"], "resourceVersion": str(self.version)}
            stored = {**changed, "metadata": metadata}
            if kind != "DELETED":
                self.objects[path] = stored
            self.events.append({"type": kind, "object": stored})
            self.changed.notify_all()


@contextlib.contextmanager
def running(directory: Path) -> Iterator[ApiServer]:
    state = ApiServer(directory=directory)

    class Handler(_Handler):
        api = state

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield state
    finally:
        state.ending.set()
        with state.changed:
            state.changed.notify_all()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    api: ApiServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.api.reads.append(url.path)
        if self._refused():
            return
        if url.path == "/api/v1/pods":
            assert query["fieldSelector"] == f"spec.nodeName={NODE}"
            if "watch" in query:
                self._watch(int(query["resourceVersion"]))
            else:
                with self.api.changed:
                    items = [each for path, each in self.api.objects.items() if "/pods/" in path]
                    self._answer(
                        200, {"metadata": {"resourceVersion": str(self.api.version)}, "items": items}
                    )
        elif url.path in self.api.objects:
            self._answer(200, self.api.objects[url.path])
        else:
            self._answer(404, {"message": f"{url.path} not found"})

    def do_POST(self) -> None:
        body = self._body()
        if not self._refused():
            self._answer(201, body)

    def do_PATCH(self) -> None:
        body = self._body()
        if not self._refused() and not self._conflicts(
            (body if isinstance(body, dict) else {}).get("metadata", {})
        ):
            self._answer(200, {})

    def do_DELETE(self) -> None:
        body = self._body()
        if not self._refused() and not self._conflicts(body["preconditions"]):
            self.api.drop(self.path)
            self._answer(200, {})

    def _watch(self, version: int) -> None:
        self.send_response(200)
        self.end_headers()
        seen = 0
        with contextlib.suppress(OSError):
            while not self.api.ending.is_set():
                with self.api.changed:
                    if version < self.api.oldest:
                        gone = {
                            "type": "ERROR",
                            "object": {"code": 410, "message": "too old resource version"},
                        }
                        self._line(gone)
                        return
                    for event in self.api.events[seen:]:
                        if int(event["object"]["metadata"]["resourceVersion"]) > version:
                            self._line(event)
                    seen = len(self.api.events)
                    self.api.changed.wait(1)

    def _line(self, event: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(event).encode() + b"\n")
        self.wfile.flush()

    def _body(self) -> Any:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.api.calls.append((self.command, self.path, body))
        return body

    def _refused(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {self.api.token}":
            return False
        self._answer(401, {"message": "Unauthorized"})
        return True

    def _conflicts(self, wanted: dict[str, Any]) -> bool:
        if self.path not in self.api.objects:
            self._answer(404, {"message": f"{self.path} not found"})
            return True
        there = self.api.objects[self.path]["metadata"]
        if any(there.get(key) != wanted[key] for key in ("uid", "resourceVersion") if key in wanted):
            self._answer(409, {"message": "the precondition does not hold"})
            return True
        return False

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""
