"""What each user of Redis may do, on a real Redis: exactly what its process needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from microgateway_common.bus import keys
from microgateway_common.bus.connection import RedisAccess, connect
from microgateway_common.names import Generation, Namespace, gateway_key, pod_key
from microgateway_common.problems import ObjectRef
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.trust import users

SHOP, BILLING = Namespace("shop"), Namespace("billing")
PASSWORDS = {SHOP: (b"shop-now", b"shop-next"), BILLING: (b"billing",)}


@pytest.fixture
async def admin(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await users.set_users(client, PASSWORDS)
    yield client
    await users.remove_other_users(client, ())
    await client.aclose()


@pytest.fixture
async def engine(admin: Redis, redis_url: RedisUrl) -> AsyncIterator[Redis]:
    """As engines of the shop connect."""
    client = connect(RedisAccess(redis_url, users.namespace_user(SHOP), "shop-now"))
    yield client
    await client.aclose()


async def is_allowed(redis: Redis, *command: str | bytes) -> bool:
    try:
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]
    except NoPermissionError:
        return False
    return True


def bundle(namespace: str) -> str:
    return keys.bundle(gateway_key(namespace, "web"))


def assignment(namespace: str) -> str:
    return keys.assignment(pod_key(namespace, "web-0"))


def acknowledgement(namespace: str) -> str:
    return keys.acknowledgement(pod_key(namespace, "web-0"))


HISTORY = keys.history(gateway_key("shop", "web"))
PAST = keys.past_configuration(gateway_key("shop", "web"), Generation(1))
SOURCE = keys.source(ObjectRef("HeaderRewrites", "shop", "web"))

ALLOWED = [
    ("HGET", bundle("shop"), "data"),
    ("GET", assignment("shop")),
    ("SET", acknowledgement("shop"), "x", "EX", "30"),
    ("PUBLISH", keys.acknowledgements(SHOP), "x"),
    ("PUBLISH", keys.block_reports(SHOP), "x"),
    ("PING",),
]

FORBIDDEN = [
    # another namespace's
    ("HGET", bundle("billing"), "data"),
    ("GET", assignment("billing")),
    ("SET", acknowledgement("billing"), "x"),
    ("PUBLISH", keys.acknowledgements(BILLING), "x"),
    ("PUBLISH", keys.block_reports(BILLING), "x"),
    ("SUBSCRIBE", bundle("billing")),
    # a namespace whose name begins like ours
    ("HGET", bundle("shop-2"), "data"),
    # nobody's
    ("GET", keys.TERM),
    ("SET", keys.TERM, "9" * 15),
    ("GET", keys.PROBLEMS),
    # our own, where we may not write
    ("SET", bundle("shop"), "x"),
    ("HSET", bundle("shop"), "data", "x"),
    ("DEL", bundle("shop")),
    ("SET", assignment("shop"), "x"),
    ("SET", keys.status(gateway_key("shop", "web")), "x"),
    ("PUBLISH", bundle("shop"), "x"),
    ("PUBLISH", assignment("shop"), "x"),
    ("PUBLISH", keys.blocks(gateway_key("shop", "web")), "x"),
    ("XADD", keys.blocks(gateway_key("shop", "web")), "*", "x", "x"),
    ("SET", keys.blocks(gateway_key("shop", "web")), "x"),
    # our own, where we may not read
    ("GET", acknowledgement("shop")),
    ("SET", acknowledgement("shop"), "x", "GET"),
    ("SUBSCRIBE", keys.acknowledgements(SHOP)),
    ("SUBSCRIBE", keys.block_reports(SHOP)),
    ("XRANGE", keys.blocks(gateway_key("shop", "web")), "-", "+"),
    ("HGET", keys.block_ids(gateway_key("shop", "web")), "x"),
    ("GET", keys.status(gateway_key("shop", "web"))),
    # what people look back at
    ("GET", HISTORY),
    ("SET", HISTORY, "x"),
    ("GET", PAST),
    ("SET", PAST, "x"),
    ("GET", SOURCE),
    ("SET", SOURCE, "x"),
    ("HGET", SOURCE, "data"),
    ("SUBSCRIBE", HISTORY),
    ("PUBLISH", HISTORY, "x"),
    # what looks at or changes everything
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("DBSIZE",),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "mgw-ns-shop", "+@all"),
    ("EVAL", "return 1", "0"),
    ("FUNCTION", "LIST"),
    ("MONITOR",),
    ("INFO",),
    ("SHUTDOWN",),
    ("REPLICAOF", "NO", "ONE"),
    ("SAVE",),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("PSUBSCRIBE", "mgw:*"),
    ("PSUBSCRIBE", "mgw:shop:*"),
    ("MODULE", "LIST"),
    ("SWAPDB", "0", "1"),
    ("MIGRATE", "h", "1", "k", "0", "1"),
    ("COPY", bundle("shop"), acknowledgement("shop")),
    ("RENAME", acknowledgement("shop"), bundle("shop")),
]


@pytest.mark.parametrize("command", ALLOWED, ids=" ".join)
async def test_an_engine_may_do_its_work(engine: Redis, command: tuple[str, ...]) -> None:
    assert await is_allowed(engine, *command)


@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
async def test_an_engine_may_do_nothing_else(engine: Redis, command: tuple[str, ...]) -> None:
    assert not await is_allowed(engine, *command)


async def test_an_engine_may_run_no_command_but_these(admin: Redis, engine: Redis) -> None:
    """Over every command this Redis knows, subcommands included."""
    allowed = set()
    for name in (each.decode() for each in await admin.execute_command("COMMAND LIST")):  # type: ignore[no-untyped-call]
        if await may_run(admin, users.namespace_user(SHOP), *name.split("|")):
            allowed.add(name)
    no_authentication_needed = {"auth", "hello", "quit", "reset"}
    assert allowed - no_authentication_needed == {
        *("get", "hget", "set", "publish", "subscribe", "unsubscribe", "ping")
    }


async def may_run(admin: Redis, user: str, *command: str) -> bool:
    """Whatever its arguments may be."""
    for count in range(10):
        try:
            answer = await admin.execute_command("ACL", "DRYRUN", user, *command, *["x"] * count)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if "wrong number" in str(error):
                continue
            return False  # nothing without a subcommand, which comes by itself
        return b"no permissions to run" not in answer
    raise AssertionError(f"no number of arguments fits {command}")


async def test_an_engine_listens_to_its_own(admin: Redis, engine: Redis) -> None:
    async with engine.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(bundle("shop"), assignment("shop"))
        await pubsub.get_message(timeout=30)
        await users.set_users(admin, {SHOP: (b"shop-next",)})  # nobody is thrown out by it
        await admin.publish(bundle("shop"), "news")
        async with asyncio.timeout(30):
            while (heard := await pubsub.get_message(timeout=1)) is None:
                pass
        assert heard["data"] == b"news"


async def test_any_of_the_passwords_will_do_and_no_other(admin: Redis, redis_url: RedisUrl) -> None:
    async def lets_in(password: str) -> bool:
        client = connect(RedisAccess(redis_url, users.namespace_user(SHOP), password))
        try:
            return bool(await client.ping())
        except AuthenticationError:
            return False
        finally:
            await client.aclose()

    assert [await lets_in(each) for each in ("shop-now", "shop-next", "billing", "")] == [
        True,
        True,
        False,
        False,
    ]
    await users.set_users(admin, {SHOP: (b"shop-next",)})
    assert [await lets_in(each) for each in ("shop-now", "shop-next")] == [False, True]


async def test_redis_keeps_hashes_and_who_needs_no_user_has_none(admin: Redis) -> None:
    listed = b"\n".join(await admin.execute_command("ACL", "LIST"))  # type: ignore[no-untyped-call]
    assert b"shop-now" not in listed
    await users.remove_other_users(admin, [SHOP])
    names = await admin.execute_command("ACL", "USERS")  # type: ignore[no-untyped-call]
    assert sorted(names) == [b"default", b"mgw-ns-shop"]


@pytest.mark.parametrize("name", ["", "*", "shop*", "a b", "Shop", "shop:x", "shop\n", "é", "~x"])
def test_what_is_no_namespace_gets_no_rules(name: str) -> None:
    with pytest.raises(ValueError, match="namespace: expected"):
        users.namespace_rules(Namespace(name))
