"""What two configurations have different."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, Field

from microgateway_common.difference import Added, Changed, Difference, Removed, UnknownOrigin, written
from microgateway_common.ir.origin import DefaultOrigin, Origin, ResourceOrigin

#: Differences in one answer.
MOST = 1000


class OriginView(BaseModel):
    """The resource that says so; documented defaults have no name, and what nobody says has no kind."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class AddedView(BaseModel):
    change: Literal["added"] = "added"
    path: str = Field(description="in the compiled configuration")
    origin: OriginView
    new: Any


class RemovedView(BaseModel):
    change: Literal["removed"] = "removed"
    path: str = Field(description="in the compiled configuration")
    origin: OriginView
    old: Any


class ChangedView(BaseModel):
    change: Literal["changed"] = "changed"
    path: str = Field(description="in the compiled configuration")
    origin: OriginView
    old: Any
    new: Any


DifferenceView = Annotated[AddedView | RemovedView | ChangedView, Field(discriminator="change")]

EXAMPLE: dict[str, Any] = {
    "change": "changed",
    "path": "content_securities.strict.limits.request.json.nesting_depth",
    "origin": {"kind": "Limits", "namespace": "shop", "name": "strict"},
    "old": 20,
    "new": 30,
}


def difference_views(found: Sequence[Difference]) -> list[DifferenceView]:
    """The first of them, as many as an answer has."""
    return [_view(each) for each in found[:MOST]]


def _view(difference: Difference) -> AddedView | RemovedView | ChangedView:
    path, origin = written(difference.path), _origin(difference.origin)
    match difference:
        case Added(new=new):
            return AddedView(path=path, origin=origin, new=new)
        case Removed(old=old):
            return RemovedView(path=path, origin=origin, old=old)
        case Changed(old=old, new=new):
            return ChangedView(path=path, origin=origin, old=old, new=new)
        case _:
            assert_never(difference)


def _origin(origin: Origin | UnknownOrigin) -> OriginView:
    match origin:
        case ResourceOrigin(kind, namespace, name):
            return OriginView(kind=kind, namespace=namespace, name=name)
        case DefaultOrigin(kind):
            return OriginView(kind=kind)
        case UnknownOrigin():
            return OriginView()
        case _:
            assert_never(origin)
