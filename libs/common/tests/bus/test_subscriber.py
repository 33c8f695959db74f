from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from redis.asyncio import Redis

from microgateway_cli.redis_server import RedisServer
from microgateway_common import wire
from microgateway_common.bus import keys, subscriber
from microgateway_common.bus.connection import UNAVAILABLE, connect
from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    Assignment,
    NoConfiguration,
    NothingRejected,
    Unassigned,
)
from microgateway_common.bus.publisher import Publisher
from microgateway_common.bus.reader import Reader
from microgateway_common.bus.subscriber import Subscriber
from microgateway_common.names import Digest, GatewayKey, Generation, PodUid, gateway_key, pod_key
from microgateway_common.settings import RedisUrl

KEY = gateway_key("shop", "webshop")
OTHER = gateway_key("shop", "other")
POD = pod_key("shop", "webshop-1")


class Engine:
    """A listener that keeps the newest generation; the wire bytes of a test are its digits."""

    def __init__(self) -> None:
        self.assignment: Assignment = Unassigned("not yet")
        self.newest: dict[GatewayKey, int] = {}
        self.unreadable: list[str] = []
        self.connections = 0
        self.disconnects: list[str] = []

    def connected(self) -> None:
        self.connections += 1

    def disconnected(self, reason: str) -> None:
        self.disconnects.append(reason)

    def assigned(self, data: bytes) -> GatewayKey | None:
        try:
            self.assignment = wire.read_assignment(data).assignment
        except wire.WireError as error:
            self.unreadable.append(str(error))
        return self.assignment.gateway if isinstance(self.assignment, Assigned) else None

    def offered(self, gateway: GatewayKey, data: bytes) -> None:
        self.newest[gateway] = max(int(data), self.newest.get(gateway, 0))

    def is_at(self, generation: int) -> bool:
        return self.newest == {KEY: generation}

    def acknowledgement(self) -> Acknowledgement:
        serving = self.newest.get(KEY)
        return Acknowledgement(
            POD,
            "5f0c7d6a",
            "0.1.0",
            self.assignment,
            Applied(Generation(serving), Digest("sha256:00")) if serving else NoConfiguration(),
            NothingRejected(),
            time.time(),
        )


def said(assignment: Assignment) -> bytes:
    statement = wire.Statement(POD, PodUid(""), Generation(1), assignment)
    return wire.pack_assignment(statement, wire.LeaveUnsigned())


@asynccontextmanager
async def listening(redis: Redis, engine: Engine) -> AsyncIterator[Subscriber]:
    followed = Subscriber(redis, POD, engine)
    task = asyncio.create_task(followed.run())
    yield followed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def served(reader: Reader) -> Applied | NoConfiguration:
    [acknowledgement] = await reader.acknowledgements()
    return acknowledgement.serving


async def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.005)


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def test_what_was_published_before_is_read_and_what_comes_after_is_heard(redis: Redis) -> None:
    publisher, engine = await Publisher.claim(redis), Engine()
    await publisher.assign(POD, said(Assigned(KEY)))
    await publisher.bundle(KEY, Generation(1), b"1")
    async with listening(redis, engine):
        await eventually(lambda: engine.newest == {KEY: 1})
        await publisher.bundle(KEY, Generation(2), b"2")
        await eventually(lambda: engine.newest == {KEY: 2})
    assert (engine.connections, engine.disconnects) == (1, [])


async def test_a_new_assignment_ends_the_old_gateways_news(redis: Redis) -> None:
    publisher, engine = await Publisher.claim(redis), Engine()
    await publisher.bundle(OTHER, Generation(7), b"7")
    async with listening(redis, engine):
        await publisher.assign(POD, said(Assigned(KEY)))
        await publisher.bundle(KEY, Generation(1), b"1")
        await eventually(lambda: engine.newest == {KEY: 1})
        await publisher.assign(POD, said(Assigned(OTHER)))
        await eventually(lambda: engine.newest == {KEY: 1, OTHER: 7})
        await publisher.bundle(KEY, Generation(2), b"2")
        await publisher.bundle(OTHER, Generation(8), b"8")
        await eventually(lambda: engine.newest[OTHER] == 8)
        await publisher.assign(POD, said(Unassigned("gone")))
        await eventually(lambda: engine.assignment == Unassigned("gone"))
    assert engine.newest == {KEY: 1, OTHER: 8}


