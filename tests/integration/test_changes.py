"""Configuration changes under load: each is applied, none costs a request, none leaves memory behind."""

from __future__ import annotations

import time

import pytest
from chain import Chain, use_marker
from load import Load

pytestmark = pytest.mark.slow

CHANGES = 1000

#: Bytes that allocators may keep without anything leaking.
SLACK = 6 * 1024 * 1024


def test_a_thousand_changes_fail_no_request_and_leave_memory_flat(chain: Chain) -> None:
    use_marker(chain)
    latencies: list[float] = []
    with Load(chain.port) as load:
        before: dict[str, int] = {}
        for number in range(1, CHANGES + 1):
            saved = time.perf_counter()
            chain.set_marker(f"change {number}")
            while chain.marker() != f"change {number}":
                assert time.perf_counter() - saved < 10, f"change {number} was not applied"
            latencies.append(time.perf_counter() - saved)
            if number == CHANGES // 4:
                before = {each.name: each.resident_bytes() for each in (chain.engine, chain.reconciler)}
            if load.result.failures:
                break
    assert load.result.failures == []
    assert chain.metric("microgateway_config_applied_total") >= CHANGES
    latencies.sort()
    print(
        f"{CHANGES} changes, {load.result.done} requests; saved to effect:"
        f" median {latencies[CHANGES // 2] * 1e3:.1f} ms, p99 {latencies[CHANGES * 99 // 100] * 1e3:.1f} ms"
    )
    for service in (chain.engine, chain.reconciler):
        after = service.resident_bytes()
        print(
            f"{service.name}: {before[service.name] >> 10} KiB after a quarter, {after >> 10} KiB at the end"
        )
        assert after - before[service.name] < SLACK, service.name
