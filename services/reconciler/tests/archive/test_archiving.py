"""The chronicle meets a real Redis, after the publication."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from microgateway_cli.redis_server import RedisServer
from microgateway_common.bus import keys
from microgateway_common.bus.connection import UNAVAILABLE, connect
from microgateway_common.bus.publisher import Publisher
from microgateway_common.bus.reader import Reader
from microgateway_common.history import Change, History, InFile
from microgateway_common.mirror import Manifest
from microgateway_common.names import Namespace, gateway_key
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.archive import archiving
from microgateway_reconciler.archive.archiving import Archiving
from microgateway_reconciler.metrics import Metrics
from microgateway_reconciler.publication import Publication, SupersededError
from microgateway_reconciler.trust.keeper import Given, Unsigned

from ..conftest import Clock, Desk  # noqa: TID252 - of these tests

SHOP, OTHER = gateway_key("shop", "shop"), gateway_key("shop", "other")


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def publishing(desk: Desk, url: RedisUrl) -> AsyncIterator[Publication]:
    archive = Archiving(desk.chronicle, desk.ledger)
    publication = Publication(Unsigned(Given(url)), desk.ledger, Metrics("test"), archive=archive)
    task = asyncio.create_task(publication.run())
    try:
        yield publication
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, SupersededError):
            await task


async def eventually(look: Callable[[], Awaitable[object]], what: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(*UNAVAILABLE):
                if await look():
                    return
            await asyncio.sleep(0.01)
    raise AssertionError(what)


async def await_entries(redis: Redis, count: int, gateway: str = "shop") -> History:
    reader, key = Reader(redis), gateway_key("shop", gateway)

    async def are_there() -> bool:
        return len((await reader.history(key)).entries) == count

    await eventually(are_there, f"{count} entries of {gateway}")
    return await reader.history(key)


async def save(desk: Desk, publication: Publication, port: int) -> None:
    desk.clock.milliseconds += 1000
    desk.save("shop", port)
    publication.changed()


async def test_what_is_published_is_recorded_with_what_changed(
    desk: Desk, redis: Redis, redis_url: RedisUrl
) -> None:
    desk.save("shop")
    async with publishing(desk, redis_url) as publication:
        (begun,) = (await await_entries(redis, 1)).entries
        assert (begun.since, begun.changes) == (0, ())
        await save(desk, publication, 81)
        newest, before = (await await_entries(redis, 2)).entries
    stored = await redis.hget(keys.bundle(SHOP), "generation")
    assert (newest.generation, newest.since, before) == (int(stored or 0), begun.generation, begun)
    (change,) = newest.changes
    assert (change.change, change.object.writer) == (Change.CHANGED, InFile("shop.yaml"))
    reader = Reader(redis)
    ports = [
        (await reader.past_configuration(SHOP, each.generation))["applications"][0]["port"]
        for each in (newest, before)
    ]
    assert ports == [81, 8080]


async def test_what_changes_nothing_is_no_entry(desk: Desk, redis: Redis, redis_url: RedisUrl) -> None:
    desk.save("shop")
    async with publishing(desk, redis_url) as publication:
        await await_entries(redis, 1)
        desk.write("shop.yaml", f"# a comment\n{GATEWAY_TEXT}")
        publication.changed()
        desk.save("other")
        publication.changed()
        await await_entries(redis, 1, "other")
        assert len((await Reader(redis).history(SHOP)).entries) == 1


GATEWAY_TEXT = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: SidecarGateway
metadata: {name: shop, namespace: shop}
spec: {podSelector: {matchLabels: {app: shop}}, applications: [{containerPort: 8080}]}
"""


async def test_a_new_process_goes_on_with_the_history_it_finds(
    clock: Clock, redis: Redis, redis_url: RedisUrl
) -> None:
    first = Desk(clock)
    first.save("shop")
    async with publishing(first, redis_url) as publication:
        await await_entries(redis, 1)
        await save(first, publication, 81)
        before = await await_entries(redis, 2)
    second = Desk(clock)
    second.save("shop", 81)
    async with publishing(second, redis_url) as publication:
        await save(second, publication, 82)
        newest, *others = (await await_entries(redis, 3)).entries
    assert tuple(others) == before.entries
    assert [each.object.ref.kind for each in newest.changes] == ["SidecarGateway"]


async def test_what_was_published_and_not_recorded_is_recorded_later(
    desk: Desk, redis: Redis, redis_url: RedisUrl
) -> None:
    """By a process that ended in between, or knew no histories."""
    desk.save("shop")
    bundle = desk.ledger.next_bundle(SHOP, 0)  # type: ignore[arg-type]
    assert bundle is not None
    await (await Publisher.claim(redis)).bundle(SHOP, *bundle)
    async with publishing(desk, redis_url):
        (entry,) = (await await_entries(redis, 1)).entries
    assert entry.generation == bundle.generation


