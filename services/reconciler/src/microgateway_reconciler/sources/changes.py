"""What the API server's side of the sources tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from microgateway_common.history import NobodyKnown, Writer
from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.managed_fields import Managed


@dataclass(frozen=True, slots=True)
class ObjectPresent:
    """An object is new, or something of it that compiling sees has changed; raw lacks its status.
    uid, generation, resource_version: of its metadata; pods have no generation. writer: of what has changed.
    Neither that nor the version makes an object another one, nor who manages what."""

    ref: ObjectRef
    raw: dict[str, Any]
    uid: str
    generation: int
    status: dict[str, Any]
    resource_version: str = field(default="", compare=False)
    writer: Writer = field(default=NobodyKnown(), compare=False)
    managed: tuple[Managed, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class StatusSeen:
    """Of an object, only its status has changed."""

    ref: ObjectRef
    status: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectGone:
    ref: ObjectRef


ObjectChange = ObjectPresent | StatusSeen | ObjectGone
