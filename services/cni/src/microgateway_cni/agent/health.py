"""The HTTP server for kubelet and Prometheus: /healthz, /readyz, /metrics."""

from __future__ import annotations

import http.server
import socket
from collections.abc import Callable

from .metrics import Metrics

#: What keeps the node from being ready; empty when nothing does.
Unready = Callable[[], list[str]]


class Health(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, unready: Unready, metrics: Metrics) -> None:
        """Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.unready = unready
        self.metrics = metrics
        super().__init__((host, port), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Health
    timeout = 10.0
    server_version = "microgateway-cni"

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/healthz":
                self._send(200, "alive\n")
            case "/readyz":
                reasons = self.server.unready()
                self._send(503 if reasons else 200, "\n".join(reasons or ["ready"]) + "\n")
            case "/metrics":
                self.server.metrics.set("microgateway_cni_ready", float(not self.server.unready()))
                self._send(200, self.server.metrics.text())
            case _:
                self._send(404, "expected /healthz, /readyz or /metrics\n")

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Probes every few seconds are not worth a line."""
