from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from scripted_origin import Origin, Script

#: Starts an application that plays a script on each connection.
StartApplication = Callable[[Script], Awaitable[Origin]]


@pytest.fixture
async def application() -> AsyncIterator[StartApplication]:
    async with AsyncExitStack() as stack:
        origins: list[Origin] = []

        async def start(script: Script) -> Origin:
            origins.append(await stack.enter_async_context(Origin(script)))
            return origins[-1]

        yield start
        assert [failure for origin in origins for failure in origin.failures] == []
