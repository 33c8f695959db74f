"""The config-api's side: everything there is, read only."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from microgateway_common.names import GatewayKey, PodKey, gateway_key
from microgateway_common.problems import Problem
from microgateway_common.status import GatewayStatus

from . import keys
from .connection import raw
from .messages import Acknowledgement, Assignment, decode_acknowledgement, decode_assignment

_status = msgspec.json.Decoder(GatewayStatus)
_problems = msgspec.json.Decoder(list[Problem])


class Reader:
    """Every method raises one of `connection.UNAVAILABLE` when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def gateways(self) -> list[GatewayStatus]:
        """Every gateway the reconciler knows, by key."""
        values = await self._values("mgw:*:status:*")
        return sorted((_status.decode(value) for value in values), key=lambda status: status.gateway)

    async def gateway(self, namespace: str, name: str) -> GatewayStatus | None:
        data = await self._redis.get(keys.status(gateway_key(namespace, name)))
        return None if data is None else _status.decode(data)

    async def bundle(self, gateway: GatewayKey) -> bytes | None:
        """Wire bytes of the published configuration."""
        data = await self._redis.hget(keys.bundle(gateway), "data")
        return None if data is None else raw(data)

    async def acknowledgements(self) -> list[Acknowledgement]:
        """The last word of every engine that is alive, by pod."""
        values = await self._values("mgw:*:ack:*")
        return sorted((decode_acknowledgement(value) for value in values), key=lambda each: each.pod)

    async def assignment(self, pod: PodKey) -> Assignment | None:
        data = await self._redis.get(keys.assignment(pod))
        return None if data is None else decode_assignment(raw(data))

    async def problems(self) -> list[Problem]:
        """Problems with documents and objects, whatever gateway they belong to."""
        data = await self._redis.get(keys.PROBLEMS)
        return [] if data is None else _problems.decode(data)

    async def ping(self) -> None:
        await self._redis.ping()

    async def _values(self, pattern: str) -> list[bytes]:
        names = [name async for name in self._redis.scan_iter(match=pattern, count=1000)]
        if not names:
            return []
        return [raw(value) for value in await self._redis.mget(names) if value is not None]
