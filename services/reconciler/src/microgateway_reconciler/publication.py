"""The ledger's way into Redis.

claim ─► keys ─► read what Redis holds ─► write everything ─► write what changes, hear acknowledgements
  ▲                                                                    │ Redis or keys away
  └──────────────────────────── pause, with jitter ◄───────────────────┘

Keys come before what is signed with them: see `trust.keeper`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec
from redis.asyncio import Redis

from microgateway_common.bus import keys
from microgateway_common.bus.cancellation import together
from microgateway_common.bus.connection import UNAVAILABLE, backoff, connect
from microgateway_common.bus.messages import decode_acknowledgement
from microgateway_common.bus.publisher import Fenced, Outcome, Publisher, Stale, Written
from microgateway_common.bus.reader import Reader
from microgateway_common.names import GatewayKey, Generation, split_key

from .block_keeping import BlockKeeping
from .ledger import Bundle, Ledger
from .metrics import Metrics
from .trust.expiry import authority_ends
from .trust.keeper import Custodian, Vouching
from .trust.storage import StorageError
from .unwritten import Unwritten

logger = logging.getLogger(__name__)

#: Seconds between comparisons of everything with what Redis holds.
ANTI_ENTROPY = 60.0

#: Seconds between looks for engines that fell silent.
SILENCE_CHECK = 5.0


class SupersededError(Exception):
    """A newer reconciler publishes; this one must stop."""


class Archive(Protocol):
    """What people look back at. It is written when everything else is."""

    def prepare(self, gateway: GatewayKey, bundle: Bundle) -> Callable[[], None]:
        """The bundle is about to be published; call what comes back when it is."""

    async def run(self, redis: Redis, publisher: Publisher, idle: asyncio.Event) -> None:
        """Write until cancelled. idle: set while there is nothing else to write, which goes first. Raises
        SupersededError, and one of `UNAVAILABLE`."""


class NoArchive:
    """Nobody looks back."""

    def prepare(self, gateway: GatewayKey, bundle: Bundle) -> Callable[[], None]:  # noqa: ARG002
        return lambda: None

    async def run(self, redis: Redis, publisher: Publisher, idle: asyncio.Event) -> None:  # noqa: ARG002
        await asyncio.Event().wait()


class Publication:
    """Keeps Redis at what the ledger says until cancelled. Raises SupersededError.

    custodian: has the keys, and the access to Redis.
    may_claim: whether this process leads. A new term fences everybody else's writes, so one that has lost
    its lead while it slept must not take one.
    told: gets the gateways of which Redis has been told something new.
    archive: gets what was published.
    synchronised: set once the ledger knows what Redis holds.
    """

    def __init__(
        self,
        custodian: Custodian,
        ledger: Ledger,
        metrics: Metrics,
        may_claim: Callable[[], bool] = lambda: True,
        told: Callable[[AbstractSet[GatewayKey]], None] = lambda _: None,
        archive: Archive = NoArchive(),  # noqa: B008 - has no state
    ) -> None:
        self._custodian = custodian
        self._vouching: Vouching | None = None
        self._ledger = ledger
        self._metrics = metrics
        self._may_claim = may_claim
        self._told = told
        self._archive = archive
        self.synchronised = asyncio.Event()
        self._said = ""
        self._pauses = backoff()
        self._news = asyncio.Event()

    def changed(self) -> None:
        """The ledger has something to write."""
        self._news.set()

    async def run(self) -> None:
        while True:
            try:
                if self._may_claim():  # else tried again after a pause
                    await self._session()
            except UNAVAILABLE as failure:
                self._lost("redis is away", failure)
            except StorageError as failure:
                self._lost("keys are out of reach", failure)
            await asyncio.sleep(next(self._pauses))

    async def _session(self) -> None:
        access = await self._custodian.access()
        self._metrics.redis_authority_ends = authority_ends(access.ca)
        redis = connect(access)
        try:
            publisher, idle = await Publisher.claim(redis), asyncio.Event()
            keeping = BlockKeeping(redis, publisher.term, self._ledger, self._metrics)
            await together(
                self._write(publisher, redis, idle),
                self._hear(redis),
                keeping.run(),
                self._archive.run(redis, publisher, idle),
            )
        finally:
            await redis.aclose()

    def _lost(self, what: str, failure: BaseException) -> None:
        said = f"{what}, engines stay on what they have: {failure}"
        if self._metrics.connected or said != self._said:
            logger.warning("%s", said)
        self._said = said
        self._metrics.redis_losses += self._metrics.connected
        self._metrics.connected = False

    async def _write(self, publisher: Publisher, redis: Redis, idle: asyncio.Event) -> None:
        await self._synchronise(publisher, redis)
        self.synchronised.set()
        self._pauses = backoff()
        self._metrics.connected = True
        logger.info("redis holds %d gateways", len(self._ledger.entries))
        synchronised = time.monotonic()
        while True:
            idle.set()
            try:
                async with asyncio.timeout(SILENCE_CHECK):
                    await self._news.wait()
            except TimeoutError:
                self._ledger.forget_silent()
            self._news.clear()
            idle.clear()
            await self._vouch(redis)
            if time.monotonic() - synchronised >= ANTI_ENTROPY:
                synchronised = time.monotonic()
                await self._synchronise(publisher, redis)
            elif unwritten := self._ledger.take_unwritten():
                started = time.monotonic()
                await self._write_out(publisher, unwritten)
                self._metrics.wrote(time.monotonic() - started)

    async def _vouch(self, redis: Redis) -> None:
        """Have keys for every namespace there is; return in the moment in which that is so."""
        while True:
            namespaces = self._ledger.namespaces
            vouching = await self._custodian.vouch(redis, namespaces)
            if vouching is not self._vouching:
                self._vouching = vouching
                self._ledger.use(vouching.signer, vouching.trust)
            if self._ledger.namespaces <= namespaces:
                return

    async def _synchronise(self, publisher: Publisher, redis: Redis) -> None:
        """Bring together what Redis holds and what it should hold."""
        await self._vouch(redis)
        stored = await publisher.stored_keys()
        for gateway in list(self._ledger.entries):
            await self._adopt(publisher, gateway)
        assignments = await publisher.stored_assignments(self._ledger.assignments)
        for pod, data in assignments.items():
            self._ledger.adopt_assignment(pod, data)
        for acknowledgement in await Reader(redis).acknowledgements():
            self._ledger.hear(acknowledgement)
        await self._vouch(redis)
        await self._write_out(publisher, self._ledger.everything(stored))

    async def _adopt(self, publisher: Publisher, gateway: GatewayKey) -> Generation:
        """Learn what Redis holds of a gateway; away with what is not ours. Its generation, 0 for none."""
        stored = await publisher.stored_bundle(gateway)
        if stored is None or gateway not in self._ledger.entries:
            return Generation(0)
        if self._ledger.adopt(gateway, stored):
            return Generation(int(stored.generation))
        check(await publisher.remove([keys.bundle(gateway)]))
        return Generation(0)

    async def _write_out(self, publisher: Publisher, unwritten: Unwritten) -> None:
        """Bundles before the assignments and statuses that speak of them."""
        ledger = self._ledger
        # The ledger may change while Redis answers: what is gone by then is in the next `unwritten`.
        for gateway in unwritten.bundles:
            if gateway in ledger.entries:
                await self._publish(publisher, gateway)
        for pod in unwritten.assignments:
            if pod in ledger.assignments:
                check(await publisher.assign(pod, ledger.next_assignment(pod)))
        for gateway in unwritten.bundles | unwritten.statuses:
            if gateway in ledger.entries:
                check(await publisher.status(ledger.status(gateway)))
        if unwritten.problems:
            check(await publisher.problems(ledger.problems))
        if unwritten.removed:
            check(await publisher.remove(sorted(unwritten.removed)))
        self._told(unwritten.bundles | unwritten.statuses)

    async def _publish(self, publisher: Publisher, gateway: GatewayKey) -> None:
        stored = await self._adopt(publisher, gateway)
        while gateway in self._ledger.entries:
            bundle = self._ledger.next_bundle(gateway, stored)
            if bundle is None:
                return
            archive = self._archive.prepare(gateway, bundle)
            match await publisher.bundle(gateway, *bundle):
                case Written():
                    archive()
                    self._metrics.published += 1
                    logger.info("published generation %d of %s", bundle.generation, gateway)
                    return
                case Stale():
                    stored = await self._adopt(publisher, gateway)
                case Fenced() as fenced:
                    check(fenced)

    async def _hear(self, redis: Redis) -> None:
        async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.psubscribe(keys.ALL_ACKNOWLEDGEMENTS)
            while True:
                message = await pubsub.get_message(timeout=SILENCE_CHECK)
                if message is None:
                    continue
                channel = message["channel"].decode()
                try:
                    acknowledgement = decode_acknowledgement(message["data"])
                except msgspec.MsgspecError as error:
                    logger.warning("unreadable acknowledgement on %s: %s", channel, error)
                    continue
                namespace, _ = split_key(acknowledgement.pod)
                if channel != keys.acknowledgements(namespace):
                    logger.warning(
                        "acknowledgement of %s on %s: another namespace's", acknowledgement.pod, channel
                    )
                    continue
                self._ledger.hear(acknowledgement)
                self._news.set()


def check(outcome: Outcome) -> None:
    """Raises SupersededError."""
    if isinstance(outcome, Fenced):
        raise SupersededError(f"a newer reconciler publishes under term {outcome.term}")
