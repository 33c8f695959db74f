"""The reconciler's side: every write is atomic and fenced by the leader's term."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from microgateway_common.names import GatewayKey, Generation, PodKey, Term
from microgateway_common.problems import Problem
from microgateway_common.status import GatewayStatus

from . import keys
from .connection import raw
from .messages import encode

# A term is a time as well, so that it keeps growing when Redis lost its memory.
_CLAIM = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local term = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, ms)
redis.call('SET', KEYS[1], string.format('%.0f', term))
return term
"""

# Shared by scripts that write: refuse an older leader; a newer one, or one whose term Redis forgot, is noted.
FENCE = """
local stored = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local term = tonumber(ARGV[1])
if term < stored then return {'fenced', stored} end
if term > stored then redis.call('SET', KEYS[1], ARGV[1]) end
"""

_PUBLISH = (
    FENCE
    + """
local generation = tonumber(redis.call('HGET', KEYS[2], 'generation') or '0')
if tonumber(ARGV[2]) <= generation then return {'stale', generation} end
redis.call('HSET', KEYS[2], 'generation', ARGV[2], 'data', ARGV[3])
redis.call('PUBLISH', KEYS[2], ARGV[3])
return {'written', generation}
"""
)

# pcall: somebody else may have put a value of another type there, which SET replaces.
_PUT = (
    FENCE
    + """
local held = redis.pcall('GET', KEYS[2])
if held ~= ARGV[2] then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('PUBLISH', KEYS[2], ARGV[2])
end
return {'written', 0}
"""
)

_REMOVE = (
    FENCE
    + """
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return {'written', 0}
"""
)


class Written(Struct, frozen=True):
    """Redis holds it, and those who listen were told."""


class Fenced(Struct, frozen=True):
    """A newer leader has written; this one must stop. term: the newer one's."""

    term: Term


class Stale(Struct, frozen=True):
    """Redis holds the same or a newer generation of the gateway; nothing was written."""

    stored: Generation


class StoredBundle(Struct, frozen=True):
    """What Redis holds under a gateway's key. generation: the number that the next must exceed, as it is
    stored; data: wire bytes. Others than this process may have written either."""

    generation: bytes
    data: bytes


Outcome = Written | Fenced

#: Keys in one MGET.
_AT_ONCE = 500


class Publisher:
    """Writes of one leader. Every method raises one of `connection.UNAVAILABLE` when Redis is away."""

    def __init__(self, redis: Redis, term: Term) -> None:
        self._redis = redis
        self.term = term
        self._publish = redis.register_script(_PUBLISH)
        self._put = redis.register_script(_PUT)
        self._remove = redis.register_script(_REMOVE)

    @classmethod
    async def claim(cls, redis: Redis) -> Publisher:
        """Become the leader: take a term above any that Redis knows."""
        term = await redis.register_script(_CLAIM)(keys=[keys.TERM])
        return cls(redis, Term(int(term)))

    async def bundle(
        self, gateway: GatewayKey, generation: Generation, data: bytes
    ) -> Written | Fenced | Stale:
        """Store wire bytes as the snapshot and send them to the gateway's engines, in one step."""
        reply = await self._publish(
            keys=[keys.TERM, keys.bundle(gateway)], args=[self.term, generation, data]
        )
        if reply[0] == b"stale":
            return Stale(Generation(int(reply[1])))
        return outcome_of(reply)

    async def assign(self, pod: PodKey, data: bytes) -> Outcome:
        """Store the bytes of an assignment and tell the pod's engine, unless that is what Redis holds."""
        return await self._write(keys.assignment(pod), data)

    async def status(self, status: GatewayStatus) -> Outcome:
        return await self._write(keys.status(status.gateway), encode(status))

    async def problems(self, problems: Iterable[Problem]) -> Outcome:
        return await self._write(keys.PROBLEMS, encode(list(problems)))

    async def remove(self, names: Iterable[str]) -> Outcome:
        """Delete keys; engines learn of it through their assignment."""
        return outcome_of(await self._remove(keys=[keys.TERM, *names], args=[self.term]))

    async def stored_bundle(self, gateway: GatewayKey) -> StoredBundle | None:
        """None when Redis has none."""
        try:
            generation, data = await self._redis.hmget(keys.bundle(gateway), "generation", "data")
        except ResponseError:  # no hash: nothing of ours
            return StoredBundle(b"", b"")
        if generation is None and data is None:
            return None
        return StoredBundle(raw(generation or b""), raw(data or b""))

    async def stored_assignments(self, pods: Iterable[PodKey]) -> dict[PodKey, bytes]:
        """Of those that Redis has one of."""
        wanted = list(pods)
        found: dict[PodKey, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            values = await self._redis.mget([keys.assignment(pod) for pod in part])
            found |= {pod: raw(data) for pod, data in zip(part, values, strict=True) if data is not None}
        return found

    async def stored_keys(self) -> set[str]:
        """Keys of bundles, assignments and statuses that Redis holds."""
        found: set[str] = set()
        for pattern in ("mgw:*:bundle:*", "mgw:*:assignment:*", "mgw:*:status:*"):
            async for key in self._redis.scan_iter(match=pattern, count=1000):
                found.add(key.decode())
        return found

    async def _write(self, key: str, value: bytes) -> Outcome:
        return outcome_of(await self._put(keys=[keys.TERM, key], args=[self.term, value]))


def outcome_of(reply: list[bytes | int]) -> Outcome:
    """What a script that begins with FENCE answers."""
    if reply[0] == b"fenced":
        return Fenced(Term(int(reply[1])))
    return Written()
