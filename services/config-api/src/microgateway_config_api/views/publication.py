"""What engines are given: a generation and its digest, or nothing yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, Field

from microgateway_common.names import Generation
from microgateway_common.status import NeverPublished, Published


class PublishedView(BaseModel):
    """compiled_at: the generation, read as the time that it is."""

    state: Literal["published"] = "published"
    generation: int = Field(examples=[1767225600000])
    digest: str = Field(examples=["sha256:" + "ab" * 32])
    compiled_at: datetime


class NeverPublishedView(BaseModel):
    """There has been no valid configuration yet; the gateway's engines refuse all connections."""

    state: Literal["never"] = "never"


PublicationView = Annotated[PublishedView | NeverPublishedView, Field(discriminator="state")]


def publication_view(published: Published | NeverPublished) -> PublishedView | NeverPublishedView:
    match published:
        case Published(generation, digest):
            return PublishedView(generation=generation, digest=digest, compiled_at=compiled_at(generation))
        case NeverPublished():
            return NeverPublishedView()
        case _:
            assert_never(published)


def compiled_at(generation: Generation) -> datetime:
    """A generation is milliseconds since the epoch; one beyond the calendar shows as its end."""
    try:
        return datetime.fromtimestamp(max(generation, 0) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
