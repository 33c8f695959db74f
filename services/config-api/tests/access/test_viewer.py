from __future__ import annotations

import pytest

from microgateway_config_api.access.viewer import Anybody, visible
from microgateway_config_api.problem_details import ForbiddenError

ITEMS = [("shop", 1), ("bank", 2), (None, 3), ("shop", 4)]


class Shopkeeper(Anybody):
    """Sees the namespace shop."""

    async def needs_namespace(self, namespace: str) -> None:
        if not await self.sees(namespace):
            raise ForbiddenError(namespace)

    async def sees_everything(self) -> bool:
        return False

    async def sees(self, namespace: str) -> bool:
        return namespace == "shop"


def namespace_of(item: tuple[str | None, int]) -> str | None:
    return item[0]


async def test_a_list_is_narrowed_to_what_its_reader_may_see_in_order() -> None:
    assert await visible(Shopkeeper(), ITEMS, namespace_of) == [("shop", 1), ("shop", 4)]
    assert await visible(Anybody(), ITEMS, namespace_of) == ITEMS


async def test_a_namespace_that_was_asked_for_needs_the_right_to_it() -> None:
    assert await visible(Shopkeeper(), ITEMS, namespace_of, "shop") == [("shop", 1), ("shop", 4)]
    assert await visible(Anybody(), ITEMS, namespace_of, "bank") == [("bank", 2)]
    with pytest.raises(ForbiddenError):
        await visible(Shopkeeper(), ITEMS, namespace_of, "bank")
    with pytest.raises(ForbiddenError):
        await visible(Shopkeeper(), [], namespace_of, "bank")
