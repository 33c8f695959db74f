"""What inspection found, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.origin import Origin


class BlockType(StrEnum):
    """The kind of threat; label `block_type` of metrics and logs."""

    DENY_RULES = "deny_rules"
    LIMITS = "limits"
    PARSER = "parser"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the request: type of field, and its name: `q` of a parameter, `$.items[0].note` of JSON,
    a header's name, a segment's index. `part` tells name from value."""

    field_type: FieldType
    name: str
    part: str  # "name" | "value"


@dataclass(frozen=True, slots=True)
class DenyRuleThreat:
    """A built-in or custom rule matched.

    rule_id: `SQL-010`, or the position of a custom rule, `rules[0]`. decoding: what was undone before
    it showed, in order (`url`, `html`), empty for plain. snippet: the match and a little around it,
    masked, for people. exception_hint: what an exception would have to name is place and rule_key.
    """

    rule_key: str
    rule_id: str
    description: str
    level: Level | None
    place: Place
    decoding: tuple[str, ...]
    snippet: str
    handling: ThreatHandling
    origin: Origin


@dataclass(frozen=True, slots=True)
class LimitThreat:
    """A limit was exceeded. subtype: `json_nesting_depth` and so on. measured is what was there,
    or the first value above the limit when counting stopped."""

    subtype: str
    limit: int
    measured: int
    place: Place | None
    handling: ThreatHandling
    origin: Origin


@dataclass(frozen=True, slots=True)
class ParserThreat:
    """The body is not what its type says; what cannot be read cannot be inspected.

    subtype: `json_malformed` and so on; detail: for people, without request data.
    """

    subtype: str
    detail: str
    handling: ThreatHandling
    origin: Origin


Threat = DenyRuleThreat | LimitThreat | ParserThreat


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward. threats: seen in log-only mode."""

    threats: tuple[Threat, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Refuse because of `cause`. threats: everything seen until then, the cause among it."""

    cause: Threat
    threats: tuple[Threat, ...]


Verdict = Pass | Block

#: The verdict of nearly every request, made once.
PASS = Pass()


def block_type(threat: Threat) -> BlockType:
    match threat:
        case DenyRuleThreat():
            return BlockType.DENY_RULES
        case LimitThreat():
            return BlockType.LIMITS
        case ParserThreat():
            return BlockType.PARSER


def block_subtype(threat: Threat) -> str:
    """Bounded: a rule key, or the subtype of a limit or parser."""
    return threat.rule_key if isinstance(threat, DenyRuleThreat) else threat.subtype
