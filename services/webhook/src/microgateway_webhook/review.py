"""AdmissionReview v1 (admission.k8s.io): what the API server asks, and what it is answered."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from microgateway_common.problems import ObjectRef, Problem

from .injection.patch import Operation

API_VERSION = "admission.k8s.io/v1"

#: Longer ones the API server may cut (Kubernetes documentation, "Dynamic Admission Control", response).
_WARNING_LENGTH = 250

#: Of messages in a denial; kubectl shows them on one screen.
_MAX_CAUSES = 50


class AdmissionRequest(BaseModel):
    """object, old_object: what is to be stored and what is stored; None where there is none."""

    uid: str
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    namespace: str = ""
    name: str = ""
    dry_run: bool = Field(default=False, alias="dryRun")
    sub_resource: str = Field(default="", alias="subResource")
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = Field(default=None, alias="oldObject")


class AdmissionReview(BaseModel):
    api_version: Literal["admission.k8s.io/v1"] = Field(alias="apiVersion")
    kind: Literal["AdmissionReview"]
    request: AdmissionRequest


Answer = dict[str, Any]


def allowed(request: AdmissionRequest, warnings: Iterable[str] = ()) -> Answer:
    return _review({"uid": request.uid, "allowed": True, **_warnings(warnings)})


def patched(request: AdmissionRequest, patch: list[Operation], warnings: Iterable[str]) -> Answer:
    """Allowed, with changes; an empty patch is none."""
    encoded = base64.b64encode(msgspec.json.encode(patch)).decode()
    change = {"patchType": "JSONPatch", "patch": encoded} if patch else {}
    return _review({"uid": request.uid, "allowed": True, **change, **_warnings(warnings)})


def refused(request: AdmissionRequest, message: str) -> Answer:
    status = {"code": 403, "reason": "Forbidden", "message": message}
    return _review({"uid": request.uid, "allowed": False, "status": status})


def invalid(
    request: AdmissionRequest, subject: ObjectRef, problems: list[Problem], warnings: list[str]
) -> Answer:
    """Denied, each problem in the message and, with its field path, in `details.causes`."""
    shown = problems[:_MAX_CAUSES]
    more = len(problems) - len(shown)
    lines = [_sentence(each) for each in shown] + ([f"and {more} more"] if more else [])
    causes = [
        {
            "reason": "FieldValueInvalid",
            "field": each.field,
            "message": f"expected {each.expected}, got {each.got}",
        }
        for each in shown
    ]
    status = {
        "code": 422,
        "reason": "Invalid",
        "message": f"{subject}: " + "; ".join(lines),
        # kubectl: `The DenyRules "rules" is invalid: …`, one line a cause.
        "details": {"kind": subject.kind, "name": subject.name, "causes": causes},
    }
    return _review({"uid": request.uid, "allowed": False, "status": status, **_warnings(warnings)})


def warning_of(problem: Problem) -> str:
    return _sentence(problem)


def _sentence(problem: Problem) -> str:
    where = f"{problem.field}: " if problem.field else ""
    return f"{where}expected {problem.expected}, got {problem.got}"


def _warnings(warnings: Iterable[str]) -> dict[str, list[str]]:
    cut = [each if len(each) <= _WARNING_LENGTH else f"{each[:_WARNING_LENGTH]}…" for each in warnings]
    return {"warnings": cut} if cut else {}


def _review(response: dict[str, Any]) -> Answer:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
