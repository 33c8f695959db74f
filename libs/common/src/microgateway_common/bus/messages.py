"""What reconciler and engines say to each other besides bundles. JSON, so that redis-cli shows it.

An assignment goes over the bus as part of a signed statement (`microgateway_common.wire`).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microgateway_common.decoding import decode
from microgateway_common.names import UNKNOWN_UID, Digest, GatewayKey, Generation, PodKey, PodUid


class Assigned(Struct, frozen=True, tag="assigned"):
    """The pod's engine serves this gateway."""

    gateway: GatewayKey


class Unassigned(Struct, frozen=True, tag="unassigned"):
    """No gateway selects the pod; its engine refuses all connections."""

    reason: str


Assignment = Assigned | Unassigned


class Applied(Struct, frozen=True, tag="applied"):
    """The engine serves this configuration."""

    generation: Generation
    digest: Digest


class Rejected(Struct, frozen=True, tag="rejected"):
    """The engine refused a bundle and stays on what it serves.

    kind: bounded (WireErrorKind or `not_applicable`); message: for people.
    """

    kind: str
    message: str


class NoConfiguration(Struct, frozen=True, tag="none"):
    """The engine serves nothing yet and refuses connections."""


class NothingRejected(Struct, frozen=True, tag="nothing"):
    """The last bundle that came was applied."""


class Acknowledgement(Struct, frozen=True):
    """What an engine serves and thinks of the last bundle it saw.

    instance: differs with every start of the engine. sent_at: seconds since the epoch. uid: of the pod, as
    far as the engine knows it.
    """

    pod: PodKey
    instance: str
    engine_version: str
    assignment: Assignment
    serving: Applied | NoConfiguration
    rejected: Rejected | NothingRejected
    sent_at: float
    uid: PodUid = UNKNOWN_UID


encode = msgspec.json.Encoder(order="deterministic").encode
_acknowledgement = msgspec.json.Decoder(Acknowledgement)


def decode_acknowledgement(data: bytes) -> Acknowledgement:
    """Raises msgspec.MsgspecError."""
    return decode(_acknowledgement, data)
