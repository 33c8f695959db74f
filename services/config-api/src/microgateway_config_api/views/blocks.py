"""Recent blocks: what was found in a request, whose word that was, and what would change it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import UnsetType
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from microgateway_common.blocks import Mode, PlaceLine, ThreatLine
from microgateway_common.bus.blocks import KeptBlock
from microgateway_inspection.explain.result import Remedy
from microgateway_inspection.explain.witnessed import BlockExplanation, Cause, why

_EXAMPLE: JsonDict = {
    "entry": "1767225600123-0",
    "request_id": "0b6f5c1e-7d7a-4d0e-9c55-0a4cf0e2b1aa",
    "time": "2026-01-01T00:00:00.120000Z",
    "gateway": "shop/webshop",
    "pod": "shop/webshop-7d9f-x2x",
    "generation": 1767225500000,
    "port": 8080,
    "client": "192.0.2.7",
    "method": "GET",
    "host": "shop.example",
    "path": "/products",
    "mode": "block",
    "why": "SQL (SQL-010: a query joined to another)",
    "threats": [
        {
            "type": "deny_rules",
            "handling": "Block",
            "resource": {"kind": "DenyRules", "namespace": "shop", "name": "webshop", "generation": 3},
            "rule_key": "SQL",
            "rule_id": "SQL-010",
            "level": "Standard",
            "description": "a query joined to another",
            "place": {"type": "Parameter", "name": "q", "part": "value"},
            "decoding": ["url"],
            "matched": "' UNION SELECT *** FROM users--",
        }
    ],
    "omitted": 0,
}


class ResourceView(BaseModel):
    """Whose rule or limit: namespace and name are empty where the defaults of the kind applied."""

    kind: str
    namespace: str
    name: str
    generation: int


class PlaceView(BaseModel):
    """Where in the request. name: of the parameter, header or cookie, JSONPath, or index of a segment."""

    type: str
    name: str
    part: str


class RuleThreatView(BaseModel):
    """level: empty for custom rules. decoding: what was undone before it showed. matched: masked."""

    type: Literal["deny_rules"] = "deny_rules"
    handling: str
    resource: ResourceView
    rule_key: str
    rule_id: str
    level: str
    description: str
    place: PlaceView
    decoding: list[str]
    matched: str


class LimitThreatView(BaseModel):
    """measured: what was there, or the first value above the limit when counting stopped."""

    type: Literal["limits"] = "limits"
    handling: str
    resource: ResourceView
    limit: str
    maximum: int
    measured: int


class ParserThreatView(BaseModel):
    """The body is not what its type says."""

    type: Literal["parser"] = "parser"
    handling: str
    resource: ResourceView
    problem: str
    description: str


ThreatView = Annotated[RuleThreatView | LimitThreatView | ParserThreatView, Field(discriminator="type")]


class BlockView(BaseModel):
    """A request that was blocked, or passed with threats that were only logged, as an engine reports it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    entry: str = Field(description="orders all blocks; for `after` and `before`")
    request_id: str
    time: datetime | None = Field(description="by the engine's clock; null when it is out of its mind")
    gateway: str = Field(description="`namespace/name`")
    pod: str = Field(description="`namespace/name`")
    generation: int = Field(description="of the configuration that the request met")
    port: int
    client: str = Field(description="address as in the access log")
    method: str
    host: str
    path: str = Field(description="in normal form, masked")
    mode: Mode
    why: str = Field(description="the first threat in one phrase")
    threats: list[ThreatView] = Field(description="of a blocked request the first is the one that decided")
    omitted: int = Field(description="threats that are left out")


class BlockPage(BaseModel):
    """Blocks, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_EXAMPLE], "next": "1767225600123-0"}]}
    )

    items: list[BlockView]
    next: str | None = Field(description="`before` of the next page; null on the last")


class CauseView(BaseModel):
    """resource: whose word decided. field: of its spec. reason: in one phrase."""

    resource: str
    field: str
    reason: str


class BlockExplanationView(BaseModel):
    """causes: of a block the one that decided, else all that were logged. policy: the ContentSecurity that
    such a request meets now, empty for none. generation: of the gateway's configuration now, 0 without one.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "block": _EXAMPLE,
                    "causes": [
                        {
                            "resource": "DenyRules shop/webshop",
                            "field": "spec.request.builtIn.settings",
                            "reason": "SQL (SQL-010: a query joined to another)",
                        }
                    ],
                    "policy": "ContentSecurity shop/webshop",
                    "generation": 1767225600000,
                    "remedy": {
                        "kind": "offered",
                        "changes": [
                            {
                                "resource": "DenyRules shop/webshop",
                                "where": "spec.request.builtIn.exceptions",
                                "action": "append",
                                "value": {
                                    "ruleKeys": ["SQL"],
                                    "blockedData": {
                                        "parameter": {"name": {"matcher": {"exact": "q"}}, "source": "Query"}
                                    },
                                    "requestConditions": {
                                        "method": ["GET"],
                                        "path": {"matcher": {"exact": "/products"}},
                                    },
                                },
                                "note": "",
                            }
                        ],
                    },
                }
            ]
        }
    )

    block: BlockView
    causes: list[CauseView]
    policy: str
    generation: int
    remedy: Remedy


def block_view(kept: KeptBlock) -> BlockView:
    event = kept.event
    return BlockView(
        entry=kept.entry,
        request_id=event.request_id,
        time=_time(event.time),
        gateway=event.gateway,
        pod=event.pod,
        generation=event.generation,
        port=event.port,
        client=event.client,
        method=event.method,
        host=event.host,
        path=event.path,
        mode=event.mode,
        why=why(event.threats[0]),
        threats=[_threat(each) for each in event.threats],
        omitted=event.omitted,
    )


def block_explanation_view(
    kept: KeptBlock, generation: int, explanation: BlockExplanation
) -> BlockExplanationView:
    return BlockExplanationView(
        block=block_view(kept),
        causes=[_cause(each) for each in explanation.causes],
        policy=explanation.policy,
        generation=generation,
        remedy=explanation.remedy,
    )


def _cause(cause: Cause) -> CauseView:
    return CauseView(resource=cause.resource, field=cause.field, reason=cause.reason)


def _threat(line: ThreatLine) -> RuleThreatView | LimitThreatView | ParserThreatView:
    handling = line.threat_handling_mode
    resource = ResourceView(
        kind=line.resource.kind,
        namespace=line.resource.namespace,
        name=line.resource.name,
        generation=line.resource.generation,
    )
    if not isinstance(line.rule_key, UnsetType):
        return RuleThreatView(
            handling=handling,
            resource=resource,
            rule_key=line.rule_key,
            rule_id=_text(line.rule_id),
            level=_text(line.level),
            description=_text(line.description),
            place=_place(line.place),
            decoding=[] if isinstance(line.decoding, UnsetType) else list(line.decoding),
            matched=_text(line.matched),
        )
    if not isinstance(line.limit, UnsetType):
        measured = line.limit if isinstance(line.measured, UnsetType) else line.measured
        return LimitThreatView(
            handling=handling,
            resource=resource,
            limit=line.block_subtype,
            maximum=line.limit,
            measured=measured,
        )
    return ParserThreatView(
        handling=handling,
        resource=resource,
        problem=line.block_subtype,
        description=_text(line.description),
    )


def _place(place: PlaceLine | UnsetType) -> PlaceView:
    if isinstance(place, UnsetType):
        return PlaceView(type="", name="", part="")
    return PlaceView(type=place.type, name=place.name, part=place.part)


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value


def _time(seconds: float) -> datetime | None:
    """None for a time that no calendar has: the engine's word is not to be trusted that far."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
