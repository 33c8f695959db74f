"""Which configurations a gateway had, what changed between them, and who changed it.

History        of one gateway: the newest entries, and the objects that the newest was compiled from
Entry          one configuration: generation, digest, what changed since the one before
ObjectVersion  an object as it was compiled: a fingerprint, and who wrote it last
Configuration  of an entry, kept beside it: JSON without secrets, compressed

It informs people and decides nothing: nothing of it is signed, and engines have no access to it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from .decoding import decode
from .ir.gateway import GatewayConfig
from .names import Digest, Generation
from .problems import ObjectRef
from .redact import redact

#: Entries of a gateway, and bytes of all their configurations, compressed.
MOST_ENTRIES: Final = 20
MOST_BYTES: Final = 1024 * 1024

#: Changes that an entry names; the rest is counted.
MOST_CHANGES: Final = 100

#: Bytes of a configuration that is read, as JSON: a bundle has at most 16 MiB of MessagePack.
LARGEST_CONFIGURATION: Final = 64 * 1024 * 1024


class FieldManager(Struct, frozen=True, tag="manager"):
    """Of `metadata.managedFields` (Kubernetes). time: RFC 3339, as the API server wrote it."""

    manager: str
    time: str


class InFile(Struct, frozen=True, tag="file"):
    """Whoever may write the file. path: as the reconciler was given it."""

    path: str


class NobodyKnown(Struct, frozen=True, tag="unknown"):
    """The source does not say."""


Writer = FieldManager | InFile | NobodyKnown


class ObjectVersion(Struct, frozen=True):
    """generation, resource_version: of its metadata; 0 and empty where nobody counts.
    fingerprint: differs when what is compiled differs."""

    ref: ObjectRef
    generation: int
    resource_version: str
    fingerprint: str
    writer: Writer


class Change(StrEnum):
    """ADDED and REMOVED: the gateway depends on the object now, or no longer."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ObjectChange(Struct, frozen=True):
    """object: as it is now, and as it was last for one that is removed."""

    change: Change
    object: ObjectVersion


class Entry(Struct, frozen=True):
    """One configuration that was published.

    since: generation of the entry before, with which it was compared; 0 when history begins here.
    more: changes that are not named. compiled_by: version of the reconciler. size: of its configuration in
    bytes, compressed; 0 when that was too large to keep.
    """

    generation: Generation
    digest: Digest
    since: Generation
    changes: tuple[ObjectChange, ...]
    more: int
    compiled_by: str
    size: int


class History(Struct, frozen=True):
    """entries: the newest first. objects: those of the newest entry, by reference."""

    entries: tuple[Entry, ...] = ()
    objects: tuple[ObjectVersion, ...] = ()

    def entry(self, generation: Generation) -> Entry | None:
        return next((each for each in self.entries if each.generation == generation), None)


_encode = msgspec.json.Encoder(order="deterministic").encode
_history = msgspec.json.Decoder(History)


def encode_history(history: History) -> bytes:
    return _encode(history)


def decode_history(data: bytes) -> History:
    """Raises msgspec.MsgspecError."""
    return decode(_history, data)


def encode_configuration(config: GatewayConfig) -> bytes:
    """For people: without secrets, and without what looks like one."""
    return zlib.compress(_encode(redact(config.without_secrets())))


def decode_configuration(data: bytes) -> Any:
    """The JSON. Raises msgspec.MsgspecError."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(data, LARGEST_CONFIGURATION)
    except zlib.error as error:
        raise msgspec.DecodeError(f"configuration: {error}") from error
    if not reader.eof:
        raise msgspec.DecodeError(
            f"configuration: expected at most {LARGEST_CONFIGURATION} bytes, all of them"
        )
    return decode(msgspec.json.Decoder(), text)


def changes_between(
    before: Iterable[ObjectVersion], now: Iterable[ObjectVersion]
) -> tuple[ObjectChange, ...]:
    """By reference."""
    old, new = {each.ref: each for each in before}, {each.ref: each for each in now}
    found = []
    for ref in sorted(old.keys() | new.keys()):
        if ref not in new:
            found.append(ObjectChange(Change.REMOVED, old[ref]))
        elif ref not in old:
            found.append(ObjectChange(Change.ADDED, new[ref]))
        elif old[ref].fingerprint != new[ref].fingerprint:
            found.append(ObjectChange(Change.CHANGED, new[ref]))
    return tuple(found)


def grown(
    history: History,
    generation: Generation,
    digest: Digest,
    objects: Iterable[ObjectVersion],
    compiled_by: str,
    size: int,
) -> History:
    """With one more entry, the oldest dropped where there are too many or they are too large."""
    objects = tuple(sorted(objects, key=lambda each: each.ref))
    since, changes = Generation(0), tuple[ObjectChange, ...]()
    if history.entries:
        since, changes = history.entries[0].generation, changes_between(history.objects, objects)
    newest = Entry(
        generation,
        digest,
        since,
        changes[:MOST_CHANGES],
        max(0, len(changes) - MOST_CHANGES),
        compiled_by,
        size,
    )
    kept, total = [newest], size
    for entry in history.entries:
        total += entry.size
        if len(kept) == MOST_ENTRIES or total > MOST_BYTES:
            break
        kept.append(entry)
    return History(tuple(kept), objects)
