"""All objects by reference, each with the document it came from.

Objects are kept by source, a file or an object of the API server, so that a source is replaced as a
whole. Where several documents describe one object, the first by path and line counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NewType

from microgateway_common.names import Namespace
from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason

from .index import NamesOf
from .objects import KubernetesObject

#: What is replaced as a whole: the path of a file, or the name of one object of the API server.
Source = NewType("Source", str)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and its document."""

    origin: DocumentRef
    object: KubernetesObject


@dataclass(frozen=True, slots=True)
class StoreChange:
    """changed: references whose object is another than before, came or went.
    renamed: kinds in namespaces whose set of names changed.
    """

    changed: frozenset[ObjectRef]
    renamed: frozenset[NamesOf]


@dataclass(slots=True)
class Store:
    _sources: dict[Source, tuple[Stored, ...]] = field(default_factory=dict)
    _candidates: dict[ObjectRef, list[Stored]] = field(default_factory=dict)
    _names: dict[NamesOf, dict[str, ObjectRef]] = field(default_factory=dict)
    _duplicated: set[ObjectRef] = field(default_factory=set)

    def get(self, ref: ObjectRef) -> KubernetesObject | None:
        stored = self._candidates.get(ref)
        return stored[0].object if stored else None

    def stored(self, ref: ObjectRef) -> Stored | None:
        """The object that counts, with its document."""
        candidates = self._candidates.get(ref)
        return candidates[0] if candidates else None

    def names(self, kind: str, namespace: str) -> Iterable[str]:
        return self._names.get(NamesOf(kind, Namespace(namespace)), {})

    def source(self, source: Source) -> tuple[Stored, ...]:
        """What the source holds."""
        return self._sources.get(source, ())

    def replace(self, source: Source, objects: Iterable[Stored]) -> StoreChange:
        """Take what a source holds now; nothing removes it."""
        before, now = self.source(source), tuple(objects)
        refs = {stored.object.ref for stored in (*before, *now)}
        winners = {ref: self.get(ref) for ref in refs}
        for stored in before:
            self._candidates[stored.object.ref].remove(stored)
        for stored in now:
            self._candidates.setdefault(stored.object.ref, []).append(stored)
        if now:
            self._sources[source] = now
        else:
            self._sources.pop(source, None)
        for ref in refs:
            self._settle(ref)
        changed = frozenset(ref for ref in refs if self.get(ref) != winners[ref])
        renamed = frozenset(
            NamesOf(ref.kind, Namespace(ref.namespace))
            for ref in changed
            if winners[ref] is None or self.get(ref) is None
        )
        return StoreChange(changed, renamed)

    def duplicates(self) -> Iterator[Problem]:
        """One for each document whose object an earlier document describes."""
        for ref in sorted(self._duplicated):
            first, *others = self._candidates[ref]
            for stored in others:
                yield Problem(
                    stored.origin,
                    "",
                    f"one document for {ref}",
                    f"another; {first.origin} counts",
                    reason=Reason.DUPLICATE,
                )

    def _settle(self, ref: ObjectRef) -> None:
        """Bring the order of candidates and the sets of names up to date."""
        stored = self._candidates[ref]
        stored.sort(key=lambda each: each.origin)
        kind = NamesOf(ref.kind, Namespace(ref.namespace))
        if stored:
            self._names.setdefault(kind, {})[ref.name] = ref
        else:
            del self._candidates[ref]
            names = self._names.get(kind, {})
            names.pop(ref.name, None)
            if not names:
                self._names.pop(kind, None)
        if len(stored) > 1:
            self._duplicated.add(ref)
        else:
            self._duplicated.discard(ref)
