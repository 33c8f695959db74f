"""Deny rules that match a request: what was decided about each, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec.structs import replace

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import (
    DenyRules,
    Level,
    RuleException,
    RuleSetting,
    ThreatHandling,
)
from microgateway_common.ir.matching import ALWAYS, RequestConditions
from microgateway_common.names import RuleKey
from microgateway_inspection.conditions import compile_conditions
from microgateway_inspection.deny_rules import Finding
from microgateway_inspection.exceptions import Exemption
from microgateway_inspection.fields import field_type
from microgateway_inspection.policy import Policy, Trace
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import DenyRuleThreat, Place

from .result import NearException, RuleMatch, Spot

_LEVELS: Final = (Level.UNFILTERED, Level.BASIC, Level.STANDARD, Level.STRICT)

#: Traces a request with other deny rules than the policy has.
TraceWith = Callable[[DenyRules], Trace]


def matches(deny: DenyRules, policy: Policy, trace: Trace, trace_with: TraceWith) -> Iterator[RuleMatch]:
    """Custom rules, built-in ones, and those that match where an override switches them off."""
    request = trace.content.request
    for threat in trace.custom:
        yield _custom(threat)
    told: set[tuple[RuleKey, Place]] = set()
    for found in trace.findings:
        if isinstance(found, Finding):
            threat = policy.threat(found)
            told.add((RuleKey(threat.rule_key), threat.place))
            yield _built_in(deny, found, threat, request)
    lowered = _without_lowering(deny)
    if lowered != deny:
        for found in trace_with(lowered).findings:
            if isinstance(found, Finding):
                threat = policy.threat(found)
                if (RuleKey(threat.rule_key), threat.place) not in told:
                    yield _switched_off(deny, found, threat)


def setting_of(deny: DenyRules, key: RuleKey, type_of_field: FieldType) -> tuple[RuleSetting, bool]:
    """What counts for the rules of this key in such fields, and whether an override says so."""
    for each in deny.settings:
        if each.rule_key == key and each.field_type == type_of_field:
            return each.setting, True
    return deny.default, False


def _custom(threat: DenyRuleThreat) -> RuleMatch:
    return _match(threat, RuleSetting(Level.UNFILTERED, threat.handling), "rule", _outcome(threat.handling))


def _built_in(deny: DenyRules, found: Finding, threat: DenyRuleThreat, request: Request) -> RuleMatch:
    setting, overridden = setting_of(deny, found.rule.key, field_type(found.field))
    decided_by: Literal["settings", "override"] = "override" if overridden else "settings"
    covering = tuple(each.id for each in deny.exceptions if _covers(each, found, request))
    if covering:
        return _match(threat, setting, decided_by, "excepted", exceptions=covering)
    near = tuple(_near(deny.exceptions, found, request))
    return _match(threat, setting, decided_by, _outcome(threat.handling), near=near)


def _switched_off(deny: DenyRules, found: Finding, threat: DenyRuleThreat) -> RuleMatch:
    setting, _ = setting_of(deny, found.rule.key, field_type(found.field))
    return _match(threat, setting, "override", "switched off")


def _outcome(handling: ThreatHandling) -> Literal["blocks", "logged"]:
    return "blocks" if handling is ThreatHandling.BLOCK else "logged"


def _match(
    threat: DenyRuleThreat,
    setting: RuleSetting,
    decided_by: Literal["settings", "override", "rule"],
    outcome: Literal["blocks", "logged", "excepted", "switched off"],
    exceptions: tuple[str, ...] = (),
    near: tuple[NearException, ...] = (),
) -> RuleMatch:
    return RuleMatch(
        rule_key=threat.rule_key,
        rule_id=threat.rule_id,
        description=threat.description,
        level="" if threat.level is None else threat.level.value,
        spot=spot(threat.place),
        decoding=threat.decoding,
        matched=threat.snippet,
        setting_level="" if decided_by == "rule" else setting.level.value,
        setting_handling=setting.threat_handling.value,
        decided_by=decided_by,
        outcome=outcome,
        exceptions=exceptions,
        near=near,
    )


def spot(place: Place) -> Spot:
    """A place for people."""
    return Spot(place.field_type.value, place.name, place.part)


def _covers(exception: RuleException, found: Finding, request: Request) -> bool:
    return Exemption.compile(exception).covers(found.rule.key, found.field, request)


def _near(exceptions: tuple[RuleException, ...], found: Finding, request: Request) -> Iterator[NearException]:
    """Of keys, data and conditions all but one fit."""
    for exception in exceptions:
        exemption = Exemption.compile(exception)
        missing: list[str] = []
        if exemption.keys and found.rule.key not in exemption.keys:
            missing.append(f"ruleKeys are {', '.join(exception.rule_keys)}, not {found.rule.key}")
        if not exemption.selects(found.field):
            missing.append("blockedData does not pick this field")
        if not exemption.applies(request):
            missing.append(
                f"requestConditions do not hold: {', '.join(_unmet(exception.conditions, request))}"
            )
        if len(missing) == 1:
            yield NearException(exception.id, missing[0])


def _unmet(conditions: RequestConditions, request: Request) -> list[str]:
    """Which of the conditions keep them from holding together."""
    if conditions.invert:
        return ["invert"]
    parts = {
        "method": replace(ALWAYS, methods=conditions.methods),
        "path": replace(ALWAYS, path=conditions.path),
        "mediaType": replace(ALWAYS, media_type=conditions.media_type),
        "header": replace(ALWAYS, header=conditions.header),
        "remoteIP": replace(ALWAYS, remote_ip=conditions.remote_ip),
    }
    return [name for name, part in parts.items() if not compile_conditions(part)(request)]


def _without_lowering(deny: DenyRules) -> DenyRules:
    """Overrides may make rules stricter, not looser than the resource's settings."""
    level = deny.default.level
    return replace(
        deny,
        settings=tuple(
            each
            if _LEVELS.index(each.setting.level) >= _LEVELS.index(level)
            else replace(each, setting=replace(each.setting, level=level))
            for each in deny.settings
        ),
    )
