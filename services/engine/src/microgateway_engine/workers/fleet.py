"""Fleet: the supervisor's view of the workers.

spawned ──socket──► admitted (serves what the others serve) ──dies──► a pause ──► spawned …
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from microgateway_common.bus.messages import Rejected
from microgateway_common.names import GatewayKey
from microgateway_engine.telemetry.counters import Counters
from microgateway_engine.telemetry.processes import Processes

from .channel import Channel
from .memory import shared_out
from .messages import (
    Blocked,
    Commit,
    Count,
    Counted,
    Done,
    Drain,
    Failed,
    FromWorker,
    Listening,
    Prepare,
    Prepared,
    Refused,
    Reply,
    ToWorker,
    Withdraw,
    decode_from_worker,
)
from .nursery import Born, Died, Nursery

logger = logging.getLogger(__name__)

#: Seconds in which a worker must have done what it was told; one that has not is killed.
PATIENCE = 30.0

#: Seconds that somebody who reads metrics waits for a busy worker; then its last counters stand for it.
COUNT_PATIENCE = 1.0

#: Seconds before a worker that died is replaced: doubling, until one has lived for long.
FIRST_PAUSE = 0.1
LARGEST_PAUSE = 30.0
LONG_LIFE = 60.0

#: Seconds in which workers end after the drain time.
_FAREWELL = 3.0

#: Asks a worker something under a number.
Request = Callable[[int], ToWorker]


class WorkerGoneError(Exception):
    """It died, or did not do in time what it was told."""


class Bundle(Struct, frozen=True):
    """Wire bytes of a gateway, checked and unsigned."""

    gateway: GatewayKey
    data: bytes


class AppliedByAll(Struct, frozen=True):
    """Every worker serves the bundle."""


class Deadly(Struct, frozen=True):
    """A worker died while it prepared the bundle, which may be why."""


class Gone(Struct, frozen=True):
    """The worker died, or had to be killed."""


Verdict = AppliedByAll | Rejected | Deadly


class _Worker:
    """One worker's process, from the supervisor's side."""

    def __init__(
        self, slot: int, on_failure: Callable[[str], None], on_block: Callable[[bytes], None]
    ) -> None:
        self.slot = slot
        self.listening = False
        self.counters = Counters()
        self.gone = asyncio.Event()
        self._on_failure = on_failure
        self._on_block = on_block
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self.channel = Channel(decode_from_worker, self.heard, self.closed)

    async def ask(self, number: int, message: ToWorker, patience: float = PATIENCE) -> Reply:
        """Raises WorkerGoneError, TimeoutError."""
        if self.gone.is_set():
            raise WorkerGoneError
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self.channel.send(message)
        try:
            async with asyncio.timeout(patience):
                return await future
        finally:
            del self._waiting[number]

    def heard(self, message: FromWorker) -> None:
        match message:
            case Listening(listening):
                self.listening = listening
            case Blocked(event):
                self._on_block(event)
            case Failed(text):
                self._on_failure(text)
            case Counted(number, counters):
                self.counters = counters
                self._answer(number, message)
            case Prepared(number) | Refused(number) | Done(number):
                self._answer(number, message)
            case _:
                assert_never(message)

    def closed(self) -> None:
        self.listening = False
        self.gone.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(WorkerGoneError())

    def _answer(self, number: int, message: Reply) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(message)


class Fleet:
    """Keeps as many workers as there should be, and speaks to all of them as to one.

    on_block: gets the block events of all; says whether it takes one.
    """

    def __init__(self, nursery: Nursery, size: int) -> None:
        self._nursery = nursery
        self._size = size
        self.on_block: Callable[[bytes], bool] = lambda _: False
        self._numbers = itertools.count(1)
        self._workers: dict[int, _Worker] = {}
        self._pids: dict[int, int] = {}
        self._deaths: dict[int, asyncio.Future[str]] = {}  # how each worker ends
        self._serving: Bundle | None = None
        # A bundle is applied by all workers before the next one, and a new worker joins in between.
        self._turn = asyncio.Lock()
        self._someone = asyncio.Event()
        self._retired = Counters()
        self._restarts = 0
        self._stopping = False
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def listening(self) -> bool:
        """Connections are accepted, by one worker at least."""
        return any(worker.listening for worker in self._workers.values())

    @property
    def alive(self) -> bool:
        return bool(self._workers)

    async def run(self) -> None:
        """Keep workers alive until the fleet is drained. Raises OSError when they cannot do their work."""
        self._nursery.watch(self._born_or_died, self._nursery_gone)
        failure = asyncio.create_task(self._until_failed())
        slots = [asyncio.create_task(self._keep(slot)) for slot in range(self._size)]
        try:
            while waiting := [slot for slot in slots if not slot.done()]:
                await asyncio.wait((failure, *waiting), return_when=asyncio.FIRST_COMPLETED)
                if failure.done():
                    raise OSError(failure.result())
            await asyncio.gather(*slots)
        finally:
            for task in (failure, *slots):
                task.cancel()
            await asyncio.gather(failure, *slots, return_exceptions=True)
            self._nursery.close()

    async def _until_failed(self) -> str:
        return await self._failed

    async def apply(self, bundle: Bundle) -> Verdict:
        """Have all workers serve a bundle, or none of them."""
        while True:
            await self._someone.wait()
            async with self._turn:
                living = [worker for worker in self._workers.values() if not worker.gone.is_set()]
                if living:
                    return await self._apply(bundle, *living)
                self._someone.clear()

    async def _apply(self, bundle: Bundle, first: _Worker, *others: _Worker) -> Verdict:
        # One alone at first: what kills it must not kill all.
        answers = [await self._prepare(first, bundle)]
        if isinstance(answers[0], Gone):
            return Deadly()
        answers += await asyncio.gather(*(self._prepare(each, bundle) for each in others))
        for answer in answers:
            if isinstance(answer, Rejected):
                return answer
        self._serving = bundle
        await self._tell_all(Commit)
        return AppliedByAll()

    async def withdraw(self) -> None:
        """Have all workers serve nothing."""
        async with self._turn:
            self._serving = None
            await self._tell_all(Withdraw)

    async def counters(self) -> Counters:
        """What all workers count, those that died included."""
        await asyncio.gather(*(self._count(worker) for worker in self._workers.values()))
        total = Counters()
        for each in (self._retired, *(worker.counters for worker in self._workers.values())):
            total.add(each)
        return total

    @property
    def size(self) -> int:
        """Workers that run at the moment."""
        return len(self._workers)

    async def processes(self) -> Processes:
        pids = [os.getpid(), *self._pids.values()]
        # The kernel takes milliseconds for each.
        memory = await asyncio.to_thread(shared_out, pids)
        return Processes(self.size, memory, self._restarts)

    async def drain(self, seconds: float) -> None:
        """Have all workers finish what is under way within this time, write their last lines, and end."""
        self._stopping = True
        workers = list(self._workers.values())
        ends = [self._deaths[worker.slot] for worker in workers]
        for worker in workers:
            worker.channel.send(Drain(seconds))
        if await _all(ends, seconds + _FAREWELL):
            return
        for worker in workers:
            if not self._deaths[worker.slot].done():
                logger.warning("worker %d did not end in time and is killed", worker.slot)
                self._kill(worker)
        await _all(ends, _FAREWELL)

    async def _keep(self, slot: int) -> None:
        """One worker after the other."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            how = await self._live(slot)
            if self._stopping:
                return
            if loop.time() - started >= LONG_LIFE:
                pause = FIRST_PAUSE
            logger.error(
                "worker %d ended, the others go on: %s; the next one starts in %.1f s", slot, how, pause
            )
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            pause = min(pause * 2, LARGEST_PAUSE)
            self._restarts += 1

    async def _live(self, slot: int) -> str:
        """A worker from birth to death; how it ended."""
        worker = _Worker(slot, self._fail, self._blocked)
        death: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._deaths[slot] = death
        end = self._nursery.spawn(slot)
        await worker.channel.open(end)
        await self._admit(worker)
        await worker.gone.wait()
        worker.channel.close()
        if self._workers.pop(slot, None) is not None:
            worker.counters.ended()
            self._retired.add(worker.counters)
        return await death

    async def _admit(self, worker: _Worker) -> None:
        """Have it serve what the others serve."""
        async with self._turn:
            if self._serving is not None:
                answer = await self._prepare(worker, self._serving)
                if isinstance(answer, Rejected):
                    logger.error("worker %d refuses what others serve: %s", worker.slot, answer.message)
                else:
                    await self._tell(worker, Commit)
            if not worker.gone.is_set():
                self._workers[worker.slot] = worker
                self._someone.set()

    async def _prepare(self, worker: _Worker, bundle: Bundle) -> Rejected | Reply | Gone:
        number = next(self._numbers)
        reply = await self._ask(worker, number, Prepare(number, bundle.gateway, bundle.data))
        return Rejected(reply.kind, reply.message) if isinstance(reply, Refused) else reply

    async def _tell_all(self, request: Request) -> None:
        await asyncio.gather(*(self._tell(worker, request) for worker in self._workers.values()))

    async def _tell(self, worker: _Worker, request: Request) -> None:
        number = next(self._numbers)
        await self._ask(worker, number, request(number))

    async def _ask(self, worker: _Worker, number: int, message: ToWorker) -> Reply | Gone:
        try:
            return await worker.ask(number, message)
        except WorkerGoneError:
            return Gone()
        except TimeoutError:
            logger.error("worker %d does not answer and is killed", worker.slot)
            self._kill(worker)
            worker.closed()
            return Gone()

    async def _count(self, worker: _Worker) -> None:
        number = next(self._numbers)
        try:
            await worker.ask(number, Count(number), COUNT_PATIENCE)
        except (WorkerGoneError, TimeoutError):
            return  # what it counted last has to do

    def _kill(self, worker: _Worker) -> None:
        pid = self._pids.get(worker.slot)
        if pid is not None:
            self._nursery.kill(pid)

    def _born_or_died(self, event: Born | Died) -> None:
        match event:
            case Born(slot, pid):
                self._pids[slot] = pid
            case Died(pid, status):
                for slot in [slot for slot, each in self._pids.items() if each == pid]:
                    del self._pids[slot]
                    death = self._deaths[slot]
                    if not death.done():
                        death.set_result(_how(pid, status))
            case _:
                assert_never(event)

    def _nursery_gone(self) -> None:
        for death in self._deaths.values():
            if not death.done():
                death.set_result("nobody is left who would know how")
        if not self._stopping:
            self._fail("the process that starts workers has ended")

    def _blocked(self, event: bytes) -> None:
        if not self.on_block(event):
            self._retired.block_events_dropped += 1

    def _fail(self, message: str) -> None:
        if not self._failed.done():
            self._failed.set_result(message)


async def _all(futures: list[asyncio.Future[str]], seconds: float) -> bool:
    """Whether they are done within this time; they are not cancelled."""
    if futures:
        await asyncio.wait(futures, timeout=seconds)
    return all(future.done() for future in futures)


def _how(pid: int, status: int) -> str:
    what = f"signal {-status}" if status < 0 else f"exit code {status}"
    return f"process {pid}, {what}"
