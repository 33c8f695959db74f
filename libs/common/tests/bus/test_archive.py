from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from microgateway_common.bus import keys
from microgateway_common.bus.archive import Archivist
from microgateway_common.bus.connection import connect
from microgateway_common.bus.publisher import Fenced, Publisher, Written
from microgateway_common.bus.reader import Reader
from microgateway_common.history import History, encode_configuration, grown
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.mirror import Invalid, Manifest
from microgateway_common.names import Digest, Generation, Namespace, gateway_key
from microgateway_common.problems import ObjectRef
from microgateway_common.settings import RedisUrl

KEY = gateway_key("shop", "web")
CONFIG = encode_configuration(GatewayConfig(KEY, ResourceOrigin("SidecarGateway", "shop", "web", 1), {}, ()))
LIMITS = ObjectRef("Limits", "shop", "strict")


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def archivist(redis: Redis) -> Archivist:
    return Archivist(redis, await Publisher.claim(redis))


def history(*generations: int) -> History:
    found = History()
    for each in generations:
        found = grown(found, Generation(each), Digest(f"sha256:{each}"), (), "1", len(CONFIG))
    return found


async def test_a_recorded_entry_is_read_with_its_configuration(archivist: Archivist, redis: Redis) -> None:
    assert await archivist.history(KEY) == History()
    assert await archivist.record(KEY, history(1), CONFIG, ()) == Written()
    reader = Reader(redis)
    assert await reader.history(KEY) == await archivist.history(KEY) == history(1)
    assert (await reader.past_configuration(KEY, Generation(1)))["gateway"] == "shop/web"
    assert await reader.past_configuration(KEY, Generation(2)) is None


async def test_configurations_of_dropped_entries_go_with_them(archivist: Archivist, redis: Redis) -> None:
    await archivist.record(KEY, history(1), CONFIG, ())
    await archivist.record(KEY, history(2), CONFIG, [Generation(1)])
    past = keys.past_configuration(KEY, Generation(2))
    assert await archivist.stored_keys() == {keys.history(KEY), past}


async def test_an_entry_too_large_to_keep_is_recorded_without(archivist: Archivist, redis: Redis) -> None:
    await archivist.record(KEY, history(1), b"", ())
    assert await archivist.stored_keys() == {keys.history(KEY)}


async def test_those_who_follow_the_gateway_are_told(archivist: Archivist, redis: Redis) -> None:
    await redis.set(keys.status(KEY), "a status")
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.psubscribe(keys.ALL_STATUSES)
        await pubsub.get_message(timeout=30)
        await archivist.record(KEY, history(1), CONFIG, ())
        while (message := await pubsub.get_message(timeout=1)) is None:
            pass
    assert message["data"] == b"a status"


async def test_objects_are_mirrored_by_namespace(archivist: Archivist, redis: Redis) -> None:
    elsewhere = Invalid(ObjectRef("Limits", "shop-2", "strict"), 1)
    many = [Manifest(ObjectRef("Limits", "shop", f"n{each}"), {"a": each}) for each in range(250)]
    assert await archivist.mirror([*many, elsewhere]) == Written()
    reader = Reader(redis)
    assert sorted(each.ref for each in await reader.sources(Namespace("shop"))) == sorted(
        each.ref for each in many
    )
    assert await reader.sources(Namespace("shop-2")) == [elsewhere]
    await archivist.remove([keys.source(elsewhere.ref)])
    assert await reader.sources(Namespace("shop-2")) == []


async def test_a_lost_history_returns(archivist: Archivist, redis: Redis) -> None:
    await archivist.restore(KEY, history(1, 2), {Generation(2): CONFIG})
    assert await Reader(redis).history(KEY) == history(1, 2)
    assert await Reader(redis).past_configuration(KEY, Generation(1)) is None
    assert await Reader(redis).past_configuration(KEY, Generation(2)) is not None


async def test_an_older_leader_is_fenced_from_all_of_it(archivist: Archivist, redis: Redis) -> None:
    fenced = Fenced((await Publisher.claim(redis)).term)
    assert await archivist.record(KEY, history(1), CONFIG, ()) == fenced
    assert await archivist.restore(KEY, history(1), {}) == fenced
    assert await archivist.mirror([Invalid(LIMITS, 1)]) == fenced
    assert await archivist.remove([keys.history(KEY)]) == fenced
    assert await archivist.stored_keys() == set()


async def test_what_somebody_else_put_there_is_replaced(archivist: Archivist, redis: Redis) -> None:
    for put in (redis.set(keys.history(KEY), "[1"), redis.hset(keys.history(KEY), "no", "string")):
        await redis.delete(keys.history(KEY))
        await put
        with pytest.raises(msgspec.MsgspecError):
            await archivist.history(KEY)
    assert await archivist.record(KEY, history(1), CONFIG, ()) == Written()
    assert await archivist.history(KEY) == history(1)
