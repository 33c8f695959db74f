"""The config-api's side: everything there is, read only."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.decoding import decode
from microgateway_common.history import History, decode_configuration, decode_history
from microgateway_common.mirror import Mirrored, decode_mirrored
from microgateway_common.names import GatewayKey, Generation, Namespace, PodKey, gateway_key
from microgateway_common.problems import Problem
from microgateway_common.status import GatewayStatus

from . import keys
from .connection import raw
from .messages import Acknowledgement, Assignment, decode_acknowledgement

_status = msgspec.json.Decoder(GatewayStatus)
_problems = msgspec.json.Decoder(list[Problem])


class UnreadableAcknowledgement(Struct, frozen=True):
    """What stands in place of the pod's acknowledgement; reason completes "acknowledgement: …"."""

    pod: PodKey
    reason: str


class Reader:
    """Every method raises one of `connection.UNAVAILABLE` when Redis is away.

    Those that read what the reconciler wrote raise msgspec.MsgspecError when that is unreadable,
    as during an upgrade. Acknowledgements come from every pod, so a bad one stands for itself alone.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def gateways(self) -> list[GatewayStatus]:
        """Every gateway the reconciler knows, by key."""
        found = await self._matching("mgw:*:status:*")
        return sorted((decode(_status, value) for _, value in found), key=lambda status: status.gateway)

    async def gateway(self, namespace: str, name: str) -> GatewayStatus | None:
        data = await self._redis.get(keys.status(gateway_key(namespace, name)))
        return None if data is None else decode(_status, raw(data))

    async def bundle(self, gateway: GatewayKey) -> bytes | None:
        """Wire bytes of the published configuration."""
        data = await self._redis.hget(keys.bundle(gateway), "data")
        return None if data is None else raw(data)

    async def engines(self) -> list[Acknowledgement | UnreadableAcknowledgement]:
        """The last word of every engine that is alive, by pod."""
        found = await self._matching("mgw:*:ack:*")
        heard = [_heard(keys.acknowledging_pod(key), value) for key, value in found]
        return sorted(heard, key=lambda each: each.pod)

    async def engine(self, pod: PodKey) -> Acknowledgement | UnreadableAcknowledgement | None:
        """The last word of the pod's engine; None when it is not alive."""
        data = await self._redis.get(keys.acknowledgement(pod))
        return None if data is None else _heard(pod, raw(data))

    async def acknowledgements(self) -> list[Acknowledgement]:
        """The readable ones of `engines`."""
        return [each for each in await self.engines() if isinstance(each, Acknowledgement)]

    async def assignment(self, pod: PodKey) -> Assignment | None:
        """What Redis holds; engines believe it only with a good signature."""
        data = await self._redis.get(keys.assignment(pod))
        if data is None:
            return None
        try:
            return wire.read_assignment(raw(data)).assignment
        except wire.WireError as error:
            raise msgspec.DecodeError(str(error)) from error

    async def problems(self) -> list[Problem]:
        """Problems with documents and objects, whatever gateway they belong to."""
        data = await self._redis.get(keys.PROBLEMS)
        return [] if data is None else decode(_problems, raw(data))

    async def history(self, gateway: GatewayKey) -> History:
        """An empty one where there is none."""
        data = await self._redis.get(keys.history(gateway))
        return History() if data is None else decode_history(raw(data))

    async def past_configuration(self, gateway: GatewayKey, generation: Generation) -> Any:
        """JSON of a configuration without its secrets; None when it is not kept."""
        data = await self._redis.get(keys.past_configuration(gateway, generation))
        return None if data is None else decode_configuration(raw(data))

    async def sources(self, namespace: Namespace) -> list[Mirrored]:
        """The objects of a namespace that configurations are compiled from. namespace: a valid name."""
        return [decode_mirrored(value) for _, value in await self._matching(keys.sources(namespace))]

    async def ping(self) -> None:
        await self._redis.ping()

    async def _matching(self, pattern: str) -> list[tuple[str, bytes]]:
        # SCAN may repeat a key; a key may expire before it is read.
        found = sorted({name async for name in self._redis.scan_iter(match=pattern, count=1000)})
        if not found:
            return []
        values = await self._redis.mget(found)
        return [
            (name.decode(), raw(value))
            for name, value in zip(found, values, strict=True)
            if value is not None
        ]


def _heard(pod: PodKey, data: bytes) -> Acknowledgement | UnreadableAcknowledgement:
    try:
        acknowledgement = decode_acknowledgement(data)
    except msgspec.MsgspecError as error:
        return UnreadableAcknowledgement(pod, str(error))
    if acknowledgement.pod != pod:
        # Redis lets an engine write in its own namespace alone: the key is true, the content may lie.
        return UnreadableAcknowledgement(pod, f"expected one of pod {pod}, got {acknowledgement.pod}")
    return acknowledgement
