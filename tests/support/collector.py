"""A collector of OpenTelemetry: takes spans over HTTP, and reads them with OpenTelemetry's definitions."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """statuses: of the next answers, then 200. answering: cleared holds up answers."""

    statuses: deque[int] = field(default_factory=deque)
    answering: threading.Event = field(default_factory=threading.Event)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.answering.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def attributes(of: Any) -> dict[str, str | int]:
    """Of a span or a resource."""
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in of.attributes
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def __init__(self, of: Collector, *arguments: Any) -> None:
        self.of = of
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.of.answering.wait(20)
        status = self.of.statuses.popleft() if self.of.statuses else 200
        self.of.headers.append(self.headers)
        self.of.paths.append(self.path)
        if status == 200:
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            self.of.requests.append(ExportTraceServiceRequest.FromString(body))
        try:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
        except ConnectionError:
            pass  # who asked is gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""
