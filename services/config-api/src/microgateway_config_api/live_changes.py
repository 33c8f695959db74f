"""News from the bus, for pages that stay open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import NoPermissionError

from microgateway_common.bus import keys

logger = logging.getLogger(__name__)

#: Seconds in which several changes count as one.
GATHERING = 0.1

#: Seconds after which silence is interrupted, so that proxies and clients know that somebody is there.
SILENCE = 15.0


@dataclass(frozen=True, slots=True)
class News:
    """Namespaces in which statuses or engines have changed, and those with new blocks."""

    changed: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


async def changes(redis: Redis) -> AsyncGenerator[News]:
    """What is new; nothing after SILENCE without a change; forever.

    The first is of no namespace, once everything that comes later will be heard. Raises one of
    `bus.connection.UNAVAILABLE` when Redis is away.
    """
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe(keys.ALL_STATUSES, keys.ALL_ACKNOWLEDGEMENTS)
        for _ in range(2):  # both subscriptions are confirmed
            await pubsub.get_message(timeout=SILENCE)
        await _follow_blocks(pubsub)
        yield News()
        while True:
            changed: set[str] = set()
            blocked: set[str] = set()
            news = await pubsub.get_message(ignore_subscribe_messages=True, timeout=SILENCE)
            if news is not None:
                await asyncio.sleep(GATHERING)
                while news is not None:
                    channel = news["channel"].decode()
                    (blocked if keys.is_blocks(channel) else changed).add(keys.namespace_of(channel))
                    news = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0)
            yield News(frozenset(changed), frozenset(blocked))


async def _follow_blocks(pubsub: PubSub) -> None:
    """Unless Redis runs with the users of an earlier version: then everything else goes on."""
    try:
        await pubsub.psubscribe(keys.ALL_BLOCKS)
        await pubsub.get_message(timeout=SILENCE)
    except NoPermissionError as error:
        logger.warning("new blocks are not announced: %s", error)
