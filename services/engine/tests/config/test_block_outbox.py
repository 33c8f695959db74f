"""Block events on their way to a real Redis, which nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from running_gateway import eventually

from microgateway_cli.redis_server import RedisServer
from microgateway_common.bus import keys
from microgateway_common.bus.connection import connect
from microgateway_common.names import Namespace, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_engine.config import block_outbox
from microgateway_engine.config.block_outbox import BlockOutbox
from microgateway_engine.telemetry.block_reports import Allowance
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink

POD = pod_key("shop", "shop-0")
CHANNEL = keys.block_reports(Namespace("shop"))


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    sink = LineSink(1)
    yield Metrics(sink)
    sink.close()


@pytest.fixture
def outbox(metrics: Metrics) -> BlockOutbox:
    return BlockOutbox(POD, metrics, Allowance(rate=1000))


@contextlib.asynccontextmanager
async def delivering(outbox: BlockOutbox, url: RedisUrl) -> AsyncIterator[None]:
    redis = connect(url)
    task = asyncio.create_task(outbox.deliver(redis))
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await redis.aclose()


@contextlib.asynccontextmanager
async def listening(redis: Redis) -> AsyncIterator[PubSub]:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        await pubsub.get_message(timeout=30)
        yield pubsub


async def heard(pubsub: PubSub, number: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < number:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                found.append(message["data"])
    return found


async def test_events_arrive_in_their_order(
    outbox: BlockOutbox, metrics: Metrics, redis_url: RedisUrl
) -> None:
    redis = connect(redis_url)
    events = [b"%d" % number for number in range(200)]
    async with listening(redis) as pubsub, delivering(outbox, redis_url):
        assert all(outbox.put(event) for event in events)
        assert await heard(pubsub, 200) == events
        await eventually(lambda: metrics.block_events_sent == 200, "all to be counted")
    assert metrics.block_events_dropped == 0
    await redis.aclose()


async def test_what_nobody_hears_waits_for_somebody(
    outbox: BlockOutbox, metrics: Metrics, redis_url: RedisUrl
) -> None:
    redis = connect(redis_url)
    async with delivering(outbox, redis_url):
        outbox.put(b"early")
        async with listening(redis) as pubsub:
            assert await heard(pubsub, 1) == [b"early"]
    await redis.aclose()


async def test_what_is_said_while_redis_is_away_arrives_when_it_is_back(
    outbox: BlockOutbox, metrics: Metrics, redis_server: RedisServer
) -> None:
    redis_server.stop()
    async with delivering(outbox, redis_server.url):
        outbox.put(b"meanwhile")
        await asyncio.sleep(0.1)
        redis_server.start()
        redis = connect(redis_server.url)
        async with listening(redis) as pubsub:
            assert await heard(pubsub, 1) == [b"meanwhile"]
        await redis.aclose()


async def test_the_queue_is_bounded_and_keeps_the_newest(
    outbox: BlockOutbox, metrics: Metrics, redis_url: RedisUrl
) -> None:
    total = block_outbox.CAPACITY + 50
    for number in range(total):
        outbox.put(b"%d" % number)
    assert metrics.block_events_dropped == 50
    redis = connect(redis_url)
    async with listening(redis) as pubsub, delivering(outbox, redis_url):
        assert await heard(pubsub, block_outbox.CAPACITY) == [b"%d" % number for number in range(50, total)]
    await redis.aclose()


async def test_an_engine_that_reports_too_much_is_told_so(metrics: Metrics) -> None:
    outbox = BlockOutbox(POD, metrics, Allowance(rate=0.2, clock=lambda: 0.0))
    assert [outbox.put(b"x") for _ in range(3)] == [True, True, False]


async def test_a_session_that_ends_while_it_sends_loses_nothing(
    outbox: BlockOutbox, metrics: Metrics, redis_url: RedisUrl
) -> None:
    """Keys are replaced: one session is cancelled, another begins."""
    redis = connect(redis_url)
    async with listening(redis) as pubsub:
        for _ in range(20):
            async with delivering(outbox, redis_url):
                outbox.put(b"x")
                await asyncio.sleep(0)
        async with delivering(outbox, redis_url):
            assert len(await heard(pubsub, 20)) >= 20
    await redis.aclose()
