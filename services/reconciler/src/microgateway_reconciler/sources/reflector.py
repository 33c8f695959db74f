"""One collection of the API server: list, watch, list again.

    ┌──────── pause, with jitter ◄── refused, away ──┐
    ▼                                                │
  list ── resource version ──► watch ────────────────┤
    ▲                           ▲  └ ended by server ┤
    │                           └────────────────────┤ (from the version seen last)
    └────────────────────── 410, version too old ────┘

The version seen last is that of the last event or bookmark, so that a watch that ends is continued
without listing (kubernetes.io, Kubernetes API Concepts, "Efficient detection of changes").
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from microgateway_common.bus.connection import backoff
from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.api import (
    JSON,
    METADATA,
    METADATA_LIST,
    UNAVAILABLE,
    ApiError,
    ApiServer,
    Raw,
    ResourceVersion,
    error_of,
)

logger = logging.getLogger(__name__)

#: Objects per answer of a list.
PAGE = 500

#: Seconds a watch is asked to last, spread so that not all end at once.
SHORTEST_WATCH = 240
LONGEST_WATCH = 300

#: A watch that ended sooner, in seconds, is not asked for again at once.
TOO_SHORT = 1.0

#: Seconds a pause grows to while the API server is away.
LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Collection:
    """path: of its URL. api_version, kind: of its objects; the items of a list do not say.
    query: further parameters, such as `labelSelector`. metadata_only: what the objects hold is left out."""

    path: str
    api_version: str
    kind: str
    query: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False

    def __str__(self) -> str:
        return self.path


class Sink(Protocol):
    """Who is told."""

    def present(self, ref: ObjectRef, raw: Raw) -> None:
        """The object is there; it may be as it was."""

    def gone(self, ref: ObjectRef) -> None: ...

    def listed(self, collection: Collection) -> None:
        """All objects of the collection have been told."""


class Reflector:
    def __init__(self, api: ApiServer, collection: Collection, sink: Sink) -> None:
        self._api = api
        self._collection = collection
        self._sink = sink
        self._refs: set[ObjectRef] = set()
        self._version: ResourceVersion | None = None
        self._failing = False

    async def run(self) -> None:
        """Keep telling the sink until cancelled."""
        pauses = backoff(largest=LONGEST_PAUSE)
        while True:
            started = time.monotonic()
            try:
                await self._list_and_watch()
            except UNAVAILABLE as error:
                self._failed(error)
            if time.monotonic() - started >= TOO_SHORT:
                pauses = backoff(largest=LONGEST_PAUSE)
            await asyncio.sleep(next(pauses))

    async def _list_and_watch(self) -> None:
        """Return when the server ends the watch. Raises one of UNAVAILABLE."""
        if self._version is None:
            self._version = await self._list()
            self._sink.listed(self._collection)
        seconds = random.randint(SHORTEST_WATCH, LONGEST_WATCH)  # noqa: S311 - not a secret
        query = {**self._collection.query, "resourceVersion": self._version}
        accept = METADATA if self._collection.metadata_only else JSON
        async for event in self._api.watch(self._collection.path, seconds, accept=accept, **query):
            self._works()
            self._take(event)

    async def _list(self) -> ResourceVersion:
        found: set[ObjectRef] = set()
        query = {**self._collection.query, "limit": str(PAGE)}
        accept = METADATA_LIST if self._collection.metadata_only else JSON
        while True:
            page = await self._api.get(self._collection.path, accept=accept, **query)
            for raw in page["items"] or ():
                found.add(self._present(raw))
            if not (more := page["metadata"].get("continue")):
                break
            query["continue"] = more
        for ref in self._refs - found:
            self._gone(ref)
        self._works()
        return ResourceVersion(page["metadata"]["resourceVersion"])

    def _take(self, event: Raw) -> None:
        match event:
            case {"type": "ADDED" | "MODIFIED", "object": dict(raw)}:
                self._present(raw)
            case {"type": "DELETED", "object": dict(raw)}:
                self._gone(self._ref(raw))
            case {"type": "BOOKMARK", "object": dict(raw)}:
                pass
            case {"object": dict(raw)}:
                raise error_of(raw)
            case _:
                raise ApiError(500, "Unreadable", f"expected a watch event, got {str(event)[:200]}")
        self._version = ResourceVersion(raw["metadata"]["resourceVersion"])

    def _present(self, raw: Raw) -> ObjectRef:
        ref = self._ref(raw)
        self._refs.add(ref)
        self._sink.present(ref, {**raw, "apiVersion": self._collection.api_version, "kind": ref.kind})
        return ref

    def _gone(self, ref: ObjectRef) -> None:
        self._refs.discard(ref)
        self._sink.gone(ref)

    def _ref(self, raw: Raw) -> ObjectRef:
        metadata = raw["metadata"]
        return ObjectRef(self._collection.kind, metadata.get("namespace", ""), metadata["name"])

    def _works(self) -> None:
        if self._failing:
            logger.info("watching %s again", self._collection)
        self._failing = False

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, ApiError) and error.gone:
            logger.info("listing %s again: %s", self._collection, error.reason)
            self._version = None
            return
        if not self._failing:
            logger.warning("cannot watch %s, trying again: %s", self._collection, str(error) or repr(error))
        self._failing = True
