from __future__ import annotations

import msgspec
import pytest

from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason, Severity, errors

LIMITS = ObjectRef("Limits", "shop", "strict")
ERROR = Problem(LIMITS, "spec.bodySize", "a size", "12 pounds")
WARNING = Problem(DocumentRef("a.yaml", 3), "", "an object", "a list", Reason.MALFORMED, Severity.WARNING)


def test_a_problem_is_a_sentence() -> None:
    assert str(ERROR) == "Limits shop/strict: spec.bodySize: expected a size, got 12 pounds"
    assert str(WARNING) == "a.yaml:3: expected an object, got a list"


def test_only_errors_keep_a_gateway_back() -> None:
    assert errors((ERROR, WARNING)) == [ERROR]


@pytest.mark.parametrize("problem", [ERROR, WARNING])
def test_a_problem_survives_json(problem: Problem) -> None:
    assert msgspec.json.decode(msgspec.json.encode(problem), type=Problem) == problem
