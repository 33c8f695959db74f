"""What engines report of blocks is kept in Redis for people, a while and not more than fits.

    engines ──publish──► here: of a gateway we know, not too many ──► a stream for each gateway

Nothing of it is configuration: whatever goes wrong here is counted and leaves publication alone.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque

import msgspec
from redis.asyncio import Redis

from microgateway_common.blocks import BlockEvent, decode_event, encode_event
from microgateway_common.bus import keys
from microgateway_common.bus.blocks import AT_LEAST, PER_GATEWAY, TOTAL, BlockKeeper
from microgateway_common.bus.cancellation import together
from microgateway_common.bus.connection import UNAVAILABLE, backoff
from microgateway_common.bus.publisher import Fenced
from microgateway_common.names import GatewayKey, Term, split_key

from .ledger import Ledger
from .metrics import Metrics

logger = logging.getLogger(__name__)

#: Events that wait for Redis; more are dropped.
CAPACITY = 5000

#: Events of a gateway in one write.
AT_ONCE = 100

#: Seconds in which events are gathered before they are written, and events that are read in that time: the
#: configuration is more important than a flood of them. Redis drops a listener that it cannot keep up with.
GATHERING = 0.05
MOST = 100

#: Seconds of silence between looks whether Redis is still there.
_LOOK = 5.0


class BlockKeeping:
    """Of one leader. `run` until cancelled, or until a newer leader writes."""

    def __init__(self, redis: Redis, term: Term, ledger: Ledger, metrics: Metrics) -> None:
        self._redis = redis
        self._keeper = BlockKeeper(redis, term)
        self._ledger = ledger
        self._metrics = metrics
        self._events: deque[BlockEvent] = deque()
        self._filled = asyncio.Event()
        self._complaints: set[str] = set()

    async def run(self) -> None:
        """Raises nothing when Redis is away."""
        pauses = backoff()
        while True:
            try:
                await together(self._hear(), self._write())
            except UNAVAILABLE as failure:
                self._complain(f"blocks are not kept: {type(failure).__name__}: {failure}")
            await asyncio.sleep(next(pauses))

    async def _hear(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.psubscribe(keys.ALL_BLOCK_REPORTS)
            for heard in itertools.count(1):
                message = await pubsub.get_message(timeout=_LOOK)
                if message is not None:
                    self._take(message["channel"].decode(), message["data"])
                if heard % MOST == 0:
                    await asyncio.sleep(GATHERING)

    def _take(self, channel: str, data: bytes) -> None:
        """What an engine says, as far as it may be true: Redis lets it speak for its own namespace alone."""
        try:
            event = decode_event(data)
        except msgspec.MsgspecError as error:
            self._refuse(f"unreadable block event on {channel}: {error}")
            return
        namespace, _ = split_key(event.gateway)
        if channel != keys.block_reports(namespace) or split_key(event.pod)[0] != namespace:
            self._refuse(f"block event of another namespace on {channel}")
        elif event.gateway not in self._ledger.entries:
            self._refuse(f"block event of an unknown gateway on {channel}")
        elif len(self._events) >= CAPACITY:
            self._metrics.block_events_refused += 1
        else:
            self._events.append(event)
            self._filled.set()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            await asyncio.sleep(GATHERING)
            self._filled.clear()
            waiting: dict[GatewayKey, list[tuple[str, bytes]]] = {}
            while self._events:
                event = self._events.popleft()
                waiting.setdefault(event.gateway, []).append((event.request_id, encode_event(event)))
            number = max(AT_LEAST, min(PER_GATEWAY, TOTAL // max(1, len(self._ledger.entries))))
            for gateway, blocks in waiting.items():
                for start in range(0, len(blocks), AT_ONCE):
                    await self._keep(gateway, blocks[start : start + AT_ONCE], number)

    async def _keep(self, gateway: GatewayKey, blocks: list[tuple[str, bytes]], number: int) -> None:
        try:
            outcome = await self._keeper.keep(gateway, blocks, number)
        except UNAVAILABLE:
            self._metrics.block_events_refused += len(blocks)
            raise
        if isinstance(outcome, Fenced):
            return  # publication finds out as well, and stops
        self._metrics.block_events_kept += len(blocks)

    def _refuse(self, message: str) -> None:
        self._metrics.block_events_refused += 1
        self._complain(message)

    def _complain(self, message: str) -> None:
        """Once for each: engines may repeat themselves without end."""
        if message not in self._complaints and len(self._complaints) < 100:
            self._complaints.add(message)
            logger.warning("%s", message)
