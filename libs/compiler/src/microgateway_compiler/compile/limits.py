"""CRD Limits → ir.limits."""

from __future__ import annotations

from typing import assert_never

from microgateway_common.ir.limits import (
    AllLengths,
    GeneralLimits,
    GraphQLLength,
    GraphQLLimits,
    JsonLength,
    JsonLimits,
    LiftedLength,
    Limited,
    LimitException,
    Limits,
    MultipartLimits,
    ParameterLength,
    ParameterLimits,
    Unlimited,
)
from microgateway_common.ir.origin import Origin
from microgateway_common.resources import limits as crd

from .matching import request_conditions, string_match


def compile_limits(origin: Origin, spec: crd.LimitsSpec) -> Limits:
    return Limits(origin, _request(spec.request), spec.settings.threat_handling_mode)


def _request(request: crd.Limited | crd.Unlimited) -> Limited | Unlimited:
    match request:
        case crd.Unlimited():
            return Unlimited()
        case crd.Limited():
            return _limited(request)
        case _:
            assert_never(request)


def _limited(limits: crd.Limited) -> Limited:
    general, parameter, json, graphql = limits.general, limits.parameter, limits.json_, limits.graph_ql
    return Limited(
        general=GeneralLimits(body_size=general.body_size.bytes, path_length=general.path_length.bytes),
        parameter=ParameterLimits(
            body_size=parameter.body_size.bytes,
            count=parameter.count,
            name_length=parameter.name_length.bytes,
            value_length=parameter.value_length.bytes,
        ),
        json=JsonLimits(
            body_size=json.body_size.bytes,
            key_count=json.key_count,
            element_count=json.element_count,
            key_length=json.key_length.bytes,
            value_length=json.value_length.bytes,
            nesting_depth=json.nesting_depth,
        ),
        graphql=GraphQLLimits(
            query_size=graphql.query_size.bytes,
            nesting_depth=graphql.nesting_depth,
            value_length=graphql.value_length.bytes,
        ),
        multipart=MultipartLimits(body_size=limits.multipart.body_size.bytes),
        exceptions=tuple(
            LimitException(
                id=f"exceptions[{position}]",
                length=_length(exception.length),
                conditions=request_conditions(exception.request_conditions),
            )
            for position, exception in enumerate(limits.exceptions)
        ),
    )


def _length(length: crd.GraphQLLength | crd.JsonLength | crd.ParameterLength | None) -> LiftedLength:
    match length:
        case None:
            return AllLengths()
        case crd.JsonLength():
            return JsonLength(length.json_path)
        case crd.ParameterLength():
            return ParameterLength(string_match(length.name), length.source)
        case crd.GraphQLLength():
            return GraphQLLength(
                string_match(length.field), string_match(length.argument), string_match(length.value)
            )
        case _:
            assert_never(length)
