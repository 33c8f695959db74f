from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.problems import DocumentRef
from microgateway_common.resources.metadata import API_VERSION
from microgateway_compiler.admission import problems_of_object

SUBJECT = DocumentRef("request", 1)


def problems(kind: str, spec: Any, api_version: str = API_VERSION) -> list[str]:
    raw = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "shop"},
        "spec": spec,
    }
    return [str(problem) for problem in problems_of_object(SUBJECT, raw)]


def test_references_may_name_what_comes_later() -> None:
    assert problems("SidecarGateway", {"applications": [{"telemetryRef": {"name": "later"}}]}) == []
    assert problems("ContentSecurity", {"parserRef": {"name": "later"}}) == []


@pytest.mark.parametrize(
    ("kind", "spec", "problem"),
    [
        ("SidecarGateway", {}, "spec.applications: expected a list, got nothing"),
        (
            "SidecarGateway",
            {"applications": [{}, {}]},
            "spec.applications[1].containerPort: "
            "expected a port of its own, got 8080, the port of applications[0]",
        ),
        (
            "ContentSecurity",
            {"csrfProtectionRef": {"name": "y"}},
            "spec.csrfProtectionRef: expected no CSRF protection (not supported yet), got y",
        ),
        (
            "Telemetry",
            {"logging": {"accessLog": {"format": {"json": {"a": "%"}}}}},
            "spec.logging.accessLog.format.json.a: expected a command operator such as %PROTOCOL%, "
            "or %% for a percent sign, got the end (position 1)",
        ),
    ],
)
def test_what_is_wrong_by_itself_is_told(kind: str, spec: Any, problem: str) -> None:
    assert problems(kind, spec) == [f"{kind} shop/x: {problem}"]


def test_a_document_without_a_name_is_a_problem_of_its_source() -> None:
    [problem] = problems_of_object(SUBJECT, {"kind": "Limits"})
    assert problem.subject == SUBJECT


def test_other_groups_are_none_of_our_business() -> None:
    assert problems("Deployment", {"anything": 1}, "apps/v1") == []
