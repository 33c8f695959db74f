"""Tasks that end when they are told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

logger = logging.getLogger(__name__)

#: Seconds after which a side of `together` that has not ended is told again: more than closing connections to
#: Redis and giving a lease back take, less than half of the 30 that Kubernetes leaves a pod.
PATIENCE: Final = 14.0


async def together(*sides: Coroutine[Any, Any, None]) -> None:
    """Run the sides of a session until one of them ends, which ends the others; raises what it raised.

    A TaskGroup would do but for two things: it loses a cancellation that comes while a task of its fails, and
    waits without end for a task that lost its own.
    """
    tasks = [asyncio.create_task(side) for side in sides]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(tasks)
    for task in done:
        task.result()


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel them, and return when they are done. A cancellation that comes meanwhile is raised then."""
    running, cancelled = set(tasks), False
    while running:
        for task in running:
            task.cancel()
        try:
            _, running = await asyncio.wait(running, timeout=PATIENCE)
        except asyncio.CancelledError:
            cancelled = True
        else:
            for task in running:
                logger.warning("%s goes on after its cancellation, cancelling it again", task.get_coro())
    for task in tasks:
        if not task.cancelled():
            task.exception()  # else asyncio logs those that nobody asks for
    if cancelled:
        raise asyncio.CancelledError


def heed_cancellation(client: Redis) -> Redis:
    """The same client, whose commands lose no cancellation.

    The library sends through asyncio.wait_for, which loses one that comes in the moment it is done, up to
    Python 3.11 (https://github.com/python/cpython/issues/86296).
    """
    pool = client.connection_pool
    plain: type[AbstractConnection] = pool.connection_class
    pool.connection_class = type(f"Heeding{plain.__name__}", (_Heeding, plain), {})
    return client


class _Heeding(AbstractConnection):
    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        await super().send_packed_command(command, check_health)
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)  # nobody will read the reply
            raise asyncio.CancelledError
