"""Threats as the access log shows them: which rule or limit, where, what it looked like, whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import UNSET

from microgateway_common.blocks import PlaceLine, ResourceLine, ThreatLine
from microgateway_common.ir.origin import Origin, ResourceOrigin
from microgateway_inspection.verdict import (
    DenyRuleThreat,
    LimitThreat,
    ParserThreat,
    Place,
    Threat,
    block_subtype,
    block_type,
)

if TYPE_CHECKING:
    from microgateway_engine.traffic.exchange import Exchange


def threat_lines(exchange: Exchange) -> tuple[ThreatLine, ...]:
    """Of all threats, in their order; made once for each exchange."""
    if len(exchange.threat_lines) != len(exchange.threats):
        exchange.threat_lines = tuple(threat_line(each) for each in exchange.threats)
    return exchange.threat_lines


def threat_line(threat: Threat) -> ThreatLine:
    kind, subtype, handling = str(block_type(threat)), block_subtype(threat), str(threat.handling)
    resource = _resource(threat.origin)
    match threat:
        case DenyRuleThreat():
            return ThreatLine(
                kind,
                subtype,
                handling,
                resource,
                rule_key=threat.rule_key,
                rule_id=threat.rule_id,
                level=UNSET if threat.level is None else str(threat.level),
                description=threat.description,
                place=_place(threat.place),
                decoding=threat.decoding or UNSET,
                matched=threat.snippet,
            )
        case LimitThreat():
            place = UNSET if threat.place is None else _place(threat.place)
            return ThreatLine(
                kind, subtype, handling, resource, place=place, limit=threat.limit, measured=threat.measured
            )
        case ParserThreat():
            return ThreatLine(kind, subtype, handling, resource, description=threat.detail)
        case _:
            assert_never(threat)


def _place(place: Place) -> PlaceLine:
    return PlaceLine(str(place.field_type), place.name, place.part)


def _resource(origin: Origin) -> ResourceLine:
    if isinstance(origin, ResourceOrigin):
        return ResourceLine(origin.kind, origin.namespace, origin.name, origin.generation)
    return ResourceLine(origin.kind)
