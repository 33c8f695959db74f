"""One acknowledgement for all workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import engine_configurations as configurations
import pytest
from running_gateway import eventually

from microgateway_common import wire
from microgateway_common.bus.messages import Applied, NoConfiguration, NothingRejected, Rejected
from microgateway_common.names import Generation, pod_key
from microgateway_engine.config.disk import LastGood
from microgateway_engine.workers import store as module
from microgateway_engine.workers.fleet import AppliedByAll, Bundle, Deadly, Fleet, Verdict
from microgateway_engine.workers.store import FleetStore
from microgateway_inspection.rule_set import RuleSet

GATEWAY = configurations.GATEWAY


def bundle(generation: int) -> bytes:
    config = configurations.gateway_config()
    return wire.pack(config.gateway, Generation(generation), wire.encode(config), wire.LeaveUnsigned())


class SlowFleet(Fleet):
    """Says what the test wants when the test wants it."""

    def __init__(self) -> None:
        self.asked: list[Bundle | None] = []
        self.verdicts: asyncio.Queue[Verdict] = asyncio.Queue()

    async def apply(self, bundle: Bundle) -> Verdict:
        self.asked.append(bundle)
        return await self.verdicts.get()

    async def withdraw(self) -> None:
        self.asked.append(None)


@pytest.fixture
def fleet() -> SlowFleet:
    return SlowFleet()


@pytest.fixture
async def store(
    fleet: SlowFleet, rules: RuleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FleetStore]:
    monkeypatch.setattr(module, "SECOND_TRY", 0.0)
    store = FleetStore(pod_key("shop", "a"), rules, wire.AcceptUnsigned(), LastGood(tmp_path), "1.2.3", fleet)
    running = asyncio.create_task(store.run())
    yield store
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nothing_is_acknowledged_before_all_workers_serve_it(
    store: FleetStore, fleet: SlowFleet, tmp_path: Path
) -> None:
    store.offered(GATEWAY, bundle(5))
    await eventually(lambda: fleet.asked, "the fleet to be asked")
    assert isinstance(store.acknowledgement().serving, NoConfiguration)
    assert LastGood(tmp_path).load() is None
    fleet.verdicts.put_nowait(AppliedByAll())
    await eventually(lambda: store.runtime, "the configuration")
    serving = store.acknowledgement().serving
    assert serving == Applied(Generation(5), wire.peek(bundle(5)).digest)
    assert LastGood(tmp_path).load() == bundle(5)
    assert store.counters.applied == 1


async def test_one_refusal_refuses(store: FleetStore, fleet: SlowFleet) -> None:
    store.offered(GATEWAY, bundle(5))
    fleet.verdicts.put_nowait(Rejected("not_applicable", "no"))
    await eventually(lambda: store.counters.rejected, "the refusal")
    acknowledgement = store.acknowledgement()
    assert isinstance(acknowledgement.serving, NoConfiguration)
    assert acknowledgement.rejected == Rejected("not_applicable", "no")


async def test_of_those_that_wait_the_last_is_applied(store: FleetStore, fleet: SlowFleet) -> None:
    for generation in (5, 6, 7, 8):
        store.offered(GATEWAY, bundle(generation))
        await asyncio.sleep(0.01)
    for _ in range(2):
        fleet.verdicts.put_nowait(AppliedByAll())
    await eventually(lambda: store.counters.applied == 2, "both")
    assert len(fleet.asked) == 2
    assert store.runtime is not None
    assert store.runtime.generation == 8
    assert store.acknowledgement().rejected == NothingRejected()


async def test_what_is_no_bundle_does_not_reach_the_workers(store: FleetStore, fleet: SlowFleet) -> None:
    store.offered(GATEWAY, bundle(5)[:-1] + b"\xff")
    await asyncio.sleep(0.01)
    assert fleet.asked == []
    assert store.counters.rejected


async def test_a_bundle_that_kills_twice_is_not_tried_again(store: FleetStore, fleet: SlowFleet) -> None:
    for _ in range(2):
        fleet.verdicts.put_nowait(Deadly())
    store.offered(GATEWAY, bundle(5))
    await eventually(lambda: store.counters.rejected, "the refusal")
    assert "a worker died" in str(store.acknowledgement().rejected)
    store.offered(GATEWAY, bundle(5))
    await asyncio.sleep(0.01)
    assert len(fleet.asked) == 2
    fleet.verdicts.put_nowait(AppliedByAll())
    store.offered(GATEWAY, bundle(6))
    await eventually(lambda: store.runtime, "the next one")


async def test_a_death_by_chance_does_not_count(store: FleetStore, fleet: SlowFleet) -> None:
    fleet.verdicts.put_nowait(Deadly())
    fleet.verdicts.put_nowait(AppliedByAll())
    store.offered(GATEWAY, bundle(5))
    await eventually(lambda: store.runtime, "the configuration")
    assert not store.counters.rejected


async def test_a_pod_that_loses_its_gateway_serves_nothing(store: FleetStore, fleet: SlowFleet) -> None:
    store.offered(GATEWAY, bundle(5))
    await eventually(lambda: fleet.asked, "the fleet to be asked")
    store.on_runtime(None)
    fleet.verdicts.put_nowait(AppliedByAll())
    await eventually(lambda: fleet.asked[-1] is None, "the withdrawal")
    assert store.runtime is None


async def test_an_earlier_run_is_taken_up(fleet: SlowFleet, store: FleetStore, tmp_path: Path) -> None:
    LastGood(tmp_path).save(bundle(5))
    store.restore()
    fleet.verdicts.put_nowait(AppliedByAll())
    await eventually(lambda: store.runtime, "the configuration")
    assert "assigned" in str(store.acknowledgement().assignment).lower()
