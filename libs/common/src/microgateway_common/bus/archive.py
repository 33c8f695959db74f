"""The reconciler's side of what people look back at: histories of gateways, and the objects behind them.

Fenced by the leader's term as everything it writes; no engine reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from microgateway_common.history import History, decode_history, encode_history
from microgateway_common.mirror import Mirrored, encode_mirrored
from microgateway_common.names import GatewayKey, Generation, Term

from . import keys
from .connection import raw
from .publisher import FENCE, Outcome, Publisher, Written, outcome_of

# The status' channel: what it says of the gateway has not changed, what pages show of it has.
_RECORD = (
    FENCE
    + """
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], ARGV[3]) end
for i = 5, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('PUBLISH', KEYS[4], redis.call('GET', KEYS[4]) or '')
return {'written', 0}
"""
)

_PUT_ALL = (
    FENCE
    + """
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i]) end
return {'written', 0}
"""
)

#: Keys in one script.
_AT_ONCE = 100


class Archivist:
    """Every method raises one of `connection.UNAVAILABLE` when Redis is away."""

    def __init__(self, redis: Redis, publisher: Publisher) -> None:
        self._redis = redis
        self._publisher = publisher
        self._record = redis.register_script(_RECORD)
        self._put_all = redis.register_script(_PUT_ALL)

    @property
    def term(self) -> Term:
        return self._publisher.term

    async def history(self, gateway: GatewayKey) -> History:
        """What Redis holds; an empty one when there is none. Raises msgspec.MsgspecError."""
        try:
            data = await self._redis.get(keys.history(gateway))
        except ResponseError as error:  # nothing of ours
            raise msgspec.DecodeError(str(error)) from error
        return History() if data is None else decode_history(raw(data))

    async def record(
        self, gateway: GatewayKey, history: History, configuration: bytes, dropped: Iterable[Generation]
    ) -> Outcome:
        """The history with its newest entry's configuration, empty for none, without those of others."""
        newest = history.entries[0].generation
        names = [
            keys.TERM,
            keys.history(gateway),
            keys.past_configuration(gateway, newest),
            keys.status(gateway),
            *(keys.past_configuration(gateway, each) for each in dropped),
        ]
        return outcome_of(
            await self._record(keys=names, args=[self.term, encode_history(history), configuration])
        )

    async def restore(
        self, gateway: GatewayKey, history: History, configurations: Mapping[Generation, bytes]
    ) -> Outcome:
        """All of it, for a Redis that has lost it."""
        values = {keys.past_configuration(gateway, each): data for each, data in configurations.items()}
        return await self._put({**values, keys.history(gateway): encode_history(history)})

    async def mirror(self, objects: Iterable[Mirrored]) -> Outcome:
        """Objects as they are now."""
        return await self._put({keys.source(each.ref): encode_mirrored(each) for each in objects})

    async def _put(self, values: Mapping[str, bytes]) -> Outcome:
        waiting = list(values.items())
        written: Outcome = Written()
        for start in range(0, len(waiting), _AT_ONCE):
            part = dict(waiting[start : start + _AT_ONCE])
            written = outcome_of(
                await self._put_all(keys=[keys.TERM, *part], args=[self.term, *part.values()])
            )
        return written

    async def remove(self, names: Iterable[str]) -> Outcome:
        """Keys of either."""
        return await self._publisher.remove(names)

    async def stored_keys(self) -> set[str]:
        """Keys of histories, their configurations and sources that Redis holds."""
        found: set[str] = set()
        for pattern in (keys.ALL_HISTORIES, keys.ALL_SOURCES):
            async for key in self._redis.scan_iter(match=pattern, count=1000):
                found.add(key.decode())
        return found
