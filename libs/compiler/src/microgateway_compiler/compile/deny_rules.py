"""CRD DenyRules → ir.deny_rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import assert_never

from microgateway_common.ir.data import (
    AnyData,
    AnyLocation,
    AnySegment,
    AtJsonPath,
    FieldType,
    GraphQLData,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
    SegmentPosition,
)
from microgateway_common.ir.deny_rules import (
    CustomRule,
    DenyRules,
    RuleException,
    RuleSetting,
    RuleSettingFor,
)
from microgateway_common.ir.origin import Origin
from microgateway_common.names import RuleKey
from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.resources import deny_rules as crd

from .matching import header_match, request_conditions, string_match
from .part import Part, origin_of

_ALL_KEYS = tuple(crd.BuiltInRuleKey)
_ALL_TYPES = tuple(FieldType)


def compile_deny_rules(resource: crd.DenyRules) -> Part[DenyRules]:
    problems = tuple(_without_effect(resource.ref, resource.spec.request.custom.rules))
    return Part(deny_rules(origin_of(resource), resource.spec), problems)


def deny_rules(origin: Origin, spec: crd.DenyRulesSpec) -> DenyRules:
    built_in, custom = spec.request.built_in, spec.request.custom
    default = RuleSetting(built_in.settings.level, built_in.settings.threat_handling_mode)
    return DenyRules(
        origin=origin,
        default=default,
        settings=_settings(default, built_in.overrides),
        exceptions=tuple(
            RuleException(
                id=f"exceptions[{position}]",
                rule_keys=tuple(RuleKey(key.value) for key in exception.rule_keys),
                data=AnyData() if exception.blocked_data is None else _data(exception.blocked_data),
                conditions=request_conditions(exception.request_conditions),
            )
            for position, exception in enumerate(built_in.exceptions)
        ),
        custom=tuple(
            CustomRule(
                id=f"rules[{position}]",
                rule_key=RuleKey(rule.rule_key),
                data=_data(rule.block_data),
                conditions=request_conditions(rule.request_conditions),
                threat_handling=rule.threat_handling_mode,
            )
            for position, rule in enumerate(custom.rules)
        ),
    )


def _settings(default: RuleSetting, overrides: tuple[crd.Override, ...]) -> tuple[RuleSettingFor, ...]:
    """The cells, rule key by field type, that differ from the default after all overrides in order.

    An override changes what it names and leaves the rest as the overrides before it left it. No keys,
    or no types, means all.
    """
    cells = dict.fromkeys(product(_ALL_KEYS, _ALL_TYPES), default)
    for override in overrides:
        conditions, settings = override.conditions, override.settings
        for cell in product(conditions.rule_keys or _ALL_KEYS, conditions.types or _ALL_TYPES):
            before = cells[cell]
            cells[cell] = RuleSetting(
                settings.level or before.level, settings.threat_handling_mode or before.threat_handling
            )
    return tuple(
        RuleSettingFor(RuleKey(key.value), field_type, setting)
        for (key, field_type), setting in cells.items()
        if setting != default
    )


def _data(
    data: crd.GraphQLData
    | crd.HeaderData
    | crd.JsonData
    | crd.ParameterData
    | crd.PathData
    | crd.PathSegmentData
    | crd.MatchedPathSegmentData,
) -> RequestData:
    match data:
        case crd.HeaderData():
            header = header_match(data.name, data.value)
            return HeaderData(header.name, header.value)
        case crd.LocatedJsonData() if data.json_path is not None:
            return JsonData(AtJsonPath(data.json_path), string_match(data.key), string_match(data.value))
        case crd.JsonData():
            return JsonData(AnyLocation(), string_match(data.key), string_match(data.value))
        case crd.SourcedParameterData():
            return ParameterData(string_match(data.name), string_match(data.value), data.source)
        case crd.ParameterData():
            return ParameterData(string_match(data.name), string_match(data.value), ParameterSource.ANY)
        case crd.PathData():
            return PathData(string_match(data))
        case crd.PathSegmentData() | crd.MatchedPathSegmentData():
            return PathSegmentData(_position(data.segments), string_match(data.value))
        case crd.GraphQLData():
            return GraphQLData(
                string_match(data.field), string_match(data.argument), string_match(data.value)
            )
        case _:
            assert_never(data)


def _position(segments: crd.SegmentPosition) -> SegmentPosition:
    return AnySegment() if segments.index is None else SegmentAt(segments.index)


def _without_effect(subject: ObjectRef, rules: tuple[crd.CustomRule, ...]) -> Iterator[Problem]:
    """GraphQL is read as JSON: without a GraphQL resource, which is refused, no request has such data."""
    for position, rule in enumerate(rules):
        if isinstance(rule.block_data, crd.GraphQLData):
            yield Problem(
                subject,
                f"spec.request.custom.rules[{position}].blockData.graphQL",
                "data that is inspected (header, json, parameter, path, pathSegment)",
                "graphQL, which is not supported yet: the rule has no effect",
                reason=Reason.NOT_SUPPORTED,
                severity=Severity.WARNING,
            )
