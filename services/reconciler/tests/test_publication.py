"""The ledger meets a real Redis, which forgets, goes away and has another master."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from microgateway_cli.redis_server import RedisServer
from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.connection import UNAVAILABLE, connect, raw
from microgateway_common.bus.messages import Acknowledgement, Applied, Assigned, NothingRejected, encode
from microgateway_common.bus.publisher import Publisher
from microgateway_common.names import GatewayKey, gateway_key, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_common.status import Phase, Published
from microgateway_reconciler.archive.archiving import Archiving
from microgateway_reconciler.metrics import Metrics
from microgateway_reconciler.publication import Publication, SupersededError
from microgateway_reconciler.trust.keeper import Given, Unsigned

from .conftest import Clock, Desk

SHOP, POD = gateway_key("shop", "shop"), pod_key("shop", "shop-0")


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


def access_of(redis: Redis) -> Unsigned:
    return Unsigned(Given(RedisUrl(f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0")))


@contextlib.asynccontextmanager
async def publishing(desk: Desk, redis: Redis) -> AsyncIterator[Publication]:
    publication = Publication(access_of(redis), desk.ledger, Metrics("test"))
    task = asyncio.create_task(publication.run())
    try:
        yield publication
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, SupersededError):
            await task


async def eventually(look: Callable[[], object], what: str) -> None:
    for _ in range(1000):
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited in vain: {what}")


async def stored_digest(redis: Redis, gateway: GatewayKey = SHOP) -> str | None:
    data = await redis.hget(keys.bundle(gateway), "data")
    return None if data is None else wire.peek(raw(data)).digest


def is_published(desk: Desk) -> bool:
    entry = desk.ledger.entries[SHOP]
    return isinstance(entry.published, Published)


async def test_what_there_is_is_written_and_what_changes_follows(desk: Desk, redis: Redis) -> None:
    desk.save("shop")
    async with publishing(desk, redis) as publication:
        await eventually(lambda: redis.exists(keys.status(SHOP)), "the status")
        before = await stored_digest(redis)
        assert before is not None
        stored = wire.read_assignment(raw(await redis.get(keys.assignment(POD)) or b""))
        assert (stored.pod, stored.assignment) == (POD, Assigned(SHOP))
        desk.save("shop", port=8081)
        publication.changed()

        async def changed() -> bool:
            return await stored_digest(redis) != before

        await eventually(changed, "another digest")
        desk.remove("shop")
        publication.changed()

        async def gone() -> bool:
            return not await redis.exists(keys.bundle(SHOP), keys.status(SHOP), keys.assignment(POD))

        await eventually(gone, "no keys")


async def test_keys_of_gateways_that_went_meanwhile_are_removed(desk: Desk, redis: Redis) -> None:
    await redis.hset("mgw:shop:bundle:old", mapping={"generation": 1, "data": b"x"})
    await redis.set("mgw:shop:assignment:old-0", b"{}")
    desk.save("shop")
    async with publishing(desk, redis):
        await eventually(lambda: redis.exists(keys.status(SHOP)), "the status")

        async def gone() -> bool:
            return not await redis.exists("mgw:shop:bundle:old", "mgw:shop:assignment:old-0")

        await eventually(gone, "the old keys to be gone")


async def test_an_acknowledgement_reaches_the_status(desk: Desk, redis: Redis) -> None:
    desk.save("shop")
    async with publishing(desk, redis):
        await eventually(lambda: is_published(desk), "the bundle")
        published = desk.ledger.entries[SHOP].published
        assert isinstance(published, Published)
        said = Acknowledgement(
            POD, "i", "1", Assigned(SHOP), Applied(published.generation, published.digest),
            NothingRejected(), 0.0,
        )  # fmt: skip

        async def active() -> bool:
            # Until it listens, what is said on the channel is lost; an engine repeats itself as well.
            await redis.publish(keys.acknowledgements(POD.partition("/")[0]), "garbage")  # type: ignore[arg-type]
            await redis.publish(keys.acknowledgements(POD.partition("/")[0]), encode(said))  # type: ignore[arg-type]
            status = await redis.get(keys.status(SHOP))
            return f'"phase":"{Phase.ACTIVE}"'.encode() in raw(status or b"")

        await eventually(active, "the gateway to be active")


async def test_it_ends_whenever_it_is_cancelled(clock: Clock, redis: Redis) -> None:
    for turns in range(100):
        desk = Desk(clock)
        desk.save("shop")
        archive = Archiving(desk.chronicle, desk.ledger)
        publication = Publication(access_of(redis), desk.ledger, Metrics("test"), archive=archive)
        task = asyncio.create_task(publication.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=10)
        assert done, f"it goes on, cancelled after {turns} turns of the event loop"
        assert task.cancelled()


async def test_redis_comes_back_empty(desk: Desk) -> None:
    with RedisServer() as server:
        redis = connect(server.url)
        desk.save("shop")
        async with publishing(desk, redis) as publication:
            await eventually(lambda: redis.exists(keys.status(SHOP)), "the status")
            before = await stored_digest(redis)
            generation = await redis.hget(keys.bundle(SHOP), "generation")
            server.stop()
            await asyncio.sleep(0.1)
            desk.save("other")
            publication.changed()
            server.start()
            other = gateway_key("shop", "other")

            async def both() -> bool:
                try:
                    return bool(await stored_digest(redis, other)) and await stored_digest(redis) == before
                except UNAVAILABLE:
                    return False  # this client reconnects as well

            await eventually(both, "both gateways in the empty Redis")
            assert await redis.hget(keys.bundle(SHOP), "generation") == generation
        await redis.aclose()


async def test_a_newer_leader_ends_this_one(desk: Desk, redis: Redis) -> None:
    desk.save("shop")
    publication = Publication(access_of(redis), desk.ledger, Metrics("test"))
    task = asyncio.create_task(publication.run())
    await eventually(lambda: redis.exists(keys.status(SHOP)), "the status")
    newer = await Publisher.claim(redis)
    desk.save("shop", port=8081)
    publication.changed()
    with pytest.raises(SupersededError, match=str(newer.term)):
        await asyncio.wait_for(task, 30)


async def test_a_bundle_that_somebody_else_published_later_is_superseded(clock: Clock, redis: Redis) -> None:
    """A former leader whose clock ran ahead."""
    ahead = Desk(Clock())
    ahead.clock.milliseconds = clock.milliseconds + 60_000
    ahead.save("shop", port=9999)
    bundle = ahead.ledger.next_bundle(SHOP, 0)  # type: ignore[arg-type]
    assert bundle is not None
    await (await Publisher.claim(redis)).bundle(SHOP, *bundle)

    desk = Desk(clock)
    desk.save("shop")
    async with publishing(desk, redis):

        async def ours() -> bool:
            stored = await redis.hget(keys.bundle(SHOP), "generation")
            return int(stored or 0) > bundle.generation

        await eventually(ours, "our configuration under a newer generation")


async def test_one_that_does_not_lead_takes_no_term(desk: Desk, redis: Redis) -> None:
    desk.save("shop")
    leads = False
    publication = Publication(access_of(redis), desk.ledger, Metrics("test"), may_claim=lambda: leads)
    task = asyncio.create_task(publication.run())
    await asyncio.sleep(0.2)
    assert not await redis.exists(keys.TERM, keys.bundle(SHOP))
    assert not publication.synchronised.is_set()

    leads = True
    await asyncio.wait_for(publication.synchronised.wait(), 10)
    assert await redis.exists(keys.TERM, keys.bundle(SHOP)) == 2
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_those_who_ask_are_told_of_gateways_whose_status_may_differ(desk: Desk, redis: Redis) -> None:
    desk.save("shop")
    told: list[GatewayKey] = []
    publication = Publication(access_of(redis), desk.ledger, Metrics("test"), told=told.extend)
    task = asyncio.create_task(publication.run())
    await eventually(lambda: SHOP in told, "the gateway")
    assert is_published(desk)
    told.clear()
    desk.save("other")
    publication.changed()
    await eventually(lambda: told == ["shop/other"], "the other gateway alone")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
