"""Engines report, Redis is real: what is kept, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from microgateway_cli.redis_server import RedisServer
from microgateway_common.blocks import MAX_EVENT, BlockEvent, Mode, ResourceLine, ThreatLine, encode_event
from microgateway_common.bus import keys
from microgateway_common.bus.blocks import Blocks
from microgateway_common.bus.connection import UNAVAILABLE, connect
from microgateway_common.bus.publisher import Publisher
from microgateway_common.names import Generation, Namespace, gateway_key, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.block_keeping import BlockKeeping
from microgateway_reconciler.metrics import Metrics

from .conftest import Desk

SHOP = gateway_key("shop", "shop")
CHANNEL = keys.block_reports(Namespace("shop"))
EVENT = BlockEvent(
    "r0", 1.0, pod_key("shop", "shop-0"), SHOP, Generation(7), 8080, "192.0.2.7", "GET", "shop", "/",
    Mode.BLOCK, (ThreatLine("deny_rules", "XSS", "Block", ResourceLine("DenyRules")),),
)  # fmt: skip


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def keeping(redis: Redis, desk: Desk, metrics: Metrics) -> AsyncIterator[BlockKeeping]:
    """Leads, and listens."""
    desk.save("shop")
    keeping = BlockKeeping(redis, (await Publisher.claim(redis)).term, desk.ledger, metrics)
    task = asyncio.create_task(keeping.run())
    try:
        await eventually(lambda: listeners(redis))
        yield keeping
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listeners(redis: Redis) -> int:
    return int(await redis.pubsub_numpat())


async def eventually(look: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while True:
            found = look()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)


async def kept(redis: Redis) -> list[str]:
    return [each.event.request_id for each in await Blocks(redis).newest([SHOP], 1000)]


async def test_what_an_engine_reports_is_kept_and_announced(
    redis: Redis, desk: Desk, metrics: Metrics
) -> None:
    async with keeping(redis, desk, metrics), redis.pubsub() as announced:
        await announced.subscribe(keys.blocks(SHOP))
        await announced.get_message(timeout=30)
        for number in range(3):
            await redis.publish(CHANNEL, encode_event(replace(EVENT, request_id=f"r{number}")))
        await eventually(lambda: metrics.block_events_kept == 3)
        assert await kept(redis) == ["r2", "r1", "r0"]
        message = await announced.get_message(timeout=30)
        assert message is not None
        assert message["data"].decode() in [each.entry for each in await Blocks(redis).newest([SHOP], 3)]


async def test_what_no_engine_may_say_is_not_kept(
    redis: Redis, desk: Desk, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [
        (CHANNEL, b"{"),
        (CHANNEL, b"x" * (MAX_EVENT + 1)),
        (CHANNEL, encode_event(replace(EVENT, gateway=gateway_key("billing", "shop")))),
        (CHANNEL, encode_event(replace(EVENT, pod=pod_key("billing", "shop-0")))),
        (CHANNEL, encode_event(replace(EVENT, gateway=gateway_key("shop", "unheard-of")))),
        (keys.block_reports(Namespace("billing")), encode_event(EVENT)),
    ]
    async with keeping(redis, desk, metrics):
        with caplog.at_level(logging.WARNING):
            for channel, data in bad * 3:
                await redis.publish(channel, data)
            await redis.publish(CHANNEL, encode_event(EVENT))
            await eventually(lambda: metrics.block_events_kept == 1)
    assert metrics.block_events_refused == 3 * len(bad)
    assert await kept(redis) == ["r0"]
    assert {key async for key in redis.scan_iter(match="mgw:*:block*")} == {
        keys.blocks(SHOP).encode(),
        keys.block_ids(SHOP).encode(),
    }
    assert len([each for each in caplog.messages if "block event" in each]) <= len(bad)


async def test_a_flood_is_read_in_turns(
    redis: Redis, desk: Desk, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keeping(redis, desk, metrics):
        async with redis.pipeline(transaction=False) as pipeline:
            for number in range(1500):
                pipeline.publish(CHANNEL, encode_event(replace(EVENT, request_id=f"r{number}")))
            await pipeline.execute()
        await eventually(lambda: metrics.block_events_kept == 1500)
    found = await kept(redis)
    assert len(found) == 1000
    assert found[0] == "r1499"


async def test_an_older_leader_keeps_nothing_and_says_nothing(
    redis: Redis, desk: Desk, metrics: Metrics
) -> None:
    async with keeping(redis, desk, metrics):
        await Publisher.claim(redis)
        await redis.publish(CHANNEL, encode_event(EVENT))
        await redis.publish(CHANNEL, b"{")
        await eventually(lambda: metrics.block_events_refused == 1)
    assert metrics.block_events_kept == 0
    assert await kept(redis) == []


async def test_it_goes_on_when_redis_is_back(redis_server: RedisServer, desk: Desk, metrics: Metrics) -> None:
    redis = connect(redis_server.url)
    async with keeping(redis, desk, metrics):
        redis_server.stop()
        redis_server.start()

        async def report() -> bool:
            with contextlib.suppress(*UNAVAILABLE):
                await redis.publish(CHANNEL, encode_event(EVENT))
            return metrics.block_events_kept > 0

        await eventually(report)
    await redis.aclose()


async def test_what_somebody_put_in_its_place_stops_nothing(
    redis: Redis, desk: Desk, metrics: Metrics
) -> None:
    await redis.set(keys.blocks(SHOP), "no stream")
    async with keeping(redis, desk, metrics):
        await redis.publish(CHANNEL, encode_event(EVENT))
        await eventually(lambda: metrics.block_events_refused == 1)
        await redis.delete(keys.blocks(SHOP))

        async def report() -> bool:
            await redis.publish(CHANNEL, encode_event(EVENT))
            return metrics.block_events_kept > 0

        await eventually(report)
