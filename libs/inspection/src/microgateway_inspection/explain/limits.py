"""Limits that a request exceeds, which exceptions lift them, and the smallest change that admits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from microgateway_common.ir.limits import Limited, Limits
from microgateway_inspection.policy import Trace
from microgateway_inspection.verdict import LimitThreat

#: Traces a request with other limits than the policy has.
TraceWith = Callable[[Limits], Trace]


class _Setting(NamedTuple):
    """Where a limit stands: in the IR, and below `spec.request.limited` of the resource."""

    group: str
    name: str
    field: str


_SETTINGS: Final = {
    "general_body_size": _Setting("general", "body_size", "general.bodySize"),
    "general_path_length": _Setting("general", "path_length", "general.pathLength"),
    "parameter_body_size": _Setting("parameter", "body_size", "parameter.bodySize"),
    "parameter_count": _Setting("parameter", "count", "parameter.count"),
    "parameter_name_length": _Setting("parameter", "name_length", "parameter.nameLength"),
    "parameter_value_length": _Setting("parameter", "value_length", "parameter.valueLength"),
    "json_body_size": _Setting("json", "body_size", "json.bodySize"),
    "json_key_count": _Setting("json", "key_count", "json.keyCount"),
    "json_element_count": _Setting("json", "element_count", "json.elementCount"),
    "json_key_length": _Setting("json", "key_length", "json.keyLength"),
    "json_value_length": _Setting("json", "value_length", "json.valueLength"),
    "json_nesting_depth": _Setting("json", "nesting_depth", "json.nestingDepth"),
    "multipart_body_size": _Setting("multipart", "body_size", "multipart.bodySize"),
}


def exceeded(trace: Trace) -> list[LimitThreat]:
    """Every limit that the request exceeds, the body's size first."""
    reading = [each for each in trace.reading if isinstance(each, LimitThreat)]
    return [*reading, *trace.limits]


def lifted(limits: Limits, trace: Trace, trace_with: TraceWith) -> list[tuple[LimitThreat, tuple[str, ...]]]:
    """What would be exceeded without the resource's exceptions, and which of them lift it."""
    if not isinstance(limits.request, Limited) or not limits.request.exceptions:
        return []
    limited = limits.request
    effective = {(each.subtype, each.place) for each in exceeded(trace)}
    without = exceeded(trace_with(replace(limits, request=replace(limited, exceptions=()))))
    found: dict[LimitThreat, list[str]] = {
        each: [] for each in without if (each.subtype, each.place) not in effective
    }
    if not found:
        return []
    for exception in limited.exceptions:
        alone = replace(limits, request=replace(limited, exceptions=(exception,)))
        still = {(each.subtype, each.place) for each in exceeded(trace_with(alone))}
        for threat, ids in found.items():
            if (threat.subtype, threat.place) not in still:
                ids.append(exception.id)
    return [(threat, tuple(ids)) for threat, ids in found.items()]


def setting_of_limit(subtype: str) -> str:
    """The field of a Limits resource that sets it; the spec for what none sets."""
    setting = _SETTINGS.get(subtype)
    return "spec.request" if setting is None else f"spec.request.limited.{setting.field}"


def allows(limits: Limits, threat: LimitThreat) -> bool:
    """Whether what was measured is within these limits, exceptions aside."""
    setting = _SETTINGS.get(threat.subtype)
    if setting is None or not isinstance(limits.request, Limited):
        return setting is not None
    return bool(getattr(getattr(limits.request, setting.group), setting.name) >= threat.measured)


def raised(limits: Limits, threat: LimitThreat) -> tuple[Limits, str] | None:
    """The limits with the exceeded one just high enough, and its field; None for what no resource sets."""
    setting = _SETTINGS.get(threat.subtype)
    if setting is None or not isinstance(limits.request, Limited):
        return None
    limited = limits.request
    group = getattr(limited, setting.group)
    raised_group = replace(group, **{setting.name: threat.measured})
    request = replace(limited, **{setting.group: raised_group})
    return replace(limits, request=request), f"spec.request.limited.{setting.field}"
