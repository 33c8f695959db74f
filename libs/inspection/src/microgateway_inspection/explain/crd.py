"""Pieces of the IR as manifests spell them: what a remedy shows is what it was tried with."""

from __future__ import annotations

from typing import Any, assert_never

from msgspec.structs import replace

from microgateway_common.ir.data import (
    AnyData,
    AtJsonPath,
    GraphQLData,
    HeaderData,
    JsonData,
    ParameterData,
    ParameterSource,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
)
from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.ir.matching import AnyString, RequestConditions, StringMatch


def exception(exception: RuleException) -> dict[str, Any]:
    """An entry of `spec.request.builtIn.exceptions` of DenyRules."""
    conditions = request_conditions(exception.conditions)
    return {
        "ruleKeys": [str(key) for key in exception.rule_keys],
        "blockedData": blocked_data(exception.data),
        **({"requestConditions": conditions} if conditions else {}),
    }


def blocked_data(data: RequestData) -> dict[str, Any]:
    """Exactly one member; what matches everything is left out."""
    match data:
        case HeaderData(name, value):
            return {"header": _members(name=_without_case(name), value=value)}
        case ParameterData(name, value, source):
            origin = {} if source is ParameterSource.ANY else {"source": str(source)}
            return {"parameter": _members(name=name, value=value) | origin}
        case JsonData(location, key, value):
            at = {"jsonPath": location.path} if isinstance(location, AtJsonPath) else {}
            return {"json": at | _members(key=key, value=value)}
        case PathData(value):
            return {"path": matched(value)}
        case PathSegmentData(position, value):
            which = {"segments": {"index": position.index}} if isinstance(position, SegmentAt) else {}
            return {"pathSegment": which | _members(value=value)}
        case GraphQLData(field, argument, value):
            return {"graphQL": _members(field=field, argument=argument, value=value)}
        case AnyData():
            return {}
        case _:
            assert_never(data)


def request_conditions(conditions: RequestConditions) -> dict[str, Any]:
    """Methods and path: others are not proposed."""
    found: dict[str, Any] = {}
    if conditions.methods:
        found["method"] = list(conditions.methods)
    return found | _members(path=conditions.path)


def matched(match: StringMatch) -> dict[str, Any]:
    """`{matcher: {exact: …}}`."""
    if isinstance(match, AnyString):
        return {}
    case = {"ignoreCase": True} if match.ignore_case else {}
    return {"matcher": {type(match).__name__.lower(): match.value} | case}


def _without_case(name: StringMatch) -> StringMatch:
    """Names of headers compare without case, whatever the matcher says."""
    return name if isinstance(name, AnyString) else replace(name, ignore_case=False)


def _members(**matches: StringMatch) -> dict[str, Any]:
    return {name: matched(each) for name, each in matches.items() if not isinstance(each, AnyString)}
