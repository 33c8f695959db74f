"""Which objects each gateway's configuration was compiled from, and who wrote them. No I/O.

A compiled gateway holds on to its objects as they were then; fingerprints are taken when they are needed.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from microgateway_common.history import InFile, ObjectVersion, Writer
from microgateway_common.mirror import Invalid, Manifest, Mirrored, SecretNames
from microgateway_common.names import GatewayKey
from microgateway_common.problems import ObjectRef
from microgateway_common.resources.registry import KINDS
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.objects import BrokenResource, CustomResource, Secret
from microgateway_compiler.pipeline import Changes, Pipeline
from microgateway_compiler.redaction import redacted_manifest
from microgateway_compiler.store import Stored
from microgateway_reconciler.sources.changes import ObjectGone, ObjectPresent

#: Kinds that configurations are compiled from.
_COMPILED: Final = frozenset({*KINDS, Secret.__name__})

_encode = msgspec.json.Encoder(order="deterministic").encode

#: Secrets of files have no version; who reads a fingerprint must not be able to test guesses. After a restart
#: such a Secret counts as changed once.
_KEY: Final = secrets.token_bytes(32)


class Written(NamedTuple):
    resource_version: str
    writer: Writer


class Used(NamedTuple):
    """An object as it was compiled."""

    stored: Stored
    written: Written


class Chronicle:
    """news: set whenever something was taken in."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._written: dict[ObjectRef, Written] = {}
        self._used: dict[GatewayKey, tuple[Used, ...]] = {}
        self._sources: set[ObjectRef] = set()
        self._changed: set[ObjectRef] = set()
        self.news = asyncio.Event()

    def take(self, batch: Iterable[object], changes: Changes) -> None:
        """The pipeline has taken a batch in, with these results."""
        for change in batch:
            match change:
                case ObjectPresent(ref=ref) if ref.kind in _COMPILED:
                    self._written[ref] = Written(change.resource_version, change.writer)
                case ObjectGone(ref):
                    self._written.pop(ref, None)
        for gateway in changes.recompiled:
            outcome = self._pipeline.outcomes.get(gateway)
            if outcome is not None and isinstance(outcome.configuration, Compiled):
                self._used[gateway] = tuple(self._objects(gateway))
        for gateway in changes.removed:
            self._used.pop(gateway, None)
        for ref in changes.objects:
            if ref.kind in _COMPILED:
                self._changed.add(ref)
                if self._pipeline.stored(ref) is None:
                    self._sources.discard(ref)
                else:
                    self._sources.add(ref)
        self.news.set()

    def _objects(self, gateway: GatewayKey) -> Iterable[Used]:
        for ref in self._pipeline.used_by(gateway):
            stored = self._pipeline.stored(ref)
            if stored is not None:
                yield Used(stored, self._written.get(ref, Written("", InFile(stored.origin.path))))

    # Histories

    def used(self, gateway: GatewayKey) -> tuple[Used, ...]:
        """What the gateway's last good configuration was compiled from; empty when this process has compiled
        none."""
        return self._used.get(gateway, ())

    # The mirror

    @property
    def sources(self) -> frozenset[ObjectRef]:
        """All objects that are mirrored."""
        return frozenset(self._sources)

    def take_changed(self) -> set[ObjectRef]:
        """Objects that came, changed or went since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def mirrored(self, ref: ObjectRef) -> Mirrored | None:
        """As it is now; None when it is gone."""
        stored = self._pipeline.stored(ref)
        match stored.object if stored is not None else None:
            case CustomResource(raw=raw):
                return Manifest(ref, redacted_manifest(raw))
            case BrokenResource(problems=problems):
                return Invalid(ref, len(problems))
            case Secret(data=data):
                return SecretNames(ref, tuple(sorted(data)))
            case _:
                return None


def versions(used: Iterable[Used]) -> tuple[ObjectVersion, ...]:
    """For people, and to tell later what has changed."""
    return tuple(_version(each) for each in used)


def _version(used: Used) -> ObjectVersion:
    written = used.written
    match used.stored.object:
        case CustomResource(ref=ref, generation=generation, raw=raw):
            fingerprint = hashlib.sha256(_encode(raw.get("spec"))).hexdigest()[:32]
            return ObjectVersion(ref, generation, written.resource_version, fingerprint, written.writer)
        case Secret(ref=ref, data=data):
            text = written.resource_version or _keyed(_encode(dict(data)))
            return ObjectVersion(ref, 0, written.resource_version, text, written.writer)
        case other:
            return ObjectVersion(other.ref, 0, written.resource_version, "", written.writer)


def _keyed(data: bytes) -> str:
    return hashlib.blake2b(data, key=_KEY, digest_size=16).hexdigest()
