"""The supervisor's view: workers played by the test at the other end of their sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from running_gateway import eventually

from microgateway_common.bus.messages import Rejected
from microgateway_common.names import GatewayKey
from microgateway_engine.telemetry.counters import Counters
from microgateway_engine.workers import fleet as module
from microgateway_engine.workers.channel import Channel
from microgateway_engine.workers.fleet import AppliedByAll, Bundle, Deadly, Fleet
from microgateway_engine.workers.messages import (
    Blocked,
    Commit,
    Count,
    Counted,
    Done,
    Drain,
    Failed,
    Listening,
    Prepare,
    Prepared,
    Refused,
    ToWorker,
    Withdraw,
    decode_to_worker,
)
from microgateway_engine.workers.nursery import Born, Died, Nursery

GATEWAY = GatewayKey("shop/shop")


class Worker:
    """Does what it is told, unless the test says otherwise."""

    def __init__(self, nursery: Playground, slot: int, pid: int) -> None:
        self._nursery = nursery
        self.slot = slot
        self.pid = pid
        self.alive = True
        self.told: list[ToWorker] = []
        self.counters = Counters(refused_connections=1)
        self.prepared = self.serving = b""
        self.channel = Channel(decode_to_worker, self.do, lambda: None)

    def do(self, message: ToWorker) -> None:
        self.told.append(message)
        match message:
            case Prepare(number, _, data) if data.startswith(b"deadly"):
                self.die(-11)
            case Prepare(_, _, data) if data.startswith(b"endless"):
                pass
            case Prepare(number, _, data) if data == f"bad for {self.slot}".encode():
                self.channel.send(Refused(number, "not_applicable", "no"))
            case Prepare(number, _, data):
                self.prepared = data
                self.channel.send(Prepared(number))
            case Commit(number):
                self.serving = self.prepared
                self.channel.send(Done(number))
                self.channel.send(Listening(True))
            case Withdraw(number):
                self.serving = b""
                self.channel.send(Done(number))
                self.channel.send(Listening(False))
            case Count(number):
                self.channel.send(Counted(number, self.counters))
            case Drain():
                if not self._nursery.stubborn:
                    self.die(0)

    def die(self, status: int) -> None:
        if self.alive:
            self.alive = False
            self.channel.close()
            delay = 0.0 if status else self._nursery.last_words
            asyncio.get_running_loop().call_later(delay, self._dead, status)

    def _dead(self, status: int) -> None:
        self._nursery.dead += 1
        self._nursery.on_event(Died(self.pid, status))


class Playground(Nursery):
    """Starts workers in this process. last_words: seconds from the end of a worker's channel to its own."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.stubborn = False
        self.last_words = 0.0
        self.dead = 0
        self.tasks: list[asyncio.Task[None]] = []

    def watch(self, on_event: Callable[[Born | Died], None], on_gone: Callable[[], None]) -> None:
        self.on_event = on_event
        self.on_gone = on_gone

    def spawn(self, slot: int) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.tasks.append(asyncio.create_task(self._start(slot, theirs)))
        return ours

    async def _start(self, slot: int, end: socket.socket) -> None:
        worker = Worker(self, slot, 1000 + len(self.workers))
        self.workers.append(worker)
        self.on_event(Born(slot, worker.pid))
        await worker.channel.open(end)

    def kill(self, pid: int) -> None:
        next(worker for worker in self.workers if worker.pid == pid).die(-9)

    def close(self) -> None:
        for worker in self.workers:
            worker.die(0)

    @property
    def living(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.alive]


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Playground:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "_FAREWELL", 0.1)
    return Playground()


@pytest.fixture
async def fleet(nursery: Playground) -> AsyncIterator[Fleet]:
    fleet = Fleet(nursery, 3)
    running = asyncio.create_task(fleet.run())
    await eventually(lambda: fleet.size == 3, "three workers")
    yield fleet
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_all_workers_apply_a_bundle(fleet: Fleet, nursery: Playground) -> None:
    assert not fleet.listening
    assert await fleet.apply(Bundle(GATEWAY, b"one")) == AppliedByAll()
    assert [worker.serving for worker in nursery.living] == [b"one"] * 3
    await eventually(lambda: fleet.listening, "listening")
    await fleet.withdraw()
    assert [worker.serving for worker in nursery.living] == [b""] * 3
    await eventually(lambda: not fleet.listening, "not listening")


@pytest.mark.parametrize("slot", [0, 1, 2])
async def test_when_one_refuses_none_serves_it(slot: int, fleet: Fleet, nursery: Playground) -> None:
    await fleet.apply(Bundle(GATEWAY, b"one"))
    verdict = await fleet.apply(Bundle(GATEWAY, f"bad for {slot}".encode()))
    assert verdict == Rejected("not_applicable", "no")
    assert [worker.serving for worker in nursery.living] == [b"one"] * 3
    assert await fleet.apply(Bundle(GATEWAY, b"two")) == AppliedByAll()
    assert [worker.serving for worker in nursery.living] == [b"two"] * 3


