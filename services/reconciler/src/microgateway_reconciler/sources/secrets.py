"""The Secrets that gateways refer to. No others are read.

    needed ──────────────────────────► get
    watch of all Secrets' metadata ──► get, when the version of a needed one is another

A watch shows every Secret of a namespace or, with one name each, costs a connection per Secret; one that
leaves out what the objects hold shows nothing (kubernetes.io, "Metadata-only fetches"). It begins when
the first Secret is needed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from microgateway_common.bus.connection import backoff
from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.api import UNAVAILABLE, ApiError, ApiServer, Raw

from .changes import ObjectChange, ObjectGone, ObjectPresent
from .reflector import LONGEST_PAUSE, Collection, Reflector

logger = logging.getLogger(__name__)

#: Requests at one time.
PARALLEL = 8

#: Those of Helm are many, change often and are none of ours.
_SELECTED = {"fieldSelector": "type!=helm.sh/release.v1"}


class Inbox(Protocol):
    """Who is told what changes."""

    def know(self, ref: ObjectRef, raw: Raw) -> ObjectPresent: ...

    def forget(self, ref: ObjectRef) -> ObjectGone | None: ...

    def present(self, ref: ObjectRef, raw: Raw) -> None: ...

    def gone(self, ref: ObjectRef) -> None: ...


class Secrets:
    """namespaces: beginnings of paths, the empty one for all namespaces. A `reflector.Sink`."""

    def __init__(self, api: ApiServer, namespaces: tuple[str, ...], inbox: Inbox) -> None:
        self._api = api
        self._inbox = inbox
        self._reflectors = [
            Reflector(
                api, Collection(f"/api/v1/{path}secrets", "v1", "Secret", _SELECTED, metadata_only=True), self
            )
            for path in namespaces
        ]
        self._needed: frozenset[ObjectRef] = frozenset()
        self._versions: dict[ObjectRef, str] = {}
        self._any_needed = asyncio.Event()
        self._parallel = asyncio.Semaphore(PARALLEL)
        self._refreshing: dict[ObjectRef, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Keep telling the inbox until cancelled."""
        try:
            await self._any_needed.wait()
            await asyncio.gather(*(reflector.run() for reflector in self._reflectors))
        finally:
            for task in self._refreshing.values():
                task.cancel()

    async def read(self, needed: frozenset[ObjectRef]) -> list[ObjectChange]:
        """What is new by this: Secrets that were not needed before, and such that no longer are."""
        before, self._needed = self._needed, needed
        if needed:
            self._any_needed.set()
        changes: list[ObjectChange] = []
        for ref in sorted(before - needed):
            self._versions.pop(ref, None)
            if (gone := self._inbox.forget(ref)) is not None:
                changes.append(gone)
        new = sorted(needed - before)
        for ref, raw in zip(new, await asyncio.gather(*map(self._try_to_get, new)), strict=True):
            if raw is not None:
                changes.append(self._inbox.know(ref, raw))
        return changes

    # reflector.Sink

    def present(self, ref: ObjectRef, raw: Raw) -> None:
        if ref in self._needed and self._versions.get(ref) != raw["metadata"]["resourceVersion"]:
            self._refresh(ref)

    def gone(self, ref: ObjectRef) -> None:
        if ref in self._needed:
            self._versions.pop(ref, None)
            self._inbox.gone(ref)

    def listed(self, collection: Collection) -> None:
        """Nobody waits for it."""

    async def _try_to_get(self, ref: ObjectRef) -> Raw | None:
        """None when there is none, or none can be had now; then it is tried again."""
        try:
            return await self._get(ref)
        except UNAVAILABLE as error:
            logger.warning("cannot read %s, trying again: %s", ref, str(error) or repr(error))
            self._refresh(ref)
            return None

    def _refresh(self, ref: ObjectRef) -> None:
        """Read it and tell the inbox, as soon as that is possible."""
        if (running := self._refreshing.pop(ref, None)) is not None:
            running.cancel()
        task = self._refreshing[ref] = asyncio.create_task(self._get_and_tell(ref))
        task.add_done_callback(lambda done: self._forget_task(ref, done))

    def _forget_task(self, ref: ObjectRef, done: asyncio.Task[None]) -> None:
        if self._refreshing.get(ref) is done:
            del self._refreshing[ref]
        if not done.cancelled():
            done.result()

    async def _get_and_tell(self, ref: ObjectRef) -> None:
        for pause in backoff(largest=LONGEST_PAUSE):
            try:
                raw = await self._get(ref)
            except UNAVAILABLE:
                await asyncio.sleep(pause)
                continue
            if ref not in self._needed:
                return
            if raw is None:
                self._inbox.gone(ref)
            else:
                self._inbox.present(ref, raw)
            return

    async def _get(self, ref: ObjectRef) -> Raw | None:
        """Raises one of UNAVAILABLE."""
        async with self._parallel:
            try:
                raw = await self._api.get(f"/api/v1/namespaces/{ref.namespace}/secrets/{ref.name}")
            except ApiError as error:
                if error.status == 404:
                    return None
                raise
        self._versions[ref] = raw["metadata"]["resourceVersion"]
        return raw
