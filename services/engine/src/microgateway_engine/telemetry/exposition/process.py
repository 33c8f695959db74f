"""The engine itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from microgateway_engine.telemetry.counters import Counters
from microgateway_engine.telemetry.processes import Processes
from microgateway_engine.telemetry.prometheus import Family, Kind, gauge, one


class State(IntEnum):
    """Envoy's numbers (envoy.admin.v3.ServerInfo.State)."""

    LIVE = 0
    DRAINING = 1
    INITIALIZING = 3


def process(version: str, counters: Counters, processes: Processes, state: State) -> Iterator[Family]:
    build = gauge("microgateway_build_info", "version of the engine", "version")
    build.add(1, version)
    yield build
    yield one(Kind.GAUGE, "envoy_server_live", "1 while the engine runs", 1)
    yield one(
        Kind.GAUGE,
        "envoy_server_state",
        "0 serves, 1 drains, 3 waits for its first configuration",
        state,
    )
    memory = "memory in bytes: resident at its largest, or what several processes take together"
    yield one(Kind.GAUGE, "envoy_server_memory_allocated", memory, processes.memory)
    yield one(Kind.GAUGE, "envoy_server_memory_heap_size", memory, processes.memory)
    yield one(Kind.GAUGE, "microgateway_workers", "workers that run", processes.workers)
    for name, text, value in (
        (
            "microgateway_worker_restarts_total",
            "workers that died and were replaced",
            processes.restarts,
        ),
        ("microgateway_cpu_seconds_total", "CPU time, seconds", counters.cpu_seconds),
        (
            "microgateway_log_lines_dropped_total",
            "lines that stdout did not take in time",
            counters.log_lines_dropped,
        ),
        ("microgateway_log_lines_total", "lines written to stdout", counters.log_lines),
        ("microgateway_spans_exported_total", "spans that the collector has taken", counters.spans_exported),
        ("microgateway_spans_dropped_total", "spans that it did not take in time", counters.spans_dropped),
        (
            "microgateway_block_events_sent_total",
            "events of blocks and log-only hits that somebody received",
            counters.block_events_sent,
        ),
        (
            "microgateway_block_events_dropped_total",
            "events of blocks and log-only hits above the allowance, or that nobody took in time",
            counters.block_events_dropped,
        ),
    ):
        yield one(Kind.COUNTER, name, text, value)
