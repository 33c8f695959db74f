"""CRD `matcher` and `requestConditions` → ir.matching."""

from __future__ import annotations

from typing import assert_never

from microgateway_common.ir.matching import (
    AddressMatch,
    AnyAddress,
    AnyHeaders,
    AnyString,
    Contains,
    Exact,
    HasHeader,
    HeaderMatch,
    HeadersMatch,
    InRanges,
    Prefix,
    Regex,
    RequestConditions,
    StringMatch,
    Suffix,
)
from microgateway_common.resources import matching as crd
from microgateway_common.resources.matching import Operator


def string_match(matched: crd.Matched | None) -> StringMatch:
    """An absent matcher matches whatever comes."""
    return AnyString() if matched is None else _matcher(matched.matcher, matched.matcher.ignore_case)


def header_match(name: crd.Matched | None, value: crd.Matched | None) -> HeaderMatch:
    """Names compare without case (RFC 9110, section 5.1), whatever the matcher says."""
    return HeaderMatch(AnyString() if name is None else _matcher(name.matcher, True), string_match(value))


def request_conditions(conditions: crd.RequestConditions) -> RequestConditions:
    return RequestConditions(
        header=_headers(conditions.header),
        media_type=string_match(conditions.media_type),
        methods=tuple(method.value for method in conditions.method),
        path=string_match(conditions.path),
        remote_ip=_address(conditions.remote_ip),
        invert=conditions.invert,
    )


def _matcher(matcher: crd.StringMatcher, ignore_case: bool) -> StringMatch:
    operand = matcher.operand
    match matcher.operator:
        case Operator.EXACT:
            return Exact(operand, ignore_case)
        case Operator.PREFIX:
            return Prefix(operand, ignore_case)
        case Operator.SUFFIX:
            return Suffix(operand, ignore_case)
        case Operator.CONTAINS:
            return Contains(operand, ignore_case)
        case Operator.REGEX:
            return Regex(operand, ignore_case)
        case _:
            assert_never(matcher.operator)


def _headers(condition: crd.HeaderCondition | None) -> HeadersMatch:
    return AnyHeaders() if condition is None else HasHeader(header_match(condition.name, condition.value))


def _address(condition: crd.RemoteIPCondition | None) -> AddressMatch:
    return AnyAddress() if condition is None else InRanges(condition.cidr_ranges, condition.invert)
