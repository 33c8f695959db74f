"""Keeper: makes, keeps, rotates and hands out the keys of an installation.

Each time something is about to be published (`vouch`):

    keys that are missing or due ─► kept ─► Redis lets their users in ─► handed out to engines ─► used

In this order nothing is ever used that could be lost, or that the other side has not been told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.bus.connection import RedisAccess, read_access
from microgateway_common.names import Namespace
from microgateway_common.settings import RedisUrl
from microgateway_common.trust import bootstrap
from microgateway_common.trust.bootstrap import Bootstrap

from . import state, users
from .bundled import BundledRedis, new_bundled_redis, reader_files, server_files, writer_access
from .life import Policy, accepted
from .state import Keys
from .storage import Storage, StorageError

logger = logging.getLogger(__name__)

#: Seconds between comparisons: whether the kept keys are still ours (deleting them means: make new ones), and
#: whether engines still have what they were handed out.
ANTI_ENTROPY = 60.0
HAND_OUT_AGAIN = 300.0

#: Seconds a Secret that cannot be written is left alone: its namespace may be about to go.
_RETRY = 15.0

#: Requests at one time.
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Vouching:
    """signer: for what is published. trust: in what was published before."""

    signer: wire.Signer
    trust: wire.Trust


class Custodian(Protocol):
    async def access(self) -> RedisAccess:
        """How this process reaches Redis. A session begins: nothing is known of what Redis holds.
        Raises StorageError."""

    async def vouch(self, redis: Redis, namespaces: Iterable[Namespace]) -> Vouching:
        """Keys for these namespaces, up to date. The same object when nothing has changed.
        Raises StorageError, and UNAVAILABLE when Redis is away."""


class Unsigned:
    """Custodian of nothing: whoever may write to Redis configures engines (local development)."""

    def __init__(self, redis: Given) -> None:
        self._redis = redis
        self._vouching = Vouching(wire.LeaveUnsigned(), wire.AcceptUnsigned())

    async def access(self) -> RedisAccess:
        return self._redis.read()

    async def vouch(self, redis: Redis, namespaces: Iterable[Namespace]) -> Vouching:  # noqa: ARG002
        return self._vouching


@dataclass(frozen=True, slots=True)
class Given:
    """A Redis that others run. credentials: see `read_access`; read again for each session. Engines get the
    URL, the CA, and users of their own."""

    url: RedisUrl
    credentials: Path | None = None

    def read(self) -> RedisAccess:
        """Raises StorageError."""
        try:
            return read_access(self.url, self.credentials)
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"credentials for redis: {error}") from error


@dataclass(frozen=True, slots=True)
class Bundled:
    """The Redis that is installed with us: it gets users and certificate from us."""

    url: RedisUrl

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


@dataclass(slots=True)
class _Known:
    """What others have been told, as far as we know. users: namespace → passwords. handed_out: namespace →
    content. failed: namespace → when. unneeded: namespace → since when it has no engine."""

    users: dict[Namespace, tuple[bytes, ...]] = field(default_factory=dict)
    users_removed: bool = False
    handed_out: dict[Namespace, bytes] = field(default_factory=dict)
    failed: dict[Namespace, float] = field(default_factory=dict)
    unneeded: dict[Namespace, float] = field(default_factory=dict)


class Keeper:
    """clock: seconds since the epoch, of which others have a similar idea."""

    def __init__(
        self,
        storage: Storage,
        redis: Given | Bundled,
        policy: Policy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._redis = redis
        self._policy = policy
        self._clock = clock
        self._keys: Keys | None = None
        self._compared = 0.0
        self._handed_out_at = 0.0
        self._known = _Known()
        self._complaints: set[str] = set()
        self._vouching: tuple[Keys, Vouching] | None = None

    async def access(self) -> RedisAccess:
        self._known = _Known()  # Redis may have forgotten its users, another leader may have led meanwhile
        keys = await self._read()
        self._ours: RedisAccess
        match self._redis, keys.redis:
            case Given() as given, _:
                self._ours = given.read()
            case Bundled(url) as bundled, kept:
                if not isinstance(kept, BundledRedis) or kept.host != bundled.host:
                    kept = new_bundled_redis(bundled.host)
                    await self._keep(state.with_redis(keys, kept))
                await self._storage.give_redis(server_files(kept), reader_files(kept))
                self._ours = writer_access(kept, url)
        return self._ours

    async def vouch(self, redis: Redis, namespaces: Iterable[Namespace]) -> Vouching:
        now = self._clock()
        keys = self._keys
        if keys is None or now - self._compared >= ANTI_ENTROPY:
            keys = await self._read()
        wanted = self._wanted(namespaces, keys, now)
        due = state.with_namespaces(state.advanced(keys, self._policy, now), wanted, now)
        if due != keys:
            await self._keep(due)
        keys = due
        await self._let_in(redis, keys)
        await self._hand_out(keys, now)
        if self._vouching is None or self._vouching[0] != keys:
            self._vouching = keys, Vouching(state.authority(keys), state.key_ring(keys))
        return self._vouching[1]

    async def _read(self) -> Keys:
        data = await self._storage.load()
        self._compared = self._clock()
        if data is not None:
            try:
                self._keys = state.decode(data)
            except state.StateError as error:
                # Making others in their place would lock engines out: a person has to decide.
                raise StorageError(f"{error}; delete them to have new ones made") from error
            return self._keys
        logger.warning("there are no keys yet, or they were deleted: making new ones")
        made = state.first(self._clock())
        if self._keys is not None and isinstance(self._keys.redis, BundledRedis):
            # While Redis runs it knows no others; whoever replaces them restarts us as well.
            made = state.with_redis(made, self._keys.redis)
        await self._keep(made)
        return made

    async def _keep(self, keys: Keys) -> None:
        try:
            await self._storage.save(state.encode(keys))
        except StorageError:
            self._keys = None  # somebody else may have written: read again
            raise
        self._keys = keys

    def _wanted(self, namespaces: Iterable[Namespace], keys: Keys, now: float) -> set[Namespace]:
        """Those with engines, and those that had some a moment ago."""
        needed = set()
        for namespace in namespaces:
            try:
                users.namespace_rules(namespace)
            except ValueError as error:
                self._complain(str(error))
                continue
            needed.add(namespace)
        unneeded = self._known.unneeded
        for namespace in needed & unneeded.keys():
            del unneeded[namespace]
        for namespace in keys.namespaces.keys() - needed:
            if now - unneeded.setdefault(namespace, now) < self._policy.overlap:
                needed.add(namespace)
        return needed

    async def _let_in(self, redis: Redis, keys: Keys) -> None:
        wanted = {namespace: accepted(each.password) for namespace, each in keys.namespaces.items()}
        known = self._known
        new = {each: passwords for each, passwords in wanted.items() if known.users.get(each) != passwords}
        if new:
            await users.set_users(redis, new)
            known.users |= new
        gone = known.users.keys() - wanted.keys()
        if gone or not known.users_removed:
            await users.remove_other_users(redis, wanted)
            known.users_removed = True
            for namespace in gone:
                del known.users[namespace]

    async def _hand_out(self, keys: Keys, now: float) -> None:
        known = self._known
        if now - self._handed_out_at >= HAND_OUT_AGAIN:
            self._handed_out_at = now
            known.handed_out = dict.fromkeys(known.handed_out, b"")
        wanted = {
            namespace: bootstrap.encode(self._bootstrap(keys, namespace)) for namespace in keys.namespaces
        }
        waiting = [
            namespace
            for namespace, data in wanted.items()
            if known.handed_out.get(namespace) != data and now - known.failed.get(namespace, 0) >= _RETRY
        ]

        async def work() -> None:
            while waiting:
                namespace = waiting.pop()
                try:
                    await self._storage.hand_out(namespace, wanted[namespace])
                except StorageError as error:
                    known.failed[namespace] = now
                    self._complain(f"engines of namespace {namespace} do not get their keys: {error}")
                else:
                    known.failed.pop(namespace, None)
                    known.handed_out[namespace] = wanted[namespace]

        await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(waiting)))))
        for namespace in known.handed_out.keys() - wanted.keys():
            del known.handed_out[namespace]
            try:
                await self._storage.take_back(namespace)
            except StorageError as error:
                self._complain(f"namespace {namespace} keeps the keys of its engines: {error}")

    def _bootstrap(self, keys: Keys, namespace: Namespace) -> Bootstrap:
        return state.bootstrap(keys, namespace, self._ours, users.namespace_user(namespace))

    def _complain(self, message: str) -> None:
        if message not in self._complaints:
            self._complaints.add(message)
            logger.error("%s", message)
