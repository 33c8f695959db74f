"""A gateway's configurations, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from microgateway_common.difference import Difference
from microgateway_common.history import (
    Change,
    Entry,
    FieldManager,
    InFile,
    NobodyKnown,
    ObjectChange,
    Writer,
)
from microgateway_common.names import GatewayKey, Generation, split_key

from .differences import EXAMPLE, MOST, DifferenceView, difference_views
from .publication import compiled_at


class ManagerView(BaseModel):
    """Of `metadata.managedFields`. time: RFC 3339, whole seconds, as Kubernetes has it."""

    type: Literal["manager"] = "manager"
    manager: str
    time: str


class FileView(BaseModel):
    """Whoever may write the file."""

    type: Literal["file"] = "file"
    path: str


class NobodyView(BaseModel):
    """The source does not say."""

    type: Literal["unknown"] = "unknown"


class ObjectChangeView(BaseModel):
    """An object that the gateway depends on. generation, resource_version: of its metadata; 0 and empty in
    files. writer: who wrote it last; of a removed one, before that."""

    change: Change
    kind: str
    namespace: str
    name: str
    generation: int
    resource_version: str
    writer: Annotated[ManagerView | FileView | NobodyView, Field(discriminator="type")]


_ENTRY: JsonDict = {
    "generation": 1767225600000,
    "compiled_at": "2026-01-01T00:00:00Z",
    "digest": "sha256:" + "ab" * 32,
    "live": True,
    "since": 1767225000000,
    "changes": [
        {
            "change": "changed",
            "kind": "Limits",
            "namespace": "shop",
            "name": "strict",
            "generation": 4,
            "resource_version": "81234",
            "writer": {
                "type": "manager",
                "manager": "argocd-controller",
                "time": "2026-01-01T00:00:00Z",
            },
        }
    ],
    "more": 0,
    "compiled_by": "0.1.0",
    "kept": True,
}


class EntryView(BaseModel):
    """One configuration that was published. Without changes, the same objects compile to something else: keys
    were replaced, or the reconciler was."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    generation: int
    compiled_at: datetime
    digest: str
    live: bool = Field(description="engines are given this")
    since: int = Field(description="generation it was compared with; 0 where history begins")
    changes: list[ObjectChangeView]
    more: int = Field(description="changes that are not listed")
    compiled_by: str = Field(description="version of the reconciler")
    kept: bool = Field(description="the configuration can be read; one above 1 MiB, compressed, is not kept")


class PastConfigurationView(BaseModel):
    """An entry with its configuration, without secrets."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "name": "webshop",
                    "entry": _ENTRY,
                    "configuration": {"gateway": "shop/webshop", "applications": []},
                }
            ]
        }
    )

    namespace: str
    name: str
    entry: EntryView
    configuration: dict[str, Any]


class DiffView(BaseModel):
    """entries: those after `from_generation` up to `to_generation`, with who changed what; also when the
    former is the later one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "name": "webshop",
                    "from_generation": 1767225000000,
                    "to_generation": 1767225600000,
                    "entries": [_ENTRY],
                    "differences": [EXAMPLE],
                    "more": 0,
                    "withheld": False,
                }
            ]
        }
    )

    namespace: str
    name: str
    from_generation: int
    to_generation: int
    entries: list[EntryView]
    differences: list[DifferenceView]
    more: int = Field(description="differences that are not listed")
    withheld: bool = Field(description="there are values that are not shown, and may differ: secrets")


def entry_view(entry: Entry, live: Generation | None) -> EntryView:
    """live: of the entry that engines are given."""
    return EntryView(
        generation=entry.generation,
        compiled_at=compiled_at(entry.generation),
        digest=entry.digest,
        live=entry.generation == live,
        since=entry.since,
        changes=[_change_view(each) for each in entry.changes],
        more=entry.more,
        compiled_by=entry.compiled_by,
        kept=entry.size > 0,
    )


def diff_view(
    gateway: GatewayKey,
    ends: tuple[Entry, Entry],
    between: Sequence[EntryView],
    found: Sequence[Difference],
    withheld: bool,
) -> DiffView:
    namespace, name = split_key(gateway)
    return DiffView(
        namespace=namespace,
        name=name,
        from_generation=ends[0].generation,
        to_generation=ends[1].generation,
        entries=list(between),
        differences=difference_views(found),
        more=max(0, len(found) - MOST),
        withheld=withheld,
    )


def _change_view(change: ObjectChange) -> ObjectChangeView:
    version = change.object
    return ObjectChangeView(
        change=change.change,
        kind=version.ref.kind,
        namespace=version.ref.namespace,
        name=version.ref.name,
        generation=version.generation,
        resource_version=version.resource_version,
        writer=_writer_view(version.writer),
    )


def _writer_view(writer: Writer) -> ManagerView | FileView | NobodyView:
    match writer:
        case FieldManager(manager, time):
            return ManagerView(manager=manager, time=time)
        case InFile(path):
            return FileView(path=path)
        case NobodyKnown():
            return NobodyView()
        case _:
            assert_never(writer)
