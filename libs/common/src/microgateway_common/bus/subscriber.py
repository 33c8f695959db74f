"""The engine's side: learn the assignment, follow its gateway's bundles, acknowledge.

Each session subscribes first and reads the snapshot once the subscription is confirmed, so nothing
that is published in between is lost. A session that breaks is followed by another, after a pause.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from microgateway_common.names import GatewayKey, PodKey, split_key

from . import keys
from .cancellation import together
from .connection import UNAVAILABLE, backoff, raw
from .messages import Acknowledgement, encode

#: Seconds between re-reads of the snapshots: a second net below publish and subscribe.
ANTI_ENTROPY = 30.0

#: Seconds between renewals of an acknowledgement, and until it expires without.
RENEWAL = 10.0
EXPIRY = 30


class Listener(Protocol):
    """What an engine does with what it hears. Methods return at once and raise nothing."""

    def connected(self) -> None:
        """Redis answers; assignment and snapshot follow."""

    def disconnected(self, reason: str) -> None:
        """Redis is away; the configuration stays as it is."""

    def assigned(self, data: bytes) -> GatewayKey | None:
        """Bytes of the pod's assignment, new, old or repeated. Returns the gateway whose bundles are wanted
        from now on."""

    def offered(self, gateway: GatewayKey, data: bytes) -> None:
        """Wire bytes of the gateway, new, old or repeated."""

    def acknowledgement(self) -> Acknowledgement:
        """What to tell the reconciler now."""


class Subscriber:
    """Keeps one engine in touch with the bus until cancelled."""

    def __init__(self, redis: Redis, pod: PodKey, listener: Listener) -> None:
        self._redis = redis
        self._pod = pod
        self._listener = listener
        self._assignment_channel = keys.assignment(pod)
        self._gateway: GatewayKey | None = None
        self._pauses = backoff()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Sessions with Redis, one after the other, forever."""
        while True:
            try:
                await together(self._listen(), self._acknowledge())
            except UNAVAILABLE as failure:
                self._listener.disconnected(f"{type(failure).__name__}: {failure}")
            await asyncio.sleep(next(self._pauses))

    def acknowledge(self) -> None:
        """Send the acknowledgement soon: something changed."""
        self._news.set()

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            self._gateway = None
            await pubsub.subscribe(self._assignment_channel)
            checked = time.monotonic()
            while True:
                message = await pubsub.get_message(timeout=ANTI_ENTROPY)
                if message is not None:
                    await self._receive(pubsub, message["type"], message["channel"].decode(), message["data"])
                if time.monotonic() - checked >= ANTI_ENTROPY:
                    checked = time.monotonic()
                    await self._read_snapshots(pubsub)

    async def _receive(self, pubsub: PubSub, kind: str, channel: str, data: bytes) -> None:
        if kind == "subscribe":
            await self._confirmed(pubsub, channel)
        elif kind == "message":
            await self._hear(pubsub, channel, data)

    async def _confirmed(self, pubsub: PubSub, channel: str) -> None:
        data = await self._stored(channel)
        if channel == self._assignment_channel:
            # Only now: a Redis that is loading, or whose ACL refuses us, accepts connections as well.
            self._pauses = backoff()
            self._listener.connected()
        if data is not None:
            await self._hear(pubsub, channel, data)

    async def _read_snapshots(self, pubsub: PubSub) -> None:
        await self._read_snapshot(pubsub, self._assignment_channel)
        if self._gateway is not None:
            await self._read_snapshot(pubsub, keys.bundle(self._gateway))

    async def _read_snapshot(self, pubsub: PubSub, channel: str) -> None:
        data = await self._stored(channel)
        if data is not None:
            await self._hear(pubsub, channel, data)

    async def _stored(self, channel: str) -> bytes | None:
        if channel == self._assignment_channel:
            data = await self._redis.get(channel)
        else:
            data = await self._redis.hget(channel, "data")
        return None if data is None else raw(data)

    async def _hear(self, pubsub: PubSub, channel: str, data: bytes) -> None:
        if channel == self._assignment_channel:
            await self._follow(pubsub, data)
        elif self._gateway is not None and channel == keys.bundle(self._gateway):
            self._listener.offered(self._gateway, data)

    async def _follow(self, pubsub: PubSub, data: bytes) -> None:
        wanted = self._listener.assigned(data)
        if wanted == self._gateway:
            return
        before, self._gateway = self._gateway, wanted
        if before is not None:
            await pubsub.unsubscribe(keys.bundle(before))
        if wanted is not None:
            await pubsub.subscribe(keys.bundle(wanted))

    async def _acknowledge(self) -> None:
        namespace, _ = split_key(self._pod)
        key, channel = keys.acknowledgement(self._pod), keys.acknowledgements(namespace)
        while True:
            self._news.clear()
            data = encode(self._listener.acknowledgement())
            # No transaction: an engine's user may run no command that it can do without.
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.set(key, data, ex=EXPIRY)
                pipeline.publish(channel, data)
                await pipeline.execute()
            try:
                async with asyncio.timeout(RENEWAL):
                    await self._news.wait()
            except TimeoutError:
                continue
