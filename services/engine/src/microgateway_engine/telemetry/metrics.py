"""Metrics: what one process counts."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from .counters import Counters, PortCounters

if TYPE_CHECKING:
    from .sink import LineSink
    from .tracing.tracer import Tracer


class Metrics:
    """What one process counts."""

    def __init__(self, sink: LineSink, tracer: Tracer | None = None) -> None:
        """tracer: None while nothing is traced."""
        self._sink = sink
        self.tracer = tracer
        self._ports: dict[int, PortCounters] = {}
        self.refused_connections = 0
        self.block_events_sent = 0
        self.block_events_dropped = 0

    def port(self, port: int) -> PortCounters:
        """Counters of an application port. Ports are those of the configuration: at most 16."""
        found = self._ports.get(port)
        if found is None:
            found = self._ports[port] = PortCounters()
        return found

    def counters(self) -> Counters:
        """Everything as it is now. To be sent or rendered at once, for it goes on counting."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Counters(
            ports=self._ports,
            refused_connections=self.refused_connections,
            log_lines=self._sink.written,
            log_lines_dropped=self._sink.dropped,
            block_events_sent=self.block_events_sent,
            block_events_dropped=self.block_events_dropped,
            spans_exported=0 if self.tracer is None else self.tracer.sent,
            spans_dropped=0 if self.tracer is None else self.tracer.dropped,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
        )

    def close(self) -> None:
        """What is traced goes out, for at most a second."""
        if self.tracer is not None:
            self.tracer.close()

    # upstream.UpstreamMetrics

    def upstream_opened(self, port: int) -> None:
        self.port(port).upstream_connections += 1

    def upstream_connected(self, port: int, seconds: float) -> None:
        self.port(port).upstream_connect.observe(seconds * 1e3)

    def upstream_closed(self, port: int, seconds: float) -> None:
        self.port(port).upstream_lives.observe(seconds * 1e3)

    def upstream_received(self, port: int, size: int) -> None:
        self.port(port).upstream_received_bytes += size

    def upstream_connect_failed(self, port: int) -> None:
        self.port(port).upstream_connect_failures += 1

    def upstream_tls_established(self, port: int, version: str, cipher: str, resumed: bool) -> None:
        self.port(port).upstream_tls.established(version, cipher, resumed)

    def upstream_tls_failed(self, port: int, cause: str) -> None:
        self.port(port).upstream_tls.failed(cause)
