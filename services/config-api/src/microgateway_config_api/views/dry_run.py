"""Manifests to try, and what they would do."""

from __future__ import annotations

from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from microgateway_common.names import GatewayKey, split_key
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources.metadata import LABEL
from microgateway_config_api.dry_run.trial import Trial
from microgateway_config_api.dry_run.verdicts import Differs, Gone, New, Refused, Unchanged, Verdict

from .differences import EXAMPLE, MOST, DifferenceView, difference_views
from .problems import ObjectView, ProblemView, problem_view

_MANIFEST = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: Limits
metadata: {name: strict, namespace: shop}
spec: {request: {limited: {json: {nestingDepth: 30}}}}
"""


class PostedFile(BaseModel):
    """path: for what is said of it. content: YAML or JSON, one document or several."""

    path: str = Field("manifests.yaml", min_length=1, max_length=4096)
    content: str


class Question(BaseModel):
    """What if these manifests were applied?"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"files": [{"path": "a.yaml", "content": _MANIFEST}]}]},
    )

    files: list[PostedFile] = Field(min_length=1, max_length=1000)
    namespace: str = Field("default", pattern=LABEL, max_length=63, description="of objects that name none")
    complete: bool = Field(
        False,
        description="the manifests are all there is: other objects of their namespaces would go, but Secrets",
    )


class _GatewayVerdict(BaseModel):
    namespace: str
    name: str


class UnchangedView(_GatewayVerdict):
    """Engines would do what they do."""

    verdict: Literal["unchanged"] = "unchanged"
    problems: list[ProblemView]
    withheld: bool = Field(description="there are values that are not shown, and may differ: secrets")


class DiffersView(_GatewayVerdict):
    """Engines would be given another configuration."""

    verdict: Literal["changed"] = "changed"
    problems: list[ProblemView]
    differences: list[DifferenceView]
    more: int = Field(description="differences that are not listed")
    withheld: bool = Field(description="there are values that are not shown, and may differ: secrets")


class NewView(_GatewayVerdict):
    """Engines would be given their first configuration."""

    verdict: Literal["new"] = "new"
    problems: list[ProblemView]


class RefusedView(_GatewayVerdict):
    """There are errors: engines would keep what they have."""

    verdict: Literal["refused"] = "refused"
    problems: list[ProblemView]


class GoneView(_GatewayVerdict):
    """There would be no such gateway, and its pods would have none."""

    verdict: Literal["gone"] = "gone"


VerdictView = Annotated[
    UnchangedView | DiffersView | NewView | RefusedView | GoneView, Field(discriminator="verdict")
]


class DryRunView(BaseModel):
    """What would be; nothing was done. Gateways that nothing posted touches are left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "gateways": [
                        {
                            "verdict": "changed",
                            "namespace": "shop",
                            "name": "webshop",
                            "problems": [],
                            "differences": [EXAMPLE],
                            "more": 0,
                            "withheld": False,
                        }
                    ],
                    "problems": [],
                    "unused": [],
                    "complete": False,
                }
            ]
        }
    )

    gateways: list[VerdictView]
    problems: list[ProblemView] = Field(description="of documents, and of objects that no gateway refers to")
    unused: list[ObjectView] = Field(description="posted objects that no gateway refers to")
    complete: bool = Field(description="whether objects that were not posted were taken as gone")


def dry_run_view(trial: Trial, verdicts: dict[GatewayKey, Verdict], complete: bool) -> DryRunView:
    return DryRunView(
        gateways=[_view(gateway, each) for gateway, each in sorted(verdicts.items())],
        problems=_problems(trial.problems),
        unused=[_object(ref) for ref in trial.unused],
        complete=complete,
    )


def _view(
    gateway: GatewayKey, verdict: Verdict
) -> UnchangedView | DiffersView | NewView | RefusedView | GoneView:
    namespace, name = split_key(gateway)
    who: dict[str, Any] = {"namespace": namespace, "name": name}
    match verdict:
        case Unchanged(problems, withheld):
            return UnchangedView(**who, problems=_problems(problems), withheld=withheld)
        case Differs(problems, found, withheld):
            return DiffersView(
                **who,
                problems=_problems(problems),
                differences=difference_views(found),
                more=max(0, len(found) - MOST),
                withheld=withheld,
            )
        case New(problems):
            return NewView(**who, problems=_problems(problems))
        case Refused(problems):
            return RefusedView(**who, problems=_problems(problems))
        case Gone():
            return GoneView(**who)
        case _:
            assert_never(verdict)


def _problems(problems: tuple[Problem, ...]) -> list[ProblemView]:
    return [problem_view(each) for each in problems]


def _object(ref: ObjectRef) -> ObjectView:
    return ObjectView(kind=ref.kind, namespace=ref.namespace, name=ref.name)
