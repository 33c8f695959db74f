"""Leader election: one of several reconcilers holds a Lease (coordination.k8s.io/v1).

    Waiting ── the lease is free, released, ours, or was not renewed for its duration ──► Leading
       ▲                                                                                     │
       └──── not renewed for RENEW_DEADLINE, or somebody else holds it ──────────────────────┘

The rules are those of client-go's `leaderelection`: whether another's lease has run out is judged by how long
this process has seen it unchanged, never by comparing clocks. Not the official client's own election, which
dies of a connection that fails and writes local time as UTC.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import NamedTuple

from .api import UNAVAILABLE, ApiError, ApiServer, Raw
from .target import LeadershipLostError

logger = logging.getLogger(__name__)

#: Seconds. client-go's defaults; the duration is what a failover takes at most when a leader just dies.
DURATION = 15
RENEW_DEADLINE = 10.0
RETRY = 2.0

#: Seconds one request may take, so that several fit into the deadline.
REQUEST = 4.0


class _Seen(NamedTuple):
    """A state of the lease and when this process saw it first, by the monotonic clock."""

    holder: str
    renewed: str
    since: float


class Lease:
    """identity: of this process, different from every other's, also from its own after a restart."""

    def __init__(
        self, api: ApiServer, namespace: str, name: str, identity: str, *, duration: int = DURATION
    ) -> None:
        self._api = api
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._identity = identity
        self._duration = duration
        self._seen = _Seen("", "", 0.0)
        self._renewed_at: float | None = None

    @property
    def held(self) -> bool:
        """Whether this process leads, as far as it can know without asking."""
        return self._renewed_at is not None and time.monotonic() - self._renewed_at < RENEW_DEADLINE

    async def acquire(self) -> None:
        """Return when this process leads."""
        logger.info("waiting for the lease %s", self._name)
        while True:
            if await self._attempt():
                break
            await asyncio.sleep(RETRY)
        logger.info("leading as %s", self._identity)

    async def hold(self) -> None:
        """Renew for as long as possible. Raises LeadershipLostError."""
        while True:
            await asyncio.sleep(RETRY)
            if not await self._attempt() and not self.held:
                raise LeadershipLostError(f"the lease {self._name} could not be renewed")
            if self._seen.holder != self._identity:
                raise LeadershipLostError(f"{self._seen.holder or 'nobody'} holds the lease {self._name}")

    async def release(self) -> None:
        """Let another lead at once. Call it when nothing is written any more."""
        if self._renewed_at is None:
            return
        self._renewed_at = None
        try:
            async with asyncio.timeout(REQUEST):
                lease = await self._api.get(f"{self._collection}/{self._name}")
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                async with asyncio.timeout(REQUEST):
                    await self._api.put(f"{self._collection}/{self._name}", lease)
                logger.info("released the lease %s", self._name)
        except UNAVAILABLE as error:
            logger.warning("cannot release the lease %s: %s", self._name, str(error) or repr(error))

    async def _attempt(self) -> bool:
        """Take or renew the lease, if it is free or ours."""
        now = time.monotonic()
        try:
            async with asyncio.timeout(REQUEST):
                taken = await self._take(now)
        except UNAVAILABLE as error:
            if isinstance(error, ApiError) and error.status == 409:
                logger.info("somebody else was faster with the lease %s", self._name)
            else:
                logger.warning("cannot reach the lease %s: %s", self._name, str(error) or repr(error))
            return False
        if taken:
            self._renewed_at = now
        return taken

    async def _take(self, now: float) -> bool:
        path = f"{self._collection}/{self._name}"
        try:
            lease = await self._api.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            spec = self._spec(acquired=_now(), transitions=0)
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name},
                "spec": spec,
            }
            self._see(await self._api.post(self._collection, body), now)
            return True
        self._see(lease, now)
        spec = lease.get("spec") or {}
        ours = self._seen.holder == self._identity
        if not ours and self._seen.holder and now - self._seen.since <= spec.get("leaseDurationSeconds", 0):
            return False
        transitions = int(spec.get("leaseTransitions") or 0)
        acquired = spec.get("acquireTime") if ours else _now()
        lease["spec"] = self._spec(acquired or _now(), transitions if ours else transitions + 1)
        self._see(await self._api.put(path, lease), now)  # of two that try, the resourceVersion lets one
        return True

    def _see(self, lease: Raw, now: float) -> None:
        spec = lease.get("spec") or {}
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        if (holder, renewed) != (self._seen.holder, self._seen.renewed):
            self._seen = _Seen(holder, renewed, now)

    def _spec(self, acquired: str, transitions: int) -> Raw:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._duration,
            "acquireTime": acquired,
            "renewTime": _now(),
            "leaseTransitions": transitions,
        }


def _now() -> str:
    """MicroTime of the API."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
