from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from running_gateway import Gateway, StartGateway, before
from scripted_origin import Origin, Script, StartOrigin, echo

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.traffic import server


@pytest.fixture
async def loop_errors() -> AsyncIterator[list[dict[str, Any]]]:
    """Exceptions that nobody caught: in callbacks of protocols and in tasks. None may remain."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    yield errors
    assert not errors


@pytest.fixture
async def start_origin(loop_errors: list[dict[str, Any]]) -> AsyncIterator[StartOrigin]:
    async with AsyncExitStack() as stack:
        origins: list[Origin] = []

        async def start(script: Script = echo) -> Origin:
            origin = await stack.enter_async_context(Origin(script))
            origins.append(origin)
            return origin

        yield start
        assert [failure for origin in origins for failure in origin.failures] == []


@pytest.fixture
async def start_gateway(
    make_runtime: Callable[..., Runtime],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loop_errors: list[dict[str, Any]],
) -> AsyncIterator[StartGateway]:
    """Timeouts are swept fifty times a second and farewells are short, so that tests need not wait."""
    monkeypatch.setattr(server, "SWEEP", 0.02)
    monkeypatch.setattr(server, "FAREWELL", 0.1)
    monkeypatch.setattr(server, "LAST_LOOKS", 0.02)
    async with AsyncExitStack() as stack:

        async def start(
            target: Address, config: GatewayConfig | None = None, host: str = "127.0.0.1"
        ) -> Gateway:
            gateway = Gateway(tmp_path / "access.log", before(target), host)
            await stack.enter_async_context(gateway)
            await gateway.serve(make_runtime(config))
            return gateway

        yield start
