"""Lists go out in pages, so that no answer grows with the cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

#: Items on a page: at most, and when nothing was asked for.
LARGEST_LIMIT = 1000
DEFAULT_LIMIT = 100

ItemT = TypeVar("ItemT", bound=BaseModel)
SourceT = TypeVar("SourceT")


class Page(BaseModel, Generic[ItemT]):
    """Some of the items that pass the filter, in a fixed order."""

    items: list[ItemT]
    total: int = Field(description="items that pass the filter, on all pages", examples=[1])
    limit: int = Field(examples=[DEFAULT_LIMIT])
    offset: int = Field(examples=[0])


class Window(BaseModel):
    """Which part of a list was asked for."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0


def window(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="items on the page")] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0, le=2**31, description="items to skip")] = 0,
) -> Window:
    """The query parameters of every list."""
    return Window(limit=limit, offset=offset)


AskedWindow = Annotated[Window, Depends(window)]


def page(found: Sequence[SourceT], asked: Window, view: Callable[[SourceT], ItemT]) -> Page[ItemT]:
    """The asked part of what was found; only that part is turned into views."""
    shown = found[asked.offset : asked.offset + asked.limit]
    return Page(
        items=[view(each) for each in shown], total=len(found), limit=asked.limit, offset=asked.offset
    )
