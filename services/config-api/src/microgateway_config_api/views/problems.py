"""Problems: whose fault, which field, what was expected and what came."""

from __future__ import annotations

from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason, Severity, Subject


class ObjectView(BaseModel):
    """A Kubernetes object."""

    type: Literal["object"] = "object"
    kind: str
    namespace: str
    name: str


class DocumentView(BaseModel):
    """A document of a manifest file that is no object (yet). line: 1-based."""

    type: Literal["document"] = "document"
    path: str
    line: int


SubjectView = Annotated[ObjectView | DocumentView, Field(discriminator="type")]


class ProblemView(BaseModel):
    """One thing wrong."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject": {
                        "type": "object",
                        "kind": "SidecarGateway",
                        "namespace": "shop",
                        "name": "webshop",
                    },
                    "field": "spec.applications[0].routes[1].secured.contentSecurityRef.name",
                    "expected": "a ContentSecurity in namespace shop",
                    "got": "strict, which does not exist",
                    "reason": "DanglingReference",
                    "severity": "error",
                    "message": "SidecarGateway shop/webshop: "
                    "spec.applications[0].routes[1].secured.contentSecurityRef.name: expected a "
                    "ContentSecurity in namespace shop, got strict, which does not exist",
                }
            ]
        }
    )

    subject: SubjectView
    field: str = Field(description="path as users write it; empty for the whole object")
    expected: str
    got: str
    reason: Reason
    severity: Severity = Field(description="an error keeps the gateway on its last good configuration")
    message: str = Field(description="all of it in one sentence")


def problem_view(problem: Problem) -> ProblemView:
    return ProblemView(
        subject=_subject_view(problem.subject),
        field=problem.field,
        expected=problem.expected,
        got=problem.got,
        reason=problem.reason,
        severity=problem.severity,
        message=str(problem),
    )


def order(problem: Problem) -> tuple[str, str, str, str, str]:
    """Sort key: objects by namespace, kind and name, then documents by path."""
    match problem.subject:
        case ObjectRef(kind, namespace, name):
            return ("object", namespace, kind, name, problem.field)
        case DocumentRef(path, line):
            return ("zdocument", path, f"{line:09}", "", problem.field)
        case _:
            assert_never(problem.subject)


def _subject_view(subject: Subject) -> ObjectView | DocumentView:
    match subject:
        case ObjectRef(kind, namespace, name):
            return ObjectView(kind=kind, namespace=namespace, name=name)
        case DocumentRef(path, line):
            return DocumentView(path=path, line=line)
        case _:
            assert_never(subject)
