"""Who wrote an object last: `metadata.managedFields` (kubernetes.io, Server-Side Apply: Field management).

Its times are whole seconds, so two who write within one are told apart by what has become of their entries
since the object was seen before: who writes gets an entry or a larger one, others lose the same fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from microgateway_common.history import FieldManager, NobodyKnown, Writer

from .api import Raw

#: Members of an object whose change is worth knowing who made it: ours have a spec, Secrets have data.
_CONTENT = ("f:spec", "f:data", "f:stringData")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Managed(NamedTuple):
    """What somebody wrote. content: any of it is content. size: of the list of fields, in bytes."""

    manager: str
    time: str
    content: bool
    size: int


def managed(metadata: Raw) -> tuple[Managed, ...]:
    """The entries, but those of the status."""
    return tuple(_entries(metadata.get("managedFields") or ()))


def writer_of(now: Iterable[Managed], before: Iterable[Managed]) -> Writer:
    """Who wrote content last; any field but the status where nobody wrote content. before: what was seen
    before, nothing for a new object."""
    entries = tuple(now)
    possible = [each for each in entries if each.content] or list(entries)
    if not possible:
        return NobodyKnown()
    known = {(each.manager, each.time): each.size for each in before}

    def lateness(entry: Managed) -> tuple[str, bool]:
        # RFC 3339 in UTC throughout: later times are larger.
        return entry.time, entry.size > known.get((entry.manager, entry.time), 0)

    newest = max(possible, key=lateness)
    return FieldManager(newest.manager, newest.time)


def _entries(entries: Iterable[object]) -> Iterator[Managed]:
    for each in entries:
        if isinstance(each, dict) and not each.get("subresource"):
            fields = each.get("fieldsV1") or {}
            content = any(name in fields for name in _CONTENT)
            size = len(_encode(fields))
            yield Managed(str(each.get("manager", "")), str(each.get("time", "")), content, size)
