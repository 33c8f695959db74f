"""The engine itself, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from shown_metrics import Shown

from microgateway_engine.config.runtime import Runtime
from microgateway_engine.telemetry.processes import Processes


def test_the_process(shown: Shown) -> None:
    found = shown.samples()
    assert found['microgateway_build_info{version="1.2.3"}'] == 1
    assert found["envoy_server_live"] == 1
    assert found["envoy_server_memory_allocated"] > 1_000_000
    assert found["microgateway_cpu_seconds_total"] > 0
    assert found["microgateway_log_lines_dropped_total"] == 0
    assert found["microgateway_log_lines_total"] == 0
    assert found["microgateway_workers"] == 1
    assert found["microgateway_worker_restarts_total"] == 0


def test_several_processes(shown: Shown) -> None:
    shown.processes = Processes(workers=3, memory=123_456, restarts=2)
    found = shown.samples()
    assert found["microgateway_workers"] == 3
    assert found["microgateway_worker_restarts_total"] == 2
    assert found["envoy_server_memory_allocated"] == 123_456


def test_the_state_has_the_numbers_of_envoy(shown: Shown, make_runtime: Callable[..., Runtime]) -> None:
    assert shown.samples()["envoy_server_state"] == 3
    shown.store.runtime = make_runtime()
    assert shown.samples()["envoy_server_state"] == 0
    shown.draining = True
    assert shown.samples()["envoy_server_state"] == 1
