"""Recent blocks in Redis: a stream for each gateway, bounded in number and time, and an index by request id.

Entries get the time at which they are kept, in an order over all gateways, so that whoever has read up to an
entry misses nothing that comes later. An engine's clock decides nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NewType

import msgspec
from redis.asyncio import Redis

from microgateway_common.blocks import BlockEvent, decode_event
from microgateway_common.names import GatewayKey, Namespace, Term

from . import keys
from .connection import raw
from .publisher import FENCE, Outcome, outcome_of

#: Entry id of a stream: `milliseconds-number`.
EntryId = NewType("EntryId", str)

#: Blocks kept of a gateway, at most and at least, and of all gateways together: about 20 MB.
PER_GATEWAY: Final = 1000
AT_LEAST: Final = 20
TOTAL: Final = 20_000

#: Seconds that a block is kept.
RETENTION: Final = 24 * 3600

# KEYS: term, last entry of all, stream, index. ARGV: term, how many to keep, seconds to keep, then request id
# and data of each block. An index entry goes with the newest block of its request.
_KEEP = (
    FENCE
    + """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local last = redis.call('GET', KEYS[2]) or '0-0'
local time, number = string.match(last, '^(%d+)-(%d+)$')
time, number = tonumber(time or 0), tonumber(number or 0)
local function forget(entries)
  for _, entry in ipairs(entries) do
    local request = entry[2][2]
    if redis.call('HGET', KEYS[4], request) == entry[1] then redis.call('HDEL', KEYS[4], request) end
    redis.call('XDEL', KEYS[3], entry[1])
  end
end
for i = 4, #ARGV, 2 do
  if ms > time then time, number = ms, 0 else number = number + 1 end
  last = string.format('%.0f-%.0f', time, number)
  redis.call('XADD', KEYS[3], last, 'request', ARGV[i], 'data', ARGV[i + 1])
  redis.call('HSET', KEYS[4], ARGV[i], last)
end
redis.call('SET', KEYS[2], last)
local over = redis.call('XLEN', KEYS[3]) - tonumber(ARGV[2])
if over > 0 then forget(redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', over)) end
local oldest = string.format('(%.0f-0', ms - tonumber(ARGV[3]) * 1000)
forget(redis.call('XRANGE', KEYS[3], '-', oldest, 'COUNT', 1000))
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('EXPIRE', KEYS[4], ARGV[3])
redis.call('PUBLISH', KEYS[3], last)
return {'written', 0}
"""
)


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """entry: orders all kept blocks, the newest has the largest."""

    entry: EntryId
    event: BlockEvent


class BlockKeeper:
    """The reconciler's side: writes of one leader. Raises one of `UNAVAILABLE` when Redis is away."""

    def __init__(self, redis: Redis, term: Term) -> None:
        self._keep = redis.register_script(_KEEP)
        self._term = term

    async def keep(
        self, gateway: GatewayKey, blocks: Iterable[tuple[str, bytes]], number: int = PER_GATEWAY
    ) -> Outcome:
        """Request ids and encoded events of a gateway, the oldest first. number: how many are kept."""
        arguments = [part for block in blocks for part in block]
        names = [keys.TERM, keys.LAST_BLOCK, keys.blocks(gateway), keys.block_ids(gateway)]
        return outcome_of(await self._keep(keys=names, args=[self._term, number, RETENTION, *arguments]))


class Blocks:
    """The config-api's side, read only. Raises one of `connection.UNAVAILABLE` when Redis is away.

    What cannot be read, as during an upgrade, is left out.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def gateways(self, namespace: Namespace | None = None) -> list[GatewayKey]:
        """Those of which there are blocks."""
        pattern = keys.ALL_BLOCKS if namespace is None else keys.blocks(GatewayKey(f"{namespace}/*"))
        found = {name.decode() async for name in self._redis.scan_iter(match=pattern, count=1000)}
        return sorted(keys.gateway_of_blocks(name) for name in found)

    async def newest(
        self,
        gateways: Sequence[GatewayKey],
        number: int,
        *,
        since: float = 0.0,
        after: EntryId | None = None,
        before: EntryId | None = None,
    ) -> list[KeptBlock]:
        """At most so many of these gateways, the newest first. since: seconds since the epoch. after, before:
        entries that are not among them."""
        oldest = f"{int(max(since, time.time() - RETENTION) * 1000)}-0"
        if after is not None and _place(after) >= _place(EntryId(oldest)):
            oldest = f"({after}"
        if before is not None and not any(_place(before)):
            return []
        newest = "+" if before is None else f"({before}"
        streams = await asyncio.gather(
            *(
                self._redis.xrevrange(keys.blocks(gateway), max=newest, min=oldest, count=number)
                for gateway in gateways
            )
        )
        entries = [entry for stream in streams for entry in _entries(stream)]
        entries.sort(key=lambda entry: _place(entry[0]), reverse=True)
        return [kept for entry, data in entries[:number] for kept in _kept(entry, data)]

    async def find(self, request_id: str, gateways: Sequence[GatewayKey]) -> KeptBlock | None:
        """The newest block of a request."""
        found = await asyncio.gather(
            *(self._redis.hget(keys.block_ids(gateway), request_id) for gateway in gateways)
        )
        entries = [
            (_place(raw(entry).decode()), gateway)
            for entry, gateway in zip(found, gateways, strict=True)
            if entry is not None
        ]
        for place, gateway in sorted(entries, reverse=True):
            entry = "{}-{}".format(*place)
            for name, data in _entries(await self._redis.xrange(keys.blocks(gateway), min=entry, max=entry)):
                for kept in _kept(name, data):
                    return kept
        return None


def _place(entry: str) -> tuple[int, int]:
    time, _, number = entry.partition("-")
    return int(time), int(number)


def _entries(stream: Any) -> list[tuple[EntryId, bytes]]:
    """Of a reply, whose type the library does not tell."""
    return [(EntryId(entry.decode()), members.get(b"data", b"")) for entry, members in stream]


def _kept(entry: EntryId, data: bytes) -> list[KeptBlock]:
    try:
        return [KeptBlock(entry, decode_event(data))]
    except msgspec.MsgspecError:
        return []