async def test_objects_are_mirrored_and_go_with_their_files(
    desk: Desk, redis: Redis, redis_url: RedisUrl
) -> None:
    reader = Reader(redis)
    await redis.set("mgw:shop:source:Limits/gone", b"{}")
    await redis.set("mgw:shop:history:gone", b"{}")
    await redis.set("mgw:shop:history:gone:17", b"{}")
    desk.save("shop")
    async with publishing(desk, redis_url) as publication:

        async def port_is(port: int) -> bool:
            match await redis.get("mgw:shop:source:Limits/gone") or await reader.sources(Namespace("shop")):
                case [Manifest(raw={"spec": {"applications": [{"containerPort": found}]}})]:
                    return bool(found == port)
            return False

        await eventually(lambda: port_is(8080), "the mirror of the gateway alone")
        assert not await redis.exists("mgw:shop:history:gone", "mgw:shop:history:gone:17")
        await save(desk, publication, 81)
        await eventually(lambda: port_is(81), "the changed gateway")
        desk.remove("shop")
        publication.changed()

        async def is_gone() -> bool:
            return await reader.sources(Namespace("shop")) == []

        await eventually(is_gone, "an empty mirror")


async def test_a_history_goes_with_its_gateway(
    desk: Desk, redis: Redis, redis_url: RedisUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "ANTI_ENTROPY", 0.2)
    desk.save("shop")
    desk.save("other")
    async with publishing(desk, redis_url) as publication:
        await await_entries(redis, 1)
        desk.remove("shop")
        publication.changed()

        async def is_gone() -> bool:
            return await redis.keys("mgw:shop:history:shop*") == []

        await eventually(is_gone, "no history")
        assert len((await Reader(redis).history(OTHER)).entries) == 1


async def test_a_redis_that_comes_back_empty_gets_the_history_again(desk: Desk) -> None:
    with RedisServer() as server:
        redis = connect(server.url)
        desk.save("shop")
        async with publishing(desk, server.url) as publication:
            await await_entries(redis, 1)
            await save(desk, publication, 81)
            before = await await_entries(redis, 2)
            server.stop()
            server.start()
            await eventually(redis.ping, "redis")
            assert await await_entries(redis, 2) == before
            for each in before.entries:
                assert await Reader(redis).past_configuration(SHOP, each.generation) is not None
            await eventually(lambda: redis.exists("mgw:shop:source:SidecarGateway/shop"), "the mirror")
        await redis.aclose()


async def test_what_somebody_else_put_there_is_replaced(
    desk: Desk, redis: Redis, redis_url: RedisUrl
) -> None:
    await redis.hset(keys.history(SHOP), "no", "string")
    await redis.set(f"{keys.history(SHOP)}:17", b"left over")
    desk.save("shop")
    async with publishing(desk, redis_url):

        async def is_ours() -> bool:
            return await redis.type(keys.history(SHOP)) == b"string"

        await eventually(is_ours, "a history of ours")
        assert not await redis.exists(f"{keys.history(SHOP)}:17")


WITHOUT_HISTORIES = ("*:bundle:*", "*:status:*", "*:assignment:*", "term", "problems")


async def limit(redis: Redis, *rules: str) -> None:
    """What everybody may do."""
    await redis.execute_command("ACL", "SETUSER", "default", *rules)  # type: ignore[no-untyped-call]


async def test_a_redis_that_refuses_histories_hinders_no_publication(
    desk: Desk, redis: Redis, redis_url: RedisUrl
) -> None:
    """As one that is installed with rights of an earlier version, or is full."""
    await limit(redis, "resetkeys", "%R~mgw:*", *(f"~mgw:{each}" for each in WITHOUT_HISTORIES))
    try:
        desk.save("shop")
        async with publishing(desk, redis_url) as publication:
            await eventually(lambda: redis.exists(keys.bundle(SHOP)), "the bundle")
            before = await redis.hget(keys.bundle(SHOP), "generation")
            await save(desk, publication, 81)

            async def is_newer() -> bool:
                return await redis.hget(keys.bundle(SHOP), "generation") != before

            await eventually(is_newer, "the next bundle")
            assert not await redis.exists(keys.history(SHOP))
            await limit(redis, "~*")
            newest = (await await_entries(redis, 2)).entries[0]
            assert newest.since > 0
    finally:
        await limit(redis, "~*")


async def test_a_newer_leader_ends_it(desk: Desk, redis: Redis, redis_url: RedisUrl) -> None:
    desk.save("shop")
    archive = Archiving(desk.chronicle, desk.ledger)
    publisher = await Publisher.claim(redis)
    await Publisher.claim(redis)
    idle = asyncio.Event()
    idle.set()
    with pytest.raises(SupersededError):
        await asyncio.wait_for(archive.run(redis, publisher, idle), 10)


async def test_what_is_to_be_published_goes_first(desk: Desk, redis: Redis) -> None:
    for number in range(20):
        desk.save(f"n{number}")
    archive = Archiving(desk.chronicle, desk.ledger)
    publisher, idle = await Publisher.claim(redis), asyncio.Event()
    task = asyncio.create_task(archive.run(redis, publisher, idle))
    idle.set()
    await eventually(lambda: redis.exists("mgw:shop:source:SidecarGateway/n0"), "the mirror")
    idle.clear()
    for number in range(20):
        gateway = gateway_key("shop", f"n{number}")
        bundle = desk.ledger.next_bundle(gateway, 0)  # type: ignore[arg-type]
        assert bundle is not None
        archive.prepare(gateway, bundle)()
    await asyncio.sleep(archiving.AFTERWARDS * 3)
    assert await redis.keys("mgw:shop:history:*") == []
    idle.set()
    await await_entries(redis, 1, "n19")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
