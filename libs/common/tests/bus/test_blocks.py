"""Recent blocks in a real Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from microgateway_common.blocks import BlockEvent, Mode, ResourceLine, ThreatLine, encode_event
from microgateway_common.bus import blocks as module
from microgateway_common.bus import keys
from microgateway_common.bus.blocks import BlockKeeper, Blocks
from microgateway_common.bus.connection import connect
from microgateway_common.bus.publisher import Fenced, Publisher, Written
from microgateway_common.names import GatewayKey, Generation, Namespace, Term, gateway_key, pod_key
from microgateway_common.settings import RedisUrl

WEB, API = gateway_key("shop", "web"), gateway_key("shop", "api")
THREAT = ThreatLine("deny_rules", "XSS", "Block", ResourceLine("DenyRules"))


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def keeper(redis: Redis) -> BlockKeeper:
    return BlockKeeper(redis, (await Publisher.claim(redis)).term)


def block(request_id: str, gateway: GatewayKey = WEB, path: str = "/") -> tuple[str, bytes]:
    event = BlockEvent(
        request_id, 1.0, pod_key("shop", "web-0"), gateway, Generation(7), 8080, "192.0.2.7", "GET", "shop",
        path, Mode.BLOCK, (THREAT,),
    )  # fmt: skip
    return request_id, encode_event(event)


async def ids(redis: Redis, *gateways: GatewayKey, number: int = 100) -> list[str]:
    return [each.event.request_id for each in await Blocks(redis).newest(gateways, number)]


async def test_the_newest_come_first_whatever_their_gateway(redis: Redis, keeper: BlockKeeper) -> None:
    for number in range(10):
        gateway = WEB if number % 2 else API
        assert await keeper.keep(gateway, [block(f"r{number}", gateway)]) == Written()
    assert await Blocks(redis).gateways() == [API, WEB]
    assert await ids(redis, API, WEB) == [f"r{number}" for number in reversed(range(10))]
    assert await ids(redis, API, WEB, number=3) == ["r9", "r8", "r7"]
    assert await ids(redis, WEB) == ["r9", "r7", "r5", "r3", "r1"]


async def test_pages_and_followers_miss_nothing_and_see_nothing_twice(
    redis: Redis, keeper: BlockKeeper
) -> None:
    for gateway in (WEB, API):
        await keeper.keep(gateway, [block(f"{gateway}{number}", gateway) for number in range(10)])
    blocks = Blocks(redis)
    seen = []
    before = None
    while page := await blocks.newest([WEB, API], 3, before=before):
        seen += [each.event.request_id for each in page]
        before = page[-1].entry
    assert len(seen) == len(set(seen)) == 20
    newest = (await blocks.newest([WEB, API], 1))[0].entry
    assert await blocks.newest([WEB, API], 10, after=newest) == []
    await keeper.keep(WEB, [block("later")])
    assert [each.event.request_id for each in await blocks.newest([WEB, API], 10, after=newest)] == ["later"]


async def test_a_request_is_found_by_its_id(redis: Redis, keeper: BlockKeeper) -> None:
    await keeper.keep(WEB, [block("same", path="/first"), block("other")])
    await keeper.keep(API, [block("same", API, path="/second")])
    blocks = Blocks(redis)
    found = await blocks.find("same", [WEB, API])
    assert found is not None
    assert found.event.path == "/second"
    found = await blocks.find("same", [WEB])
    assert found is not None
    assert found.event.path == "/first"
    assert await blocks.find("nobody", [WEB, API]) is None
    assert await blocks.find("same", []) is None


async def test_they_are_bounded_in_number_and_the_index_with_them(redis: Redis, keeper: BlockKeeper) -> None:
    for number in range(50):
        await keeper.keep(WEB, [block(f"r{number}"), block("again")], 10)
    assert await redis.xlen(keys.blocks(WEB)) == 10
    assert await redis.hlen(keys.block_ids(WEB)) == 6
    assert await Blocks(redis).find("again", [WEB]) is not None
    assert await Blocks(redis).find("r1", [WEB]) is None


async def test_they_are_bounded_in_time(
    redis: Redis, keeper: BlockKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = int((time.time() - module.RETENTION - 60) * 1000)
    await redis.set(keys.LAST_BLOCK, f"{long_ago}-0")
    await redis.xadd(keys.blocks(WEB), {"request": "old", "data": block("old")[1]}, id=f"{long_ago}-1")
    await redis.hset(keys.block_ids(WEB), "old", f"{long_ago}-1")
    assert await ids(redis, WEB) == []
    await keeper.keep(WEB, [block("new")])
    assert await ids(redis, WEB) == ["new"]
    assert await redis.hkeys(keys.block_ids(WEB)) == [b"new"]
    for key in (keys.blocks(WEB), keys.block_ids(WEB)):
        assert 0 < await redis.ttl(key) <= module.RETENTION


async def test_since_leaves_out_what_came_before(redis: Redis, keeper: BlockKeeper) -> None:
    await keeper.keep(WEB, [block("r")])
    blocks = Blocks(redis)
    assert len(await blocks.newest([WEB], 10, since=time.time() - 60)) == 1
    assert await blocks.newest([WEB], 10, since=time.time() + 60) == []


async def test_a_clock_set_back_keeps_their_order(redis: Redis, keeper: BlockKeeper) -> None:
    ahead = int(time.time() * 1000) + 3_600_000
    await redis.set(keys.LAST_BLOCK, f"{ahead}-5")
    await keeper.keep(WEB, [block("r1"), block("r2")])
    assert [each.entry for each in await Blocks(redis).newest([WEB], 10)] == [f"{ahead}-7", f"{ahead}-6"]


async def test_an_older_leader_keeps_nothing(redis: Redis, keeper: BlockKeeper) -> None:
    newer = await Publisher.claim(redis)
    assert await keeper.keep(WEB, [block("r")]) == Fenced(Term(newer.term))
    assert await ids(redis, WEB) == []


async def test_what_is_unreadable_is_left_out(redis: Redis, keeper: BlockKeeper) -> None:
    await keeper.keep(WEB, [block("good"), ("bad", b"{")])
    assert await ids(redis, WEB) == ["good"]
    assert await Blocks(redis).find("bad", [WEB]) is None


async def test_a_namespace_has_its_own(redis: Redis, keeper: BlockKeeper) -> None:
    elsewhere = gateway_key("shop-2", "web")
    await keeper.keep(WEB, [block("r")])
    await keeper.keep(elsewhere, [block("s", elsewhere)])
    assert await Blocks(redis).gateways(Namespace("shop")) == [WEB]
