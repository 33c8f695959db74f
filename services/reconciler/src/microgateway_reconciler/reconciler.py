"""What every source feeds.

source ─► pipeline ─► ledger ─► publication ─► Redis ─► engines
                         └────► reporting ───► statuses and Events on the API server
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from microgateway_common import wire
from microgateway_common.bus.cancellation import together
from microgateway_common.names import PodUid, pod_key
from microgateway_common.problems import ObjectRef
from microgateway_compiler.pipeline import Changes, Pipeline

from . import __version__
from .archive.chronicle import Chronicle
from .ledger import Ledger
from .metrics import Metrics
from .settings import Settings
from .sources.changes import ObjectChange, ObjectGone, ObjectPresent, StatusSeen
from .sources.directory import Change as FileChange
from .sources.directory import FileContent, FileRemoved, FileUnreadable

logger = logging.getLogger(__name__)

Change = FileChange | ObjectChange
T = TypeVar("T", bound=Change)

#: Reads Secrets that are needed now and were not before.
ReadSecrets = Callable[[frozenset[ObjectRef]], Awaitable[list[T]]]


@dataclass(slots=True)
class Reconciler:
    """settings: of the process. not_ready: why it could not lead yet, empty when it could. The rest is empty
    in the beginning."""

    settings: Settings
    metrics: Metrics = field(default_factory=lambda: Metrics(__version__))
    pipeline: Pipeline = field(default_factory=Pipeline)
    ledger: Ledger = field(
        default_factory=lambda: Ledger(
            wire.LeaveUnsigned(), lambda: time.time_ns() // 1_000_000, time.monotonic
        )
    )

    not_ready: str = "not everything has been listed yet"
    chronicle: Chronicle = field(init=False)

    def __post_init__(self) -> None:
        self.chronicle = Chronicle(self.pipeline)
        self.metrics.statuses = self.ledger.statuses
        self.metrics.unprotected = lambda: self.pipeline.unprotected
        self.metrics.queue = self.ledger.waiting
        self.ledger.latency.on_acknowledged = self.metrics.acknowledged

    async def follow(
        self,
        batches: AsyncIterator[list[T]],
        took: Callable[[list[T], Changes], None],
        then: Callable[[], Sequence[Coroutine[Any, Any, None]]],
        read_secrets: ReadSecrets[T] | None = None,
    ) -> None:
        """Take in what the source tells, forever; begin with the rest when the first batch is in.

        Everything is compiled before anything is published: half of the objects would be another
        configuration. For the same reason a batch counts as taken in when the Secrets its gateways refer
        to have been read. read_secrets: None where all Secrets are in the batches.
        """

        async def take(batch: list[T]) -> None:
            changes = self._compile(batch)
            while read_secrets and (found := await read_secrets(self.pipeline.secrets())):
                batch += found
                changes = changes.then(self._compile(found))
            for change in batch:
                _identify(self.ledger, change)
            self.ledger.take(changes)
            self.chronicle.take(batch, changes)
            took(batch, changes)

        await take(await anext(batches))
        self.not_ready = ""

        async def go_on() -> None:
            async for batch in batches:
                await take(batch)

        await together(go_on(), *then())

    def _compile(self, batch: Sequence[Change]) -> Changes:
        """A batch through the pipeline."""
        started = time.perf_counter()
        for change in batch:
            _put(self.pipeline, change)
        changes = self.pipeline.changes()
        took = time.perf_counter() - started
        self.metrics.reconciled(took, len(changes.recompiled))
        if changes.recompiled:
            logger.info(
                "compiled %d gateways from %d changes in %.1f ms",
                len(changes.recompiled), len(batch), took * 1e3,
            )  # fmt: skip
        return changes


def _identify(ledger: Ledger, change: Change) -> None:
    """Which pod it is that has a name now; files do not know."""
    match change:
        case ObjectPresent(ref=ObjectRef("Pod", namespace, name), uid=uid):
            ledger.identify(pod_key(namespace, name), PodUid(uid))
        case ObjectGone(ObjectRef("Pod", namespace, name)):
            ledger.forget(pod_key(namespace, name))


def _put(pipeline: Pipeline, change: Change) -> None:
    match change:
        case FileContent(path, data):
            pipeline.replace_file(path, data)
        case FileRemoved(path):
            pipeline.remove_file(path)
        case FileUnreadable(path, reason):
            pipeline.unreadable_file(path, reason)
        case ObjectPresent(raw=raw):
            pipeline.replace_object(raw)
        case ObjectGone(ref):
            pipeline.remove_object(ref)
        case StatusSeen():
            pass  # nothing that compiling sees
