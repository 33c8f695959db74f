from __future__ import annotations

import pytest

from microgateway_common.ir.templates import Operator, Text
from microgateway_common.problems import ObjectRef
from microgateway_compiler.compile.templates import template

REF = ObjectRef("Telemetry", "shop", "x")


def test_text_with_operators_is_a_template() -> None:
    part = template(REF, "spec.a", "100%% of %REQ(X-A):5%")

    assert part.value == (Text("100% of "), Operator("REQ", "X-A", 5))
    assert part.problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%PROTOCO%", "a command operator (did you mean %PROTOCOL%?), got %PROTOCO% (position 0)"),
        (
            "ab%",
            "a command operator such as %PROTOCOL%, or %% for a percent sign, got the end (position 3)",
        ),
    ],
)
def test_what_is_no_template_is_a_problem_at_its_field(text: str, problem: str) -> None:
    [found] = template(REF, "spec.a", text).problems

    assert str(found) == f"Telemetry shop/x: spec.a: expected {problem}"


@pytest.mark.parametrize("text", ["%START_TIME(%!)%", "%REQ(a b)%", "%PROTOCOL(x)%", "%ENVIRONMENT(SECRET)%"])
def test_whatever_is_wrong_there_is_an_expectation(text: str) -> None:
    [found] = template(REF, "spec.a", text).problems

    assert found.expected
    assert found.got
