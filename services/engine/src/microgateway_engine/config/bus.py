"""The engine's end of the bus over time: keys and access to Redis may change while it runs.

    FixedAccess      one Redis and one trust, as told at the start (local development)
    BootstrapFolder  what the pod's Secret says, read again when the kubelet has replaced it

A change ends the session with Redis and begins another; traffic knows nothing of either.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import assert_never

from msgspec import Struct

from microgateway_common import wire
from microgateway_common.bus.cancellation import together
from microgateway_common.bus.connection import RedisAccess, connect
from microgateway_common.bus.subscriber import Subscriber
from microgateway_common.names import PodKey
from microgateway_common.settings import masked
from microgateway_common.trust import bootstrap
from microgateway_common.trust.bootstrap import Bootstrap, BootstrapError
from microgateway_engine.telemetry.certificates import authority_expiry

from .block_outbox import BlockOutbox
from .store import ConfigStore

logger = logging.getLogger(__name__)

#: Seconds between looks at the folder. The kubelet itself takes up to two minutes.
LOOK = 1.0


class FixedAccess(Struct, frozen=True):
    """Whoever may write to this Redis configures the engine."""

    redis: RedisAccess


class BootstrapFolder(Struct, frozen=True):
    """path: with the file `bootstrap.json`."""

    path: Path


Source = FixedAccess | BootstrapFolder


class Bus:
    """Keeps a store in touch with Redis, as the source says, until cancelled. outbox: what goes there besides
    acknowledgements."""

    def __init__(self, source: Source, pod: PodKey, store: ConfigStore, outbox: BlockOutbox) -> None:
        self._source = source
        self._pod = pod
        self._store = store
        self._outbox = outbox
        self._subscriber: Subscriber | None = None
        self._bootstrap: Bootstrap | None = None
        self._complaint = ""

    def prepare(self) -> None:
        """Give the store its first keys: before it restores anything."""
        match self._source:
            case FixedAccess():
                self._store.trust = wire.AcceptUnsigned()
            case BootstrapFolder(path):
                self._read(path)
                self._store.trust = self._trust
            case _:
                assert_never(self._source)

    def acknowledge(self) -> None:
        """Send the acknowledgement soon: something changed."""
        if self._subscriber is not None:
            self._subscriber.acknowledge()

    async def run(self) -> None:
        match self._source:
            case FixedAccess(redis):
                await self._session(redis)
            case BootstrapFolder(path):
                while True:
                    current = self._bootstrap
                    sides = [self._await_change(path)]
                    if current is not None:
                        sides.append(self._session(current.redis))
                    await together(*sides)
            case _:
                assert_never(self._source)

    async def _session(self, access: RedisAccess) -> None:
        redis = connect(access)
        self._subscriber = Subscriber(redis, self._pod, self._store)
        try:
            await together(self._subscriber.run(), self._outbox.deliver(redis))
        finally:
            self._subscriber = None
            await redis.aclose()

    async def _await_change(self, folder: Path) -> None:
        """Return when the folder says something else, and the store believes it."""
        looked = _identity(folder)
        while True:
            await asyncio.sleep(LOOK)
            if (now := _identity(folder)) == looked and self._bootstrap is not None:
                continue
            looked = now
            if self._read(folder):
                self._store.believe(self._trust)
                return

    def _read(self, folder: Path) -> bool:
        """Whether there is something new. What cannot be read changes nothing."""
        try:
            found = bootstrap.load(folder)
        except BootstrapError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.error("%s", error)
            return False
        self._complaint = ""
        if found == self._bootstrap:
            return False
        self._bootstrap = found
        self._store.own_certificates = authority_expiry(found.redis.ca.encode())
        logger.info(
            "%d signing keys and redis at %s, from %s",
            len(found.signing_keys), masked(found.redis.url), folder,
        )  # fmt: skip
        return True

    @property
    def _trust(self) -> wire.Trust:
        return wire.TrustNobody() if self._bootstrap is None else self._bootstrap.key_ring


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """Changes when the file is replaced; the kubelet swaps a link above it (`..data`)."""
    try:
        status = os.stat(folder / bootstrap.FILE_NAME)  # noqa: PTH116 - follows links, as wanted
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
