"""What an engine tells of a request that it blocked, or let pass with threats in log-only mode.

    ThreatLine   one threat, here and in the access log: which rule or limit, where, what matched, whose it is
    BlockEvent   a request with its threats, as it travels over the bus and is kept for people

Everything that came from a client is masked, and as long as a person may want to read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from .decoding import decode
from .names import GatewayKey, Generation, PodKey

#: Largest event in bytes, as JSON.
MAX_EVENT: Final = 10240

#: Threats of an event; more are counted.
MAX_THREATS: Final = 8

#: Steps of decoding.
MAX_STEPS: Final = 8

#: Longest path, and longest other text that a client or a configuration gives.
MAX_PATH: Final = 512
MAX_TEXT: Final = 128

#: Ends a text that was cut.
ELLIPSIS: Final = "…"


class ResourceLine(Struct, frozen=True, omit_defaults=True):
    """Whose rule: the resource and its generation; only the kind when its defaults applied."""

    kind: str
    namespace: str = ""
    name: str = ""
    generation: int = 0


class PlaceLine(Struct, frozen=True):
    """type: `Parameter`, `Header`, `JSON` …; name: of a parameter, header or cookie, JSONPath, index of a
    segment; part: `name` or `value`."""

    type: str
    name: str
    part: str


class ThreatLine(Struct, frozen=True):
    """One entry of `airlock.actions.block.details` and `airlock.actions.log_only` in the access log."""

    block_type: str
    block_subtype: str
    threat_handling_mode: str
    resource: ResourceLine
    rule_key: str | UnsetType = UNSET
    rule_id: str | UnsetType = UNSET
    level: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    place: PlaceLine | UnsetType = UNSET
    decoding: tuple[str, ...] | UnsetType = UNSET
    matched: str | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    measured: int | UnsetType = UNSET


class Mode(StrEnum):
    """What became of the request."""

    BLOCK = "block"
    LOG_ONLY = "log-only"


class BlockEvent(Struct, frozen=True):
    """time: seconds since the epoch at which the request began, by the engine's clock. client: as in the
    access log. threats: at least one; of a blocked request the first is the one that decided. omitted: how
    many threats are left out."""

    request_id: str
    time: float
    pod: PodKey
    gateway: GatewayKey
    generation: Generation
    port: int
    client: str
    method: str
    host: str
    path: str
    mode: Mode
    threats: tuple[ThreatLine, ...]
    omitted: int = 0


encode = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(BlockEvent)


def encode_event(event: BlockEvent) -> bytes:
    """At most MAX_EVENT bytes: texts are cut, and threats left out from the end."""
    threats = tuple(_cut_threat(each) for each in event.threats[:MAX_THREATS])
    event = replace(
        event,
        request_id=cut(event.request_id),
        client=cut(event.client),
        method=cut(event.method, 32),
        host=cut(event.host),
        path=cut(event.path, MAX_PATH),
    )
    total = len(event.threats) + event.omitted
    while True:
        data = encode(replace(event, threats=threats, omitted=total - len(threats)))
        if len(data) <= MAX_EVENT or len(threats) == 1:
            return data
        threats = threats[:-1]


def decode_event(data: bytes) -> BlockEvent:
    """Raises msgspec.MsgspecError, also for what is larger than any event or has no threat."""
    if len(data) > MAX_EVENT:
        raise msgspec.ValidationError(f"expected at most {MAX_EVENT} bytes, got {len(data)}")
    event = decode(_event, data)
    if not event.threats:
        raise msgspec.ValidationError("threats: expected at least one, got none")
    return event


def cut(text: str, length: int = MAX_TEXT) -> str:
    """The text, or its beginning."""
    return text if len(text) <= length else text[: length - 1] + ELLIPSIS


def _cut_threat(threat: ThreatLine) -> ThreatLine:
    place = threat.place
    return replace(
        threat,
        rule_key=_cut(threat.rule_key, 64),
        rule_id=_cut(threat.rule_id, 64),
        description=_cut(threat.description),
        matched=_cut(threat.matched),
        place=place if isinstance(place, UnsetType) else replace(place, name=cut(place.name)),
        decoding=(
            threat.decoding
            if isinstance(threat.decoding, UnsetType)
            else tuple(cut(each, 64) for each in threat.decoding[:MAX_STEPS])
        ),
    )


def _cut(text: str | UnsetType, length: int = MAX_TEXT) -> str | UnsetType:
    return text if isinstance(text, UnsetType) else cut(text, length)
