from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from reconciled import answering

from microgateway_common.settings import RedisUrl
from microgateway_config_api.body_limit import LARGEST_BODY

pytestmark = pytest.mark.parametrize("path", ["dry-run", "explain"])


@pytest.fixture
async def asked(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    async with answering(redis_url) as client:
        yield client


async def test_a_body_above_the_limit_is_refused_unread(asked: httpx.AsyncClient, path: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * LARGEST_BODY:
            sent += 65536
            yield b" " * 65536

    answer = await asked.post(f"/api/v1/{path}", content=endless())
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:microgateway:error:too-large")
    assert sent <= LARGEST_BODY + 2 * 65536


async def test_one_below_it_is_read(asked: httpx.AsyncClient, path: str) -> None:
    assert (await asked.post(f"/api/v1/{path}", content=b" " * LARGEST_BODY)).status_code == 422
