"""What is wrong with an object.

A Problem names whose fault it is (object and field), what was expected and what came. Compiling is
total: it never stops at a problem, it reports it and goes on with the neighbours.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """ERROR keeps a gateway on its last good configuration; WARNING does not."""

    ERROR = "error"
    WARNING = "warning"


class Reason(StrEnum):
    """Machine-readable cause, CamelCase as in a Kubernetes condition."""

    MALFORMED = "Malformed"
    INVALID_FIELD = "InvalidField"
    UNKNOWN_KIND = "UnknownKind"
    DUPLICATE = "Duplicate"
    DANGLING_REFERENCE = "DanglingReference"
    BROKEN_REFERENCE = "BrokenReference"
    POD_ALREADY_OWNED = "PodAlreadyOwned"
    NOT_SUPPORTED = "NotSupported"


class ObjectRef(Struct, frozen=True, tag="object", order=True):
    """A Kubernetes object by kind, namespace and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class DocumentRef(Struct, frozen=True, tag="document", order=True):
    """A document in a manifest file that is not (yet) an object: file path and 1-based line."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


Subject = ObjectRef | DocumentRef


class Problem(Struct, frozen=True):
    """One thing wrong.

    field: path as users write it, `spec.applications[0].routes[2].pathPrefix`; empty for the whole object.
    expected, got: short phrases that complete "expected …, got …".
    """

    subject: Subject
    field: str
    expected: str
    got: str
    reason: Reason = Reason.INVALID_FIELD
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.subject}: {self.field}" if self.field else str(self.subject)
        return f"{where}: expected {self.expected}, got {self.got}"


def errors(problems: tuple[Problem, ...] | list[Problem]) -> list[Problem]:
    """Those that keep a gateway on its last good configuration."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
