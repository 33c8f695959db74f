"""Engines: what each serves, and how far that is from what is published.

assigned to no gateway ──────────────────────────► unassigned
its gateway has published nothing, or is unknown ► nothing_published
serves nothing ──────────────────────────────────► no_configuration
serves an older generation ──────────────────────► behind
serves a newer one than the status tells of ─────► ahead
serves the published generation and digest ──────► in_sync
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    NoConfiguration,
    NothingRejected,
    Rejected,
    Unassigned,
)
from microgateway_common.bus.reader import UnreadableAcknowledgement
from microgateway_common.names import GatewayKey, split_key
from microgateway_common.status import GatewayStatus, NeverPublished, Published


class InSync(BaseModel):
    """The engine serves what is published."""

    state: Literal["in_sync"] = "in_sync"
    generation: int
    digest: str


class Behind(BaseModel):
    """The engine serves an earlier configuration.

    lag_ms: milliseconds since the published one was compiled.
    """

    state: Literal["behind"] = "behind"
    generation: int
    digest: str
    published_generation: int
    published_digest: str
    lag_ms: int


class Ahead(BaseModel):
    """The engine serves a newer generation than the reconciler's status tells of: for a moment after
    each change, and for longer when Redis lost its memory and the reconciler is away.
    """

    state: Literal["ahead"] = "ahead"
    generation: int
    digest: str
    published_generation: int
    published_digest: str


class NothingServed(BaseModel):
    """There is a configuration, but the engine has none and refuses connections."""

    state: Literal["no_configuration"] = "no_configuration"
    published_generation: int
    published_digest: str
    lag_ms: int


class NothingToServe(BaseModel):
    """The engine's gateway is unknown or has published nothing yet."""

    state: Literal["nothing_published"] = "nothing_published"


class NotAssigned(BaseModel):
    """No gateway selects the pod."""

    state: Literal["unassigned"] = "unassigned"
    reason: str


class Unreadable(BaseModel):
    """What the engine wrote is no acknowledgement: another version, or a forgery."""

    state: Literal["unreadable"] = "unreadable"
    reason: str


Sync = InSync | Behind | Ahead | NothingServed | NothingToServe | NotAssigned | Unreadable

#: Every value of `state`, for filters and metrics.
SyncState = Literal[
    "in_sync", "behind", "ahead", "no_configuration", "nothing_published", "unassigned", "unreadable"
]


class NoRejection(BaseModel):
    """The last bundle that came was applied."""

    state: Literal["none"] = "none"


class Rejection(BaseModel):
    """The engine refused the last bundle that came. kind: from a bounded set; message: for people."""

    state: Literal["rejected"] = "rejected"
    kind: str
    message: str


class EngineView(BaseModel):
    """One engine that is alive: its acknowledgement came within the last 30 seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "pod": "webshop-7d9f-x2x",
                    "gateway": "shop/webshop",
                    "engine_version": "0.1.0",
                    "instance": "5f0c7d6a1b2e3f48",
                    "acknowledged_at": "2026-01-01T00:00:05Z",
                    "sync": {
                        "state": "behind",
                        "generation": 1767225500000,
                        "digest": "sha256:" + "cd" * 32,
                        "published_generation": 1767225600000,
                        "published_digest": "sha256:" + "ab" * 32,
                        "lag_ms": 5012,
                    },
                    "rejection": {
                        "state": "rejected",
                        "kind": "digest_mismatch",
                        "message": "expected payload with digest sha256:abab…, got sha256:1234…",
                    },
                }
            ]
        }
    )

    namespace: str
    pod: str
    gateway: str = Field(description="`namespace/name`; empty when the engine has or names none")
    engine_version: str = Field(description="empty when unreadable")
    instance: str = Field(description="differs with every start of the engine; empty when unreadable")
    acknowledged_at: datetime | None = Field(description="by the engine's clock; null when unreadable")
    sync: Annotated[Sync, Field(discriminator="state")]
    rejection: Annotated[Rejection | NoRejection, Field(discriminator="state")]


Heard = Acknowledgement | UnreadableAcknowledgement


def published_by_gateway(
    statuses: list[GatewayStatus],
) -> dict[GatewayKey, Published | NeverPublished]:
    """What engines are compared with."""
    return {status.gateway: status.published for status in statuses}


def engine_view(
    heard: Heard, published: Mapping[GatewayKey, Published | NeverPublished], now: float
) -> EngineView:
    """now: seconds since the epoch."""
    namespace, pod = split_key(heard.pod)
    sync = sync_of(heard, published, now)
    match heard:
        case UnreadableAcknowledgement():
            return EngineView(
                namespace=namespace,
                pod=pod,
                gateway="",
                engine_version="",
                instance="",
                acknowledged_at=None,
                sync=sync,
                rejection=NoRejection(),
            )
        case Acknowledgement():
            return EngineView(
                namespace=namespace,
                pod=pod,
                gateway=gateway_of(heard),
                engine_version=heard.engine_version,
                instance=heard.instance,
                acknowledged_at=_time(heard.sent_at),
                sync=sync,
                rejection=_rejection(heard.rejected),
            )
        case _:
            assert_never(heard)


def gateway_of(heard: Heard) -> str:
    """`namespace/name` of the gateway that the engine serves; empty when it names none."""
    if isinstance(heard, Acknowledgement) and isinstance(heard.assignment, Assigned):
        return heard.assignment.gateway
    return ""


def sync_of(heard: Heard, published: Mapping[GatewayKey, Published | NeverPublished], now: float) -> Sync:
    """Where the engine stands in the diagram above."""
    if isinstance(heard, UnreadableAcknowledgement):
        return Unreadable(reason=heard.reason)
    match heard.assignment:
        case Unassigned(reason):
            return NotAssigned(reason=reason)
        case Assigned(gateway):
            return _compare(heard.serving, published.get(gateway, NeverPublished()), now)
        case _:
            assert_never(heard.assignment)


def _compare(serving: Applied | NoConfiguration, published: Published | NeverPublished, now: float) -> Sync:
    if isinstance(published, NeverPublished):
        return NothingToServe()
    lag_ms = max(0, int(now * 1000) - published.generation)
    if isinstance(serving, NoConfiguration):
        return NothingServed(
            published_generation=published.generation, published_digest=published.digest, lag_ms=lag_ms
        )
    if (serving.generation, serving.digest) == (published.generation, published.digest):
        return InSync(generation=serving.generation, digest=serving.digest)
    if serving.generation > published.generation:
        return Ahead(
            generation=serving.generation,
            digest=serving.digest,
            published_generation=published.generation,
            published_digest=published.digest,
        )
    return Behind(
        generation=serving.generation,
        digest=serving.digest,
        published_generation=published.generation,
        published_digest=published.digest,
        lag_ms=lag_ms,
    )


def _rejection(rejected: Rejected | NothingRejected) -> Rejection | NoRejection:
    match rejected:
        case Rejected(kind, message):
            return Rejection(kind=kind, message=message)
        case NothingRejected():
            return NoRejection()
        case _:
            assert_never(rejected)


def _time(seconds: float) -> datetime | None:
    """None for a time that no calendar has: the engine's word is not to be trusted that far."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
