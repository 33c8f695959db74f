"""What the access line, the metrics and the tracing of one request cost, alone: a recorded exchange is
logged, counted and traced over and over, in this process. The engine always does the first two."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.cases import cases
from bench.peers.nginx import BODY
from bench.summary import Spread, spread
from microgateway_common.ir.gateway import ConnectionAddress
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.telemetry import DefaultAccessLog, NoCorrelation, RequestIds, Telemetry
from microgateway_common.names import Generation, gateway_key
from microgateway_engine.config.client import client_address
from microgateway_engine.config.runtime import ApplicationRuntime, Route
from microgateway_engine.http1.heads import parse_request_head, parse_response_head
from microgateway_engine.telemetry.access_log import default_line
from microgateway_engine.telemetry.counters import PortCounters
from microgateway_engine.telemetry.tracing.otlp import encode
from microgateway_engine.telemetry.tracing.settings import Sampler
from microgateway_engine.telemetry.tracing.spans import record, spans
from microgateway_engine.telemetry.tracing.tracer import Trace, begin
from microgateway_engine.traffic.exchange import Exchange, Peer

_ALWAYS = Sampler(1.0, heeds_parent=True)

#: Calls between two looks at the clock.
BATCH = 200


@dataclass(frozen=True, slots=True)
class TelemetryCost:
    """Microseconds of processor time a request; size: bytes of its line. untraced: what it pays while tracing
    is off. traced: what it waits for. spans: what the exporter's thread does about it."""

    line: Spread
    metrics: Spread
    size: int
    untraced: Spread
    traced: Spread
    spans: Spread


def telemetry_cost(rounds: int, seconds: float) -> TelemetryCost:
    """seconds: of processor time for each round of each."""
    exchange, counters = finished_exchange(), PortCounters()
    seen = record(_begun(exchange).ids, exchange)
    lines, counts, untraced, traced, encoded = (list[float]() for _ in range(5))
    for _ in range(rounds):
        lines.append(_microseconds(lambda: default_line(exchange), seconds))
        counts.append(_microseconds(lambda: counters.count(exchange), seconds))
        nothing = _microseconds(lambda: None, seconds)
        # What relay, exchange and server ask.
        asked = _microseconds(lambda: exchange.trace or exchange.trace or exchange.trace, seconds)
        untraced.append(max(0.0, asked - nothing))
        traced.append(_microseconds(lambda: _traced(exchange), seconds))
        encoded.append(_microseconds(lambda: encode((), "bench", spans(seen)), seconds))
    return TelemetryCost(
        line=spread(lines),
        metrics=spread(counts),
        size=len(default_line(exchange)),
        untraced=spread(untraced),
        traced=spread(traced),
        spans=spread(encoded),
    )


def _begun(exchange: Exchange) -> Trace:
    """As `Tracer.begin`, without a thread."""
    return begin(_ALWAYS, exchange.request_headers)


def _traced(exchange: Exchange) -> None:
    trace = _begun(exchange)
    trace.tell(list(exchange.request_headers))
    record(trace.ids, exchange)


def finished_exchange() -> Exchange:
    """The GET of the comparison, answered by its application."""
    request = cases()[0].normal
    lines = [f"GET {request.target} HTTP/1.1", *(f"{name}: {text}" for name, text in request.headers.items())]
    exchange = Exchange(
        _application(),
        Peer("192.0.2.7", 50000, "10.0.0.5", 8080),
        parse_request_head("\r\n".join(lines).encode()),
    )
    exchange.upstream = "10.0.0.5:8080"
    exchange.begin()
    exchange.request_end()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}"
    exchange.response_head(parse_response_head(head.encode(), request.method))
    exchange.response_data(BODY)
    exchange.response_end()
    return exchange


def _application() -> ApplicationRuntime:
    origin = DefaultOrigin("Telemetry")
    return ApplicationRuntime(
        gateway=gateway_key("bench", "bench"),
        generation=Generation(1),
        port=8080,
        routes=(Route("/", None),),
        client_address=client_address(ConnectionAddress()),
        normalize_path=True,
        merge_slashes=True,
        max_head=61440,
        idle_timeout=0,
        head_timeout=0,
        request_timeout=0,
        upstream_timeout=0,
        upstream_idle_timeout=0,
        telemetry=Telemetry(origin, NoCorrelation(), RequestIds(False, True), DefaultAccessLog()),
        access_log=default_line,
    )


def _microseconds(call: Callable[[], object], seconds: float) -> float:
    count, started = 0, time.process_time()
    while True:
        for _ in range(BATCH):
            call()
        count += BATCH
        if (taken := time.process_time() - started) >= seconds:
            return taken / count * 1e6
