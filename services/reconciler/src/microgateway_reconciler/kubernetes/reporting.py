"""Statuses and Events into the API server, only those that changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from microgateway_common.bus.connection import backoff
from microgateway_common.bus.messages import Assignment, Unassigned
from microgateway_common.names import GatewayKey, PodKey, gateway_key, pod_key, split_key
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.registry import KINDS
from microgateway_compiler.pipeline import Changes, Pipeline
from microgateway_reconciler.ledger import Ledger
from microgateway_reconciler.metrics import Metrics
from microgateway_reconciler.sources.changes import ObjectChange, ObjectPresent

from . import conditions, events
from .api import UNAVAILABLE, ApiError, ApiServer, Raw
from .book import Book

logger = logging.getLogger(__name__)

#: Owner of the fields we apply.
FIELD_MANAGER = "microgateway-reconciler"

#: Seconds changes are collected before they are written: engines acknowledge one after the other.
COLLECTING = 0.1

#: Requests at one time.
PARALLEL = 8

#: Seconds between comparisons of everything, and before a pod without gateway is worth an Event: in one
#: `kubectl apply` either may come first.
ANTI_ENTROPY = 60.0
PATIENCE = 10.0

_GATEWAY = "SidecarGateway"


class Reporter:
    """pipeline, ledger: where the truth is. instance: who reports, for Events."""

    def __init__(
        self, api: ApiServer, pipeline: Pipeline, ledger: Ledger, metrics: Metrics, instance: str
    ) -> None:
        self._api = api
        self._pipeline = pipeline
        self._ledger = ledger
        self._metrics = metrics
        self._instance = instance
        self._book = Book()
        self._dirty: set[ObjectRef] = set()
        self._used: dict[GatewayKey, frozenset[ObjectRef]] = {}
        self._loose: tuple[Problem, ...] = ()
        self._unassigned: dict[PodKey, float] = {}
        self._without_engine: set[ObjectRef] = set()
        self._news = asyncio.Event()

    # What has changed

    def took(self, batch: Iterable[ObjectChange], changes: Changes) -> None:
        """The pipeline has taken a batch in, with these results."""
        batch = list(batch)
        self._book.take(batch)
        self._dirty |= {change.ref for change in batch}
        for change in batch:
            match change:
                case ObjectPresent(ObjectRef("Pod", namespace, name) as ref):
                    if pod_key(namespace, name) in self._pipeline.unprotected:
                        self._without_engine.add(ref)
        loose = set(self._loose) ^ set(changes.problems)
        self._loose = changes.problems
        self._dirty |= {problem.subject for problem in loose if isinstance(problem.subject, ObjectRef)}
        self._assigned(changes.assignments.items(), changes.departed)
        self.gateways_changed({*changes.outcomes, *changes.removed, *changes.recompiled})
        self._news.set()

    def gateways_changed(self, gateways: Iterable[GatewayKey]) -> None:
        """What the ledger says of them is new; so is the status of what they depend on."""
        for gateway in gateways:
            used = self._pipeline.used_by(gateway)
            self._dirty |= {ObjectRef(_GATEWAY, *split_key(gateway)), *used, *self._used.pop(gateway, ())}
            if used:
                self._used[gateway] = used
            self._news.set()

    def _assigned(self, assignments: Iterable[tuple[PodKey, Assignment]], departed: Iterable[PodKey]) -> None:
        now = asyncio.get_running_loop().time()
        for pod, assignment in assignments:
            if isinstance(assignment, Unassigned):
                self._unassigned.setdefault(pod, now)
            else:
                self._unassigned.pop(pod, None)
        for pod in departed:
            self._unassigned.pop(pod, None)

    # What is written

    async def run(self, published: asyncio.Event) -> None:
        """Write until cancelled. published: set once the ledger knows what engines have; before that
        nothing true can be said."""
        loop = asyncio.get_running_loop()
        await published.wait()
        pauses = backoff()
        compared = -ANTI_ENTROPY
        while True:
            if loop.time() - compared >= ANTI_ENTROPY:
                compared = loop.time()
                self._dirty |= set(self._book)
            self._news.clear()
            try:
                await self._write_out()
                await self._complain_of_pods()
                pauses = backoff()
            except UNAVAILABLE as error:
                logger.warning("cannot report statuses: %s", str(error) or repr(error))
                await asyncio.sleep(next(pauses))
                continue
            try:
                async with asyncio.timeout(PATIENCE / 2):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(COLLECTING)

    async def _write_out(self) -> None:
        """Raises one of UNAVAILABLE; what was not written is dirty then."""
        dirty, self._dirty = self._dirty, set()
        waiting = sorted(dirty)
        failures: list[BaseException] = []

        async def work() -> None:
            while waiting and not failures:
                ref = waiting.pop()
                try:
                    await self._write(ref)
                except UNAVAILABLE as error:
                    self._dirty.add(ref)
                    failures.append(error)

        await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(waiting)))))
        if failures:
            self._dirty |= set(waiting)
            raise failures[0]

    async def _write(self, ref: ObjectRef) -> None:
        entry = self._book.get(ref)
        if entry is None or ref.kind not in KINDS:
            return
        wanted = conditions.with_times(self._wanted(ref, entry.generation), entry.status, _seconds())
        if not conditions.differs(wanted, entry.status):
            return
        body = {
            "apiVersion": API_VERSION,
            "kind": ref.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": entry.uid},
            "status": wanted,
        }
        try:
            written = await self._api.apply(f"{_path(ref)}/status", body, FIELD_MANAGER)
        except ApiError as error:
            if error.status in (404, 409):
                return  # gone, or another object by the same name: the source will say so
            if error.status not in (400, 403, 413, 422):
                raise
            logger.error("the API server refuses the status of %s: %s", ref, error)
            return
        self._metrics.statuses_written += 1
        self._book.wrote(ref, written.get("status") or {})
        for complaint in events.complaints(wanted, entry.status):
            await self._complain(ref, entry.uid, entry.generation, complaint)

    def _wanted(self, ref: ObjectRef, generation: int) -> Raw:
        if ref.kind == _GATEWAY:
            gateway = gateway_key(ref.namespace, ref.name)
            return conditions.gateway_status(generation, self._ledger.status(gateway), ref)
        users = [
            self._ledger.status(gateway)
            for gateway in sorted(self._pipeline.users(ref))
            if gateway in self._ledger.entries
        ]
        return conditions.object_status(generation, ref, self._loose, users)

    async def _complain_of_pods(self) -> None:
        while self._without_engine:
            ref = next(iter(self._without_engine))
            if (entry := self._book.get(ref)) is not None:
                await self._complain(ref, entry.uid, 0, events.engine_missing())
            self._without_engine.discard(ref)
        due = asyncio.get_running_loop().time() - PATIENCE
        for pod in [pod for pod, since in self._unassigned.items() if since <= due]:
            ref = ObjectRef("Pod", *split_key(pod))
            entry = self._book.get(ref)
            match self._pipeline.assignments.get(pod):
                case Unassigned(reason) if entry is not None:
                    await self._complain(ref, entry.uid, 0, events.unassigned(reason))
            self._unassigned.pop(pod, None)

    async def _complain(self, ref: ObjectRef, uid: str, generation: int, complaint: events.Complaint) -> None:
        body = events.event(ref, uid, generation, complaint, self._instance, _microseconds())
        path = f"/apis/events.k8s.io/v1/namespaces/{ref.namespace}/events"
        try:
            await self._api.post(path, body)
        except ApiError as error:
            if error.status != 409:  # it has been said
                logger.warning("cannot write an Event about %s: %s", ref, error)
            return
        self._metrics.events_written += 1


def _path(ref: ObjectRef) -> str:
    return f"/apis/{API_VERSION}/namespaces/{ref.namespace}/{KINDS[ref.kind].PLURAL}/{ref.name}"


def _seconds() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _microseconds() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