async def test_an_unreadable_assignment_leaves_the_one_before(redis: Redis) -> None:
    publisher, engine = await Publisher.claim(redis), Engine()
    await publisher.assign(POD, said(Assigned(KEY)))
    async with listening(redis, engine):
        await eventually(lambda: engine.assignment == Assigned(KEY))
        for nonsense in (b"{}", b'{"type":"assigned","gateway":"\xff"}', b"[" * 100_000):
            await redis.publish(keys.assignment(POD), nonsense)
        await eventually(lambda: len(engine.unreadable) == 3)
        await publisher.bundle(KEY, Generation(1), b"1")
        await eventually(lambda: engine.newest == {KEY: 1})
    assert engine.disconnects == []


async def test_sessions_that_start_while_a_publisher_writes_miss_nothing(redis: Redis) -> None:
    publisher = await Publisher.claim(redis)
    await publisher.assign(POD, said(Assigned(KEY)))
    generation = 0
    for _ in range(20):
        engine = Engine()
        async with listening(redis, engine):
            for _ in range(30):
                generation += 1
                await publisher.bundle(KEY, Generation(generation), str(generation).encode())
            await eventually(partial(engine.is_at, generation))


async def test_no_update_is_lost_when_redis_restarts_while_a_publisher_writes(
    redis_server: RedisServer,
) -> None:
    redis, engine = connect(redis_server.url), Engine()
    publisher = await Publisher.claim(redis)
    generation = 0

    async def publish(restarted: asyncio.Event) -> None:
        """As the reconciler does: after a failure, everything once more."""
        nonlocal generation
        last = False
        while not last:
            last = restarted.is_set()
            try:
                await publisher.assign(POD, said(Assigned(KEY)))
                await publisher.bundle(KEY, Generation(generation + 1), str(generation + 1).encode())
                generation += 1
            except UNAVAILABLE:
                last = False
                await asyncio.sleep(0.01)

    async with listening(redis, engine):
        for _ in range(2):
            heard, restarted = engine.newest.get(KEY, 0), asyncio.Event()
            publishing = asyncio.create_task(publish(restarted))
            await eventually(lambda heard=heard: engine.newest.get(KEY, 0) > heard)  # type: ignore[misc]
            await asyncio.to_thread(redis_server.stop)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(redis_server.start)
            restarted.set()
            await publishing
            await eventually(lambda: engine.newest == {KEY: generation})
    assert engine.connections >= 3
    assert len(engine.disconnects) >= 2
    await redis.aclose()


async def test_a_lost_message_is_made_up_for_by_anti_entropy(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "ANTI_ENTROPY", 0.05)
    publisher, engine = await Publisher.claim(redis), Engine()
    await publisher.assign(POD, said(Assigned(KEY)))
    async with listening(redis, engine):
        await eventually(lambda: engine.assignment == Assigned(KEY))
        await redis.hset(keys.bundle(KEY), mapping={"generation": 1, "data": b"1"})
        await eventually(lambda: engine.newest == {KEY: 1})


async def test_an_engine_that_redis_refuses_is_not_connected_and_backs_off(redis_server: RedisServer) -> None:
    admin = connect(redis_server.url)
    await admin.execute_command(  # type: ignore[no-untyped-call]
        *("ACL", "SETUSER", "engine", "on", ">pw", "+@all", "~*", "resetchannels")
    )
    redis = connect(RedisUrl(redis_server.url.replace("redis://", "redis://engine:pw@")))
    engine = Engine()
    async with listening(redis, engine):
        await eventually(lambda: len(engine.disconnects) >= 2)
        await asyncio.sleep(0.5)
    assert engine.connections == 0
    assert len(engine.disconnects) < 10
    assert all("NoPermissionError" in reason for reason in engine.disconnects)
    await redis.aclose()
    await admin.aclose()


async def test_an_acknowledgement_is_sent_on_news(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "RENEWAL", 60)
    reader, engine = Reader(redis), Engine()
    async with listening(redis, engine) as followed, asyncio.timeout(10):
        while await reader.engine(POD) is None:  # noqa: ASYNC110 - Redis is what changes
            await asyncio.sleep(0.01)
        engine.newest[KEY] = 5
        followed.acknowledge()
        while await served(reader) == NoConfiguration():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        assert await served(reader) == Applied(Generation(5), Digest("sha256:00"))


async def test_acknowledgements_are_renewed_and_expire(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "RENEWAL", 0.1)
    monkeypatch.setattr(subscriber, "EXPIRY", 1)
    reader, sent = Reader(redis), set[float]()
    async with listening(redis, Engine()), asyncio.timeout(10):
        while len(sent) < 4:
            sent |= {each.sent_at for each in await reader.acknowledgements()}
            await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        while await reader.acknowledgements():  # noqa: ASYNC110 - Redis is what changes
            await asyncio.sleep(0.01)
