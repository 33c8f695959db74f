"""Block events on their way to Redis: a bounded queue, emptied as fast as somebody takes them.

Nothing waits for it. While Redis is away, or no reconciler listens, the newest events are kept and the
oldest are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from microgateway_common.bus import keys
from microgateway_common.bus.connection import UNAVAILABLE, backoff
from microgateway_common.names import PodKey, split_key
from microgateway_engine.telemetry.block_reports import Allowance

if TYPE_CHECKING:
    from microgateway_engine.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

#: Events that wait; at most MAX_EVENT bytes each.
CAPACITY = 256

#: Events in one exchange with Redis.
AT_ONCE = 32


class BlockOutbox:
    """Of one engine, whatever number of workers it has."""

    def __init__(self, pod: PodKey, metrics: Metrics, allowance: Allowance) -> None:
        namespace, _ = split_key(pod)
        self._channel = keys.block_reports(namespace)
        self._metrics = metrics
        self._allowance = allowance
        self._events: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._complained = False

    def put(self, event: bytes) -> bool:
        """Take an event along; False when the engine has reported too many lately."""
        if not self._allowance.take():
            return False
        if len(self._events) == CAPACITY:
            self._events.popleft()
            self._metrics.block_events_dropped += 1
        self._events.append(event)
        self._filled.set()
        return True

    async def deliver(self, redis: Redis) -> None:
        """Until cancelled. Raises nothing when Redis is away."""
        pauses = backoff()
        while True:
            await self._filled.wait()
            if await self._publish(redis):
                pauses = backoff()
            else:
                await asyncio.sleep(next(pauses))

    async def _publish(self, redis: Redis) -> bool:
        """Whether somebody heard all that was said; what nobody heard waits for the next time."""
        batch = [self._events.popleft() for _ in range(min(AT_ONCE, len(self._events)))]
        heard = 0
        try:
            # No transaction: an engine's user may run no command that it can do without.
            async with redis.pipeline(transaction=False) as pipeline:
                for event in batch:
                    pipeline.publish(self._channel, event)
                for listeners in await pipeline.execute():
                    if not listeners:
                        break
                    heard += 1
        except UNAVAILABLE as failure:
            if not self._complained:
                logger.warning("block events wait: %s: %s", type(failure).__name__, failure)
            self._complained = True
        else:
            self._complained = False
        finally:
            self._metrics.block_events_sent += heard
            self._put_back(batch[heard:])
        return heard == len(batch)

    def _put_back(self, batch: list[bytes]) -> None:
        """Before what has come meanwhile, as far as there is room."""
        room = CAPACITY - len(self._events)
        dropped = max(0, len(batch) - room)
        self._metrics.block_events_dropped += dropped
        self._events.extendleft(reversed(batch[dropped:]))
        if not self._events:
            self._filled.clear()
