from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.connection import UNAVAILABLE, connect
from microgateway_common.bus.messages import (
    Acknowledgement,
    Assigned,
    NoConfiguration,
    NothingRejected,
    encode,
)
from microgateway_common.bus.publisher import Publisher
from microgateway_common.bus.reader import Reader, UnreadableAcknowledgement
from microgateway_common.names import GatewayKey, Generation, PodKey, PodUid, gateway_key, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_common.status import GatewayStatus, NeverPublished, Phase


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


def status(gateway: GatewayKey) -> GatewayStatus:
    return GatewayStatus(gateway, Phase.ERROR, 1, NeverPublished(), False, (), (), (), (), ())


def acknowledgement(pod: PodKey) -> Acknowledgement:
    assigned = Assigned(gateway_key("shop", "webshop"))
    return Acknowledgement(pod, "i", "0.1.0", assigned, NoConfiguration(), NothingRejected(), 1.0)


async def test_an_empty_redis_holds_nothing(redis: Redis) -> None:
    reader = Reader(redis)
    await reader.ping()
    assert await reader.gateways() == []
    assert await reader.gateway("shop", "webshop") is None
    assert await reader.bundle(gateway_key("shop", "webshop")) is None
    assert await reader.engines() == []
    assert await reader.engine(pod_key("shop", "w-1")) is None
    assert await reader.assignment(pod_key("shop", "w-1")) is None
    assert await reader.problems() == []


async def test_gateways_come_by_key(redis: Redis) -> None:
    publisher, reader = await Publisher.claim(redis), Reader(redis)
    written = [status(gateway_key("shop", f"g{number:03}")) for number in range(50)]
    for each in reversed(written):
        await publisher.status(each)
    assert await reader.gateways() == written
    assert await reader.gateway("shop", "g007") == written[7]


async def test_bundles_and_assignments_are_read_as_written(redis: Redis) -> None:
    publisher, reader = await Publisher.claim(redis), Reader(redis)
    key, pod = gateway_key("shop", "webshop"), pod_key("shop", "w-1")
    await publisher.bundle(key, Generation(1), b"\x00bytes")
    statement = wire.Statement(pod, PodUid("1"), Generation(1), Assigned(key))
    await publisher.assign(pod, wire.pack_assignment(statement, wire.LeaveUnsigned()))
    assert await reader.bundle(key) == b"\x00bytes"
    assert await reader.assignment(pod) == Assigned(key)
    await publisher.assign(pod, b"{}")
    with pytest.raises(msgspec.MsgspecError):
        await reader.assignment(pod)


async def test_a_bad_acknowledgement_stands_for_itself_alone(redis: Redis) -> None:
    good, bad, liar = (pod_key("shop", name) for name in ("good", "bad", "liar"))
    await redis.set(keys.acknowledgement(good), encode(acknowledgement(good)))
    await redis.set(keys.acknowledgement(bad), b"\xff")
    await redis.set(keys.acknowledgement(liar), encode(acknowledgement(good)))
    heard = await Reader(redis).engines()
    assert [each.pod for each in heard] == [bad, good, liar]
    assert heard[1] == acknowledgement(good)
    assert heard[2] == UnreadableAcknowledgement(liar, "expected one of pod shop/liar, got shop/good")
    assert isinstance(heard[0], UnreadableAcknowledgement)
    assert await Reader(redis).acknowledgements() == [acknowledgement(good)]
    assert await Reader(redis).engine(liar) == heard[2]


async def test_an_unreadable_status_is_an_error(redis: Redis) -> None:
    await redis.set(keys.status(gateway_key("shop", "webshop")), b"{}")
    with pytest.raises(msgspec.MsgspecError):
        await Reader(redis).gateways()


async def test_without_redis_every_read_says_so() -> None:
    redis = connect(RedisUrl("redis://127.0.0.1:1/0"))
    with pytest.raises(UNAVAILABLE):
        await Reader(redis).gateways()
    await redis.aclose()
