"""Limits: the values that hold when nothing is said."""

from __future__ import annotations

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.resources.limits import Limited, LimitsSpec, ParameterLength, Unlimited

KI, MI = 1024, 1024**2


def test_requests_are_limited_by_default() -> None:
    spec = LimitsSpec.model_validate({})
    assert spec.request == Limited()
    assert spec.settings.threat_handling_mode is ThreatHandling.BLOCK


def test_the_default_limits() -> None:
    limits = Limited.model_validate({})
    general, parameter, json, graphql = limits.general, limits.parameter, limits.json_, limits.graph_ql
    assert (general.body_size.bytes, general.path_length.bytes) == (100 * MI, KI)
    assert (parameter.body_size.bytes, parameter.count) == (100 * KI, 128)
    assert (parameter.name_length.bytes, parameter.value_length.bytes) == (128, 8 * KI)
    assert (json.body_size.bytes, json.key_count, json.element_count) == (100 * KI, 250, 10000)
    assert (json.key_length.bytes, json.value_length.bytes, json.nesting_depth) == (128, 8 * KI, 100)
    assert (graphql.query_size.bytes, graphql.nesting_depth, graphql.value_length.bytes) == (KI, 10, 256)
    assert limits.multipart.body_size.bytes == 100 * MI
    assert limits.exceptions == ()


def test_limits_can_be_lifted() -> None:
    assert LimitsSpec.model_validate({"request": {"unlimited": {}}}).request == Unlimited()


def test_exceptions_lift_all_or_one_length() -> None:
    everything, parameter = Limited.model_validate(
        {"exceptions": [{}, {"length": {"parameter": {"name": {"matcher": {"exact": "a"}}}}}]}
    ).exceptions
    assert everything.length is None
    assert isinstance(parameter.length, ParameterLength)
    assert parameter.length.source is ParameterSource.ANY
