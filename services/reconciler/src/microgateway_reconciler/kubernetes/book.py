"""Which objects of ours the API server has, with the status it holds. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from microgateway_common.problems import ObjectRef
from microgateway_reconciler.sources.changes import ObjectChange, ObjectGone, ObjectPresent, StatusSeen

from .api import Raw


@dataclass(frozen=True, slots=True)
class Entry:
    """generation: that which the pipeline has taken in. status: as the API server held it last."""

    uid: str
    generation: int
    status: Raw


class Book:
    def __init__(self) -> None:
        self._entries: dict[ObjectRef, Entry] = {}

    def take(self, batch: Iterable[ObjectChange]) -> None:
        for change in batch:
            match change:
                case ObjectPresent(ref, _, uid, generation, status):
                    self._entries[ref] = Entry(uid, generation, status)
                case StatusSeen(ref, status):
                    self.wrote(ref, status)
                case ObjectGone(ref):
                    self._entries.pop(ref, None)

    def wrote(self, ref: ObjectRef, status: Raw) -> None:
        """The API server holds another status of the object now."""
        if (entry := self._entries.get(ref)) is not None:
            self._entries[ref] = replace(entry, status=status)

    def get(self, ref: ObjectRef) -> Entry | None:
        return self._entries.get(ref)

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(list(self._entries))
