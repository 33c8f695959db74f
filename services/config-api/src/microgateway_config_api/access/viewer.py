"""One request's asker, as endpoints have it.

    async def gateway(asking: Asking, …):
        await asking.needs_gateway(namespace, name)     one gateway: `get`, by name
        await asking.needs_namespace(namespace)         what belongs to a namespace: `list`
        found = await visible(asking, items, namespace_of)  a list over namespaces: what they may see of it

An endpoint that does none of this shows its answer to everybody who has a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request

ItemT = TypeVar("ItemT")


class Viewer(Protocol):
    """Every method raises AccessUnknownError when the API server cannot be asked."""

    @property
    def name(self) -> str:
        """Of the user; empty where nobody is asked."""

    async def needs_gateway(self, namespace: str, name: str) -> None:
        """Raises ForbiddenError."""

    async def needs_namespace(self, namespace: str) -> None:
        """Raises ForbiddenError."""

    async def sees_everything(self) -> bool:
        """Also what belongs to no namespace."""

    async def sees(self, namespace: str) -> bool: ...

    async def still(self) -> None:
        """For answers that do not end. Raises UnauthorizedError once the token has run out."""


class Anybody:
    """Where nobody is asked who they are."""

    name = ""

    async def needs_gateway(self, namespace: str, name: str) -> None: ...

    async def needs_namespace(self, namespace: str) -> None: ...

    async def sees_everything(self) -> bool:
        return True

    async def sees(self, namespace: str) -> bool:  # noqa: ARG002 - all of them
        return True

    async def still(self) -> None: ...


async def visible(
    viewer: Viewer,
    items: Iterable[ItemT],
    namespace_of: Callable[[ItemT], str | None],
    namespace: str | None = None,
) -> list[ItemT]:
    """Those the viewer may see.

    namespace_of: None for what only they see who see everything. namespace: the only one asked for, to which
    the viewer then needs the right. Raises ForbiddenError.
    """
    if namespace is not None:
        await viewer.needs_namespace(namespace)
        return [each for each in items if namespace_of(each) == namespace]
    found = list(items)
    if not found or await viewer.sees_everything():
        return found
    namespaces = sorted({name for name in map(namespace_of, found) if name is not None})
    seen = await asyncio.gather(*map(viewer.sees, namespaces))
    shown = {name for name, may in zip(namespaces, seen, strict=True) if may}
    return [each for each in found if namespace_of(each) in shown]


async def viewer_of(request: Request) -> Viewer:
    """As a FastAPI dependency. Raises UnauthorizedError, AccessUnknownError."""
    admitted: Viewer = await request.app.state.gate.admit(request.headers.get("authorization"))
    return admitted


Asking = Annotated[Viewer, Depends(viewer_of)]
