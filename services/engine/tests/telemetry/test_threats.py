"""Threats as the access log shows them."""

from __future__ import annotations

import msgspec
import pytest

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.origin import DefaultOrigin, ResourceOrigin
from microgateway_engine.telemetry.threats import threat_line
from microgateway_inspection.verdict import DenyRuleThreat, LimitThreat, ParserThreat, Place, Threat

RULES = ResourceOrigin("DenyRules", "shop", "strict", 4)
PLACE = Place(FieldType.PARAMETER, "q", "value")


def deny(**changes: object) -> DenyRuleThreat:
    fields: dict[str, object] = {
        "rule_key": "SQL",
        "rule_id": "SQL-010",
        "description": "a condition that is always true",
        "level": Level.BASIC,
        "place": PLACE,
        "decoding": ("url", "html"),
        "snippet": "' or 1=1",
        "handling": ThreatHandling.BLOCK,
        "origin": RULES,
    }
    return DenyRuleThreat(**(fields | changes))  # type: ignore[arg-type]


_RESOURCE = {"kind": "DenyRules", "namespace": "shop", "name": "strict", "generation": 4}
_PLACE = {"type": str(FieldType.PARAMETER), "name": "q", "part": "value"}


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        (
            deny(),
            {
                "block_type": "deny_rules",
                "block_subtype": "SQL",
                "threat_handling_mode": str(ThreatHandling.BLOCK),
                "resource": _RESOURCE,
                "rule_key": "SQL",
                "rule_id": "SQL-010",
                "level": str(Level.BASIC),
                "description": "a condition that is always true",
                "place": _PLACE,
                "decoding": ["url", "html"],
                "matched": "' or 1=1",
            },
        ),
        (
            deny(level=None, decoding=(), rule_id="rules[0]", handling=ThreatHandling.LOG_ONLY),
            {
                "block_type": "deny_rules",
                "block_subtype": "SQL",
                "threat_handling_mode": str(ThreatHandling.LOG_ONLY),
                "resource": _RESOURCE,
                "rule_key": "SQL",
                "rule_id": "rules[0]",
                "description": "a condition that is always true",
                "place": _PLACE,
                "matched": "' or 1=1",
            },
        ),
        (
            LimitThreat("json_nesting_depth", 100, 101, None, ThreatHandling.BLOCK, DefaultOrigin("Limits")),
            {
                "block_type": "limits",
                "block_subtype": "json_nesting_depth",
                "threat_handling_mode": str(ThreatHandling.BLOCK),
                "resource": {"kind": "Limits"},
                "limit": 100,
                "measured": 101,
            },
        ),
        (
            LimitThreat("parameter_value_length", 5, 6, PLACE, ThreatHandling.BLOCK, DefaultOrigin("Limits")),
            {
                "block_type": "limits",
                "block_subtype": "parameter_value_length",
                "threat_handling_mode": str(ThreatHandling.BLOCK),
                "resource": {"kind": "Limits"},
                "place": _PLACE,
                "limit": 5,
                "measured": 6,
            },
        ),
        (
            ParserThreat("json_malformed", "at byte 5", ThreatHandling.BLOCK, DefaultOrigin("Parser")),
            {
                "block_type": "parser",
                "block_subtype": "json_malformed",
                "threat_handling_mode": str(ThreatHandling.BLOCK),
                "resource": {"kind": "Parser"},
                "description": "at byte 5",
            },
        ),
    ],
    ids=["deny rule", "custom rule, log only", "limit", "limit at a place", "parser"],
)
def test_a_line_says_what_where_and_whose(threat: Threat, expected: dict[str, object]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(threat_line(threat))) == expected