async def test_a_bundle_that_kills_kills_one_worker_only(fleet: Fleet, nursery: Playground) -> None:
    await fleet.apply(Bundle(GATEWAY, b"one"))
    assert await fleet.apply(Bundle(GATEWAY, b"deadly")) == Deadly()
    assert len(nursery.living) == 2
    await eventually(lambda: [each.serving for each in nursery.living] == [b"one"] * 3, "a third worker")


async def test_a_worker_that_dies_is_replaced_and_serves_what_the_others_serve(
    fleet: Fleet, nursery: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.apply(Bundle(GATEWAY, b"one"))
    with caplog.at_level(logging.ERROR):
        nursery.workers[1].die(-11)
        await eventually(lambda: fleet.size == 2, "its end to be seen")
        assert fleet.alive
        await eventually(lambda: fleet.listening and fleet.size == 3, "another")
    (message,) = caplog.messages
    assert message.startswith(
        "worker 1 ended, the others go on: process 1001, signal 11; the next one starts in"
    )
    assert nursery.workers[3].slot == 1
    assert nursery.workers[3].serving == b"one"
    assert (await fleet.processes()).restarts == 1


async def test_pauses_grow(fleet: Fleet, nursery: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_PAUSE", 0.08)
    loop = asyncio.get_running_loop()
    pauses = []
    for _ in range(4):
        died = loop.time()
        next(worker for worker in nursery.living if worker.slot == 0).die(1)
        await eventually(lambda: fleet.size == 2, "its end to be seen")
        await eventually(lambda: fleet.size == 3, "another")
        pauses.append(loop.time() - died)
    assert pauses[2] > 0.035
    assert pauses[3] < 0.3


async def test_a_worker_that_does_not_answer_is_killed(
    fleet: Fleet, nursery: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.Fleet._ask, "__defaults__", None)
    monkeypatch.setattr(module._Worker.ask, "__defaults__", (0.05,))
    assert await fleet.apply(Bundle(GATEWAY, b"endless")) == Deadly()
    assert len(nursery.living) == 2
    assert await fleet.apply(Bundle(GATEWAY, b"one")) == AppliedByAll()


async def test_a_bundle_waits_for_a_worker(nursery: Playground) -> None:
    fleet = Fleet(nursery, 2)
    applying = asyncio.create_task(fleet.apply(Bundle(GATEWAY, b"one")))
    await asyncio.sleep(0.01)
    running = asyncio.create_task(fleet.run())
    assert await applying == AppliedByAll()
    await eventually(lambda: [each.serving for each in nursery.living] == [b"one"] * 2, "both")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_counters_are_summed_and_those_of_the_dead_stay(fleet: Fleet, nursery: Playground) -> None:
    assert (await fleet.counters()).refused_connections == 3
    nursery.workers[0].die(1)
    await eventually(lambda: fleet.size == 2, "its end to be seen")
    assert (await fleet.counters()).refused_connections == 3
    await eventually(lambda: fleet.size == 3, "another")
    assert (await fleet.counters()).refused_connections == 4


async def test_draining_waits_for_all(fleet: Fleet, nursery: Playground) -> None:
    await fleet.drain(1.0)
    assert nursery.living == []
    assert [worker.told[-1] for worker in nursery.workers] == [Drain(1.0)] * 3
    await asyncio.sleep(0.1)
    assert nursery.living == []


async def test_draining_ends_after_the_workers_have_written_their_last_lines(
    fleet: Fleet, nursery: Playground
) -> None:
    nursery.last_words = 0.2
    await fleet.drain(1.0)
    assert nursery.dead == 3


async def test_draining_does_not_wait_for_news_that_nobody_can_bring(
    fleet: Fleet, nursery: Playground
) -> None:
    nursery.stubborn = True
    draining = asyncio.create_task(fleet.drain(60.0))
    await eventually(lambda: all(worker.told for worker in nursery.living), "all to be told")
    nursery.on_gone()
    await asyncio.wait_for(draining, 30)


async def test_who_does_not_end_is_killed(fleet: Fleet, nursery: Playground) -> None:
    nursery.stubborn = True
    await fleet.drain(0.05)
    assert nursery.living == []


async def test_what_no_worker_can_do_ends_the_fleet(nursery: Playground) -> None:
    fleet = Fleet(nursery, 2)
    running = asyncio.create_task(fleet.run())
    await eventually(lambda: fleet.size == 2, "two workers")
    nursery.workers[1].channel.send(Failed("address in use"))
    with pytest.raises(OSError, match="address in use"):
        await running
    assert nursery.living == []


async def test_without_a_nursery_it_ends(nursery: Playground) -> None:
    fleet = Fleet(nursery, 1)
    running = asyncio.create_task(fleet.run())
    await eventually(lambda: fleet.alive, "a worker")
    nursery.on_gone()
    with pytest.raises(OSError, match="the process that starts workers has ended"):
        await running


async def test_block_events_of_all_workers_come_together(fleet: Fleet, nursery: Playground) -> None:
    taken: list[bytes] = []

    def take(event: bytes) -> bool:
        taken.append(event)
        return event != b"1"

    fleet.on_block = take
    for worker in nursery.living:
        worker.channel.send(Blocked(b"%d" % worker.slot))
    await eventually(lambda: len(taken) == 3, "all events")
    assert sorted(taken) == [b"0", b"1", b"2"]
    assert (await fleet.counters()).block_events_dropped == 1
