"""Our resources, checked by the code that compiles them.

Denied is what nobody can make sense of. What is well-formed but not built yet (Reason.NOT_SUPPORTED) is
stored with a warning: published manifests apply unchanged, and the compiler keeps a gateway from loosening
because of it (docs/decisions/0007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_compiler.admission import problems_of_object


@dataclass(frozen=True, slots=True)
class Verdict:
    """No errors: the object may be stored."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check_resource(ref: ObjectRef, new: dict[str, Any], old: dict[str, Any] | None) -> Verdict:
    """old: what is stored, None for a new object.

    An update that leaves the spec as it is or comes while the object is being deleted is never denied:
    finalizers and labels of an object that was stored before a rule existed can still be changed.
    """
    problems = problems_of_object(ref, new)
    errors = tuple(each for each in problems if _denies(each))
    warnings = tuple(each for each in problems if not _denies(each))
    is_deleting = "deletionTimestamp" in (new.get("metadata") or {})
    if old is not None and (is_deleting or old.get("spec") == new.get("spec")):
        return Verdict((), errors + warnings)
    return Verdict(errors, warnings)


def _denies(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR and problem.reason is not Reason.NOT_SUPPORTED
