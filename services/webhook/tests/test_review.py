from __future__ import annotations

from microgateway_common.problems import ObjectRef, Problem
from microgateway_webhook.review import AdmissionRequest, allowed, invalid, patched

REQUEST = AdmissionRequest(uid="7", operation="CREATE")
SUBJECT = ObjectRef("Limits", "shop", "x")


def test_no_change_is_no_patch() -> None:
    assert patched(REQUEST, [], ())["response"] == {"uid": "7", "allowed": True}


def test_a_long_warning_is_cut_where_the_api_server_would() -> None:
    (warning,) = allowed(REQUEST, ["x" * 300])["response"]["warnings"]
    assert len(warning) <= 256


def test_many_problems_are_counted() -> None:
    problems = [Problem(SUBJECT, f"spec.a[{index}]", "b", "c") for index in range(60)]
    status = invalid(REQUEST, SUBJECT, problems, [])["response"]["status"]
    assert status["message"].endswith("; and 10 more")
    assert len(status["details"]["causes"]) == 50
