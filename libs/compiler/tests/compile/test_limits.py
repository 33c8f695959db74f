from __future__ import annotations

from typing import Any

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.limits import (
    AllLengths,
    GeneralLimits,
    GraphQLLength,
    JsonLength,
    Limited,
    Limits,
    ParameterLength,
    Unlimited,
)
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.resources.limits import LimitsSpec
from microgateway_compiler.compile.limits import compile_limits


def compiled(**spec: Any) -> Limits:
    return compile_limits(DefaultOrigin("Limits"), LimitsSpec.model_validate(spec))


def limited(**limits: Any) -> Limited:
    found = compiled(request={"limited": limits}).request
    assert isinstance(found, Limited)
    return found


def test_sizes_are_bytes() -> None:
    assert limited(general={"bodySize": "5M", "pathLength": 7}).general == GeneralLimits(5_000_000, 7)


def test_what_is_left_out_has_its_default() -> None:
    assert limited(json={"keyCount": 1}).json.value_length == 8192


def test_unlimited_is_unlimited() -> None:
    assert compiled(request={"unlimited": {}}).request == Unlimited()


def test_exceptions_know_their_position_and_what_they_lift() -> None:
    name = {"matcher": {"exact": "a"}}
    found = limited(
        exceptions=[
            {},
            {"length": {"json": {"jsonPath": "$.a"}}},
            {"length": {"parameter": {"name": name, "source": "Post"}}},
            {"length": {"graphQL": {"argument": name}}},
        ]
    ).exceptions
    exact = Exact("a", ignore_case=False)

    assert [each.id for each in found] == [f"exceptions[{at}]" for at in range(4)]
    assert {each.conditions for each in found} == {ALWAYS}
    assert [each.length for each in found] == [
        AllLengths(),
        JsonLength("$.a"),
        ParameterLength(exact, ParameterSource.POST),
        GraphQLLength(field=AnyString(), argument=exact, value=AnyString()),
    ]
