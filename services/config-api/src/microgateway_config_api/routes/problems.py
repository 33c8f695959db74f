"""GET /problems: everything that is wrong, whatever gateway it belongs to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from microgateway_common.problems import ObjectRef, Problem, Severity
from microgateway_config_api.access.viewer import Asking, visible
from microgateway_config_api.source import Bus
from microgateway_config_api.views.page import AskedWindow, Page, page
from microgateway_config_api.views.problems import ProblemView, order, problem_view

router = APIRouter(prefix="/problems", tags=["problems"])


@router.get("", summary="Every problem")
async def problems(
    bus: Bus,
    asking: Asking,
    asked: AskedWindow,
    namespace: Annotated[str | None, Query(description="only objects of this namespace")] = None,
    kind: Annotated[str | None, Query(description="only objects of this kind")] = None,
    severity: Annotated[Severity | None, Query(description="only problems this severe")] = None,
) -> Page[ProblemView]:
    async with bus.reading() as reader:
        found = set(await reader.problems())
        for status in await reader.gateways():
            found.update(status.problems)
    shown = [
        problem
        for problem in await visible(asking, found, _namespace, namespace)
        if _concerns(problem, kind) and severity in (None, problem.severity)
    ]
    return page(sorted(shown, key=order), asked, problem_view)


def _namespace(problem: Problem) -> str | None:
    """None for a document, and for an object of no namespace."""
    return (problem.subject.namespace or None) if isinstance(problem.subject, ObjectRef) else None


def _concerns(problem: Problem, kind: str | None) -> bool:
    """A document has no kind, so it passes only when none was asked for."""
    return kind is None or (isinstance(problem.subject, ObjectRef) and problem.subject.kind == kind)
