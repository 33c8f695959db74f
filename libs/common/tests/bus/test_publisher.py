from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from microgateway_cli.redis_server import RedisServer
from microgateway_common.bus import keys
from microgateway_common.bus.connection import UNAVAILABLE, connect
from microgateway_common.bus.publisher import Fenced, Publisher, Stale, StoredBundle, Written
from microgateway_common.bus.reader import Reader
from microgateway_common.names import Generation, gateway_key, pod_key
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.settings import RedisUrl

KEY = gateway_key("shop", "webshop")
POD = pod_key("shop", "webshop-1")


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def test_each_claim_takes_a_larger_term(redis: Redis) -> None:
    terms = [(await Publisher.claim(redis)).term for _ in range(20)]
    assert terms == sorted(set(terms))


async def test_an_older_leader_is_fenced_from_every_write(redis: Redis) -> None:
    older = await Publisher.claim(redis)
    newer = await Publisher.claim(redis)
    assert await newer.bundle(KEY, Generation(1), b"newer") == Written()
    fenced = Fenced(newer.term)
    assert await older.bundle(KEY, Generation(2), b"older") == fenced
    assert await older.assign(POD, b"assigned") == fenced
    assert await older.problems([]) == fenced
    assert await older.remove([keys.bundle(KEY)]) == fenced
    assert await newer.stored_bundle(KEY) == StoredBundle(b"1", b"newer")
    assert await newer.stored_keys() == {keys.bundle(KEY)}


async def test_the_same_or_an_older_generation_is_stale(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    assert await publisher.stored_bundle(KEY) is None
    await publisher.bundle(KEY, Generation(1767225600001), b"first")
    for generation in (1767225600001, 1767225600000):
        stale = await publisher.bundle(KEY, Generation(generation), b"second")
        assert stale == Stale(Generation(1767225600001))
    assert await publisher.stored_bundle(KEY) == StoredBundle(b"1767225600001", b"first")


async def test_concurrent_publishers_leave_the_newest_whole(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    generations = [Generation(each) for each in (5, 2, 9, 1, 7, 3, 8, 4, 6)]
    await asyncio.gather(*(publisher.bundle(KEY, each, str(each).encode() * 1000) for each in generations))
    assert await publisher.stored_bundle(KEY) == StoredBundle(b"9", b"9" * 1000)


async def test_what_is_stored_is_announced_once_and_the_same(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(keys.bundle(KEY), keys.assignment(POD))
        await pubsub.get_message(timeout=30)
        await publisher.bundle(KEY, Generation(1), b"one")
        await publisher.bundle(KEY, Generation(1), b"stale")
        await publisher.assign(POD, b"assigned")
        await publisher.assign(POD, b"assigned")
        await publisher.assign(POD, b"unassigned")
        heard: list[bytes] = []
        while len(heard) < 3:
            message = await pubsub.get_message(timeout=1)
            if message is not None:
                heard.append(message["data"])
        assert await pubsub.get_message(timeout=0.05) is None
    assert heard == [b"one", b"assigned", b"unassigned"]
    assert await publisher.stored_assignments([POD, pod_key("shop", "b")]) == {POD: b"unassigned"}


async def test_a_redis_that_lost_its_memory_still_fences(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url)
    older, newer = await Publisher.claim(redis), await Publisher.claim(redis)
    redis_server.stop()
    redis_server.start()
    with pytest.raises(UNAVAILABLE):  # the connection from before
        await newer.assign(POD, b"assigned")
    assert await newer.assign(POD, b"assigned") == Written()
    assert await older.assign(POD, b"old") == Fenced(newer.term)
    assert (await Publisher.claim(redis)).term > newer.term
    await redis.aclose()


async def test_removed_keys_are_gone(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    await publisher.bundle(KEY, Generation(1), b"one")
    await publisher.assign(POD, b"assigned")
    await publisher.remove([keys.bundle(KEY), keys.assignment(POD)])
    assert await publisher.stored_keys() == set()
    assert await publisher.stored_bundle(KEY) is None


async def test_what_somebody_else_put_there_is_seen_and_replaced(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    await redis.set(keys.bundle(KEY), "no hash")
    await redis.hset(keys.assignment(POD), mapping={"no": "string"})
    await redis.set(keys.TERM, "no number")
    assert await publisher.stored_bundle(KEY) == StoredBundle(b"", b"")
    assert await publisher.stored_assignments([POD]) == {}
    assert await publisher.assign(POD, b"assigned") == Written()
    assert await publisher.stored_assignments([POD]) == {POD: b"assigned"}
    await publisher.remove([keys.bundle(KEY)])
    assert await publisher.bundle(KEY, Generation(1), b"one") == Written()


async def test_problems_are_read_as_written(redis: Redis) -> None:
    problem = Problem(ObjectRef("Limits", "shop", "strict"), "spec", "a size", "é")
    await (await Publisher.claim(redis)).problems([problem])
    assert await Reader(redis).problems() == [problem]
