"""The API server, watched: our kinds, the pods with the inject label, and the Secrets that gateways refer
to.

ConfigMaps are not watched: no field that has an effect refers to one yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from microgateway_common.problems import ObjectRef
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.registry import KINDS
from microgateway_compiler.selection import INJECT_LABEL
from microgateway_reconciler.kubernetes.api import ApiServer, Raw
from microgateway_reconciler.kubernetes.managed_fields import managed, writer_of
from microgateway_reconciler.kubernetes.target import AllNamespaces, Namespaces, NamespacesLabelled, Scope

from .changes import ObjectChange, ObjectGone, ObjectPresent, StatusSeen
from .reflector import Collection, Reflector
from .secrets import Secrets

#: Seconds of silence that end a burst of changes, and the longest burst: `kubectl apply` of a folder.
QUIET = 0.005
LONGEST_BURST = 0.05

#: Annotations that we or users of the interface write; other tools' on pods are passed over.
_OUR_ANNOTATIONS = "microgateway.airlock.com/"

#: kubectl's copy of the whole manifest.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class KubernetesSource:
    def __init__(self, api: ApiServer, scope: Scope) -> None:
        self._inbox = _Inbox(isinstance(scope, NamespacesLabelled))
        collections = tuple(_collections(scope))
        self._inbox.unlisted = {collection.path for collection in collections}
        self._reflectors = [Reflector(api, collection, self._inbox) for collection in collections]
        self._secrets = Secrets(api, tuple(_namespaces(scope)), self._inbox)

    async def batches(self) -> AsyncIterator[list[ObjectChange]]:
        """What there is, as the first batch, then what changes, forever.

        The first batch comes when every collection has been listed, however long the API server is away
        before that: half of the objects would be another configuration.
        """
        inbox = self._inbox
        tasks = [asyncio.create_task(reflector.run()) for reflector in self._reflectors]
        tasks.append(asyncio.create_task(self._secrets.run()))
        for task in tasks:
            task.add_done_callback(lambda _: inbox.news.set())
        try:
            while inbox.unlisted:
                await inbox.await_news()
                _raise_from(tasks)
            yield inbox.take()
            while True:
                await inbox.await_news()
                _raise_from(tasks)
                await inbox.await_end_of_burst()
                if batch := inbox.take():
                    yield batch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def read_secrets(self, needed: frozenset[ObjectRef]) -> list[ObjectChange]:
        """Read those Secrets that are needed now and were not before, and forget those that no longer are.
        What becomes of them later is told in batches."""
        return await self._secrets.read(needed)


class _Inbox:
    """What reflectors have told and nobody has taken. Told of no namespaces, it takes objects of all."""

    def __init__(self, selective: bool) -> None:
        self.news = asyncio.Event()
        self.unlisted: set[str] = set()
        self._selective = selective
        self._namespaces: set[str] = set()
        self._objects: dict[ObjectRef, ObjectPresent] = {}
        self._changes: list[ObjectChange] = []

    def know(self, ref: ObjectRef, raw: Raw) -> ObjectPresent:
        """The object is there, and who asked has been told."""
        now = self._objects[ref] = _present(ref, raw, self._objects.get(ref))
        return now

    def forget(self, ref: ObjectRef) -> ObjectGone | None:
        """Nobody wants to know of the object any more; None when nobody did."""
        return None if self._objects.pop(ref, None) is None else ObjectGone(ref)

    def present(self, ref: ObjectRef, raw: Raw) -> None:
        if ref.kind == "Namespace":
            self._namespace_present(ref.name)
            return
        known = self._objects.get(ref)
        now = self._objects[ref] = _present(ref, raw, known)
        if known == now:
            return
        if known is None or (known.raw, known.uid) != (now.raw, now.uid):
            self._tell(ref, now)
        else:
            self._tell(ref, StatusSeen(ref, now.status))

    def gone(self, ref: ObjectRef) -> None:
        if ref.kind == "Namespace":
            self._namespace_gone(ref.name)
        elif self._objects.pop(ref, None) is not None:
            self._tell(ref, ObjectGone(ref))

    def listed(self, collection: Collection) -> None:
        self.unlisted.discard(collection.path)
        self.news.set()

    def take(self) -> list[ObjectChange]:
        taken, self._changes = self._changes, []
        return taken

    async def await_news(self) -> None:
        await self.news.wait()
        self.news.clear()

    async def await_end_of_burst(self) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_BURST
        before = -1
        while before != len(self._changes) and loop.time() < latest:
            before = len(self._changes)
            await asyncio.sleep(QUIET)

    def _tell(self, ref: ObjectRef, change: ObjectChange) -> None:
        if not self._selective or ref.namespace in self._namespaces:
            self._changes.append(change)
            self.news.set()

    def _namespace_present(self, name: str) -> None:
        if name not in self._namespaces:
            self._namespaces.add(name)
            for ref in self._of(name):
                self._tell(ref, self._objects[ref])

    def _namespace_gone(self, name: str) -> None:
        for ref in self._of(name):
            self._tell(ref, ObjectGone(ref))
        self._namespaces.discard(name)

    def _of(self, namespace: str) -> list[ObjectRef]:
        return [ref for ref in self._objects if ref.namespace == namespace]


def _collections(scope: Scope) -> Iterator[Collection]:
    for namespace in _namespaces(scope):
        yield from _kinds(namespace)
    if isinstance(scope, NamespacesLabelled):
        yield Collection("/api/v1/namespaces", "v1", "Namespace", {"labelSelector": scope.selector})


def _namespaces(scope: Scope) -> Iterator[str]:
    """Beginnings of paths."""
    match scope:
        case Namespaces(names):
            for name in names:
                yield f"namespaces/{name}/"
        case AllNamespaces() | NamespacesLabelled():
            yield ""


def _kinds(namespace: str) -> Iterator[Collection]:
    for name, kind in KINDS.items():
        yield Collection(f"/apis/{API_VERSION}/{namespace}{kind.PLURAL}", API_VERSION, name)
    yield Collection(f"/api/v1/{namespace}pods", "v1", "Pod", {"labelSelector": f"{INJECT_LABEL}=true"})


def _present(ref: ObjectRef, raw: Raw, before: ObjectPresent | None) -> ObjectPresent:
    metadata = raw["metadata"]
    entries = managed(metadata)
    kept = {
        name: metadata[name]
        for name in ("name", "namespace", "uid", "generation", "creationTimestamp", "labels")
        if name in metadata
    }
    annotations = metadata.get("annotations") or {}
    if ref.kind == "Pod":
        kept["annotations"] = {key: text for key, text in annotations.items() if _OUR_ANNOTATIONS in key}
        phase = (raw.get("status") or {}).get("phase")
        rest: dict[str, Any] = {"spec": _container_names(raw), "status": {"phase": phase}}
        status: Raw = {}
    else:
        kept["annotations"] = {key: text for key, text in annotations.items() if key != _LAST_APPLIED}
        rest = {key: value for key, value in raw.items() if key not in ("metadata", "status")}
        status = raw.get("status") or {}
    whole = {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "metadata": kept, **rest}
    return ObjectPresent(
        ref,
        whole,
        metadata.get("uid", ""),
        metadata.get("generation", 0),
        status,
        metadata.get("resourceVersion", ""),
        writer_of(entries, before.managed if before is not None else ()),
        entries,
    )


def _container_names(pod: Raw) -> Raw:
    """As much of a pod's spec as tells whether it has an engine."""
    spec = pod.get("spec") or {}
    return {
        field: [{"name": container["name"]} for container in spec.get(field) or ()]
        for field in ("initContainers", "containers")
    }


def _raise_from(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Reflectors never end by themselves; one that did has met an error nobody thought of."""
    for task in tasks:
        if task.done():
            task.result()
