"""The chronicle's way into Redis, beside the publication and after it.

idle ─► read histories ─► mirror all objects ─► record what was published, mirror what changes
                                                   │ every minute: what Redis has lost, and has too much

One gateway at a time, and only while there is nothing to publish, so that a change that everything depends on
reaches all engines first. Redis may refuse
what is written here, when it is full for instance: that is logged and tried again, and hinders nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.archive import Archivist
from microgateway_common.bus.connection import backoff
from microgateway_common.bus.publisher import Publisher
from microgateway_common.history import MOST_BYTES, History, encode_configuration, grown
from microgateway_common.names import GatewayKey
from microgateway_common.problems import ObjectRef
from microgateway_common.status import Published
from microgateway_reconciler import __version__
from microgateway_reconciler.ledger import Bundle, Ledger
from microgateway_reconciler.publication import check

from .chronicle import Chronicle, Used, versions
from .memory import Memory

logger = logging.getLogger(__name__)

#: Seconds between comparisons with what Redis holds.
ANTI_ENTROPY: Final = 60.0

#: Seconds that news wait, for the publication to be done with them.
AFTERWARDS: Final = 0.1

#: Bundles that wait to be recorded; of more, the oldest are left out of their histories.
MOST_WAITING: Final = 10_000

#: Objects that are mirrored in one turn.
_AT_ONCE: Final = 25


class _Waiting(NamedTuple):
    """used: what the bundle was compiled from; empty for what the one before it was."""

    gateway: GatewayKey
    bundle: Bundle
    used: tuple[Used, ...]


class Archiving:
    """A `publication.Archive`."""

    def __init__(self, chronicle: Chronicle, ledger: Ledger) -> None:
        self._chronicle = chronicle
        self._ledger = ledger
        self._memory = Memory()
        self._waiting: deque[_Waiting] = deque(maxlen=MOST_WAITING)
        self._unmirrored: set[ObjectRef] = set()

    def prepare(self, gateway: GatewayKey, bundle: Bundle) -> Callable[[], None]:
        waiting = _Waiting(gateway, bundle, self._chronicle.used(gateway))

        def published() -> None:
            self._waiting.append(waiting)
            self._chronicle.news.set()

        return published

    async def run(self, redis: Redis, publisher: Publisher, idle: asyncio.Event) -> None:
        archivist = Archivist(redis, publisher)
        pauses = backoff()
        begun = False
        await idle.wait()
        while True:
            try:
                if not begun:
                    await self._begin(archivist)
                    begun = True
                await self._go_on(archivist, idle)
            except ResponseError as error:
                pause = next(pauses)
                logger.warning("redis takes no history, trying again: %s", error)
                await asyncio.sleep(pause)

    async def _begin(self, archivist: Archivist) -> None:
        """Another leader may have written since we did, and Redis may have lost everything."""
        for gateway in list(self._ledger.entries):
            try:
                history = await archivist.history(gateway)
            except msgspec.MsgspecError as error:
                logger.warning("the history of %s in redis is unusable and begins anew: %s", gateway, error)
                history = History()
            if history.entries:
                self._memory.adopt(gateway, history)
        self._unmirrored |= self._chronicle.sources
        await self._compare(archivist)

    async def _go_on(self, archivist: Archivist, idle: asyncio.Event) -> None:
        """Until something is refused."""
        compared = time.monotonic()
        while True:
            await self._write_out(archivist, idle)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANTI_ENTROPY):
                    await self._chronicle.news.wait()
            await asyncio.sleep(AFTERWARDS)
            self._chronicle.news.clear()
            if time.monotonic() - compared >= ANTI_ENTROPY:
                compared = time.monotonic()
                await self._compare(archivist)

    async def _compare(self, archivist: Archivist) -> None:
        """What Redis lacks is written, what it has too much is removed."""
        stored = await archivist.stored_keys()
        sources = {keys.source(ref): ref for ref in self._chronicle.sources}
        self._unmirrored |= {ref for key, ref in sources.items() if key not in stored}
        known = set(sources)
        for gateway, entry in list(self._ledger.entries.items()):
            history = self._memory.history(gateway)
            known |= {keys.history(gateway)}
            known |= {keys.past_configuration(gateway, each.generation) for each in history.entries}
            if history.entries and keys.history(gateway) not in stored:
                await self._restore(archivist, gateway, history)
            if not isinstance(entry.published, Published) or entry.bundle is None:
                continue
            if not history.entries or history.entries[0].digest != entry.published.digest:
                bundle = Bundle(entry.published.generation, entry.bundle)
                self._waiting.append(_Waiting(gateway, bundle, self._chronicle.used(gateway)))
        if extra := sorted(stored - known):
            check(await archivist.remove(extra))
        self._memory.forget_others(set(self._ledger.entries))

    async def _restore(self, archivist: Archivist, gateway: GatewayKey, history: History) -> None:
        logger.info("redis has lost the history of %s, and gets it again", gateway)
        check(await archivist.restore(gateway, history, self._memory.configurations(gateway)))

    async def _write_out(self, archivist: Archivist, idle: asyncio.Event) -> None:
        while self._waiting:
            await idle.wait()
            waiting = self._waiting[0]
            await self._record(archivist, waiting)
            if self._waiting and self._waiting[0] is waiting:
                self._waiting.popleft()
        self._unmirrored |= self._chronicle.take_changed()
        while self._unmirrored:
            await idle.wait()
            await self._mirror(archivist, sorted(self._unmirrored)[:_AT_ONCE])

    async def _record(self, archivist: Archivist, waiting: _Waiting) -> None:
        gateway, history = waiting.gateway, self._memory.history(waiting.gateway)
        try:
            header, config = wire.open_bundle(waiting.bundle.data, gateway, wire.ShowToPeople())
        except wire.WireError as error:  # as unusable as the engines will find it
            generation = waiting.bundle.generation
            logger.warning("the history of %s is without generation %d: %s", gateway, generation, error)
            return
        newest = history.entries[0] if history.entries else None
        if gateway not in self._ledger.entries or (newest is not None and newest.digest == header.digest):
            return
        configuration = encode_configuration(config)
        objects = versions(waiting.used) if waiting.used else history.objects
        kept = configuration if len(configuration) <= MOST_BYTES else b""
        now = grown(history, header.generation, header.digest, objects, __version__, len(kept))
        dropped = {each.generation for each in history.entries} - {each.generation for each in now.entries}
        check(await archivist.record(gateway, now, kept, sorted(dropped)))
        self._memory.put(gateway, now, kept)

    async def _mirror(self, archivist: Archivist, refs: list[ObjectRef]) -> None:
        found = [(ref, self._chronicle.mirrored(ref)) for ref in refs]
        if gone := [keys.source(ref) for ref, mirrored in found if mirrored is None]:
            check(await archivist.remove(gone))
        check(await archivist.mirror(mirrored for _, mirrored in found if mirrored is not None))
        # What has changed meanwhile is among the changed ones, and comes again.
        self._unmirrored.difference_update(refs)
