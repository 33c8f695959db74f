"""Keys are kept before they are used, handed out before they are needed, and made again when deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from microgateway_common.bus.connection import RedisAccess, connect
from microgateway_common.names import Namespace
from microgateway_common.settings import RedisUrl
from microgateway_common.trust import bootstrap
from microgateway_reconciler.trust import users
from microgateway_reconciler.trust.keeper import ANTI_ENTROPY, Bundled, Given, Keeper
from microgateway_reconciler.trust.life import Policy
from microgateway_reconciler.trust.storage import FolderStorage, StorageError

SHOP, BILLING = Namespace("shop"), Namespace("billing")
POLICY = Policy(lifetime=1000, overlap=100)


class Clock:
    now = 1_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def redis(redis_url: RedisUrl) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await users.remove_other_users(client, ())
    await client.aclose()


@pytest.fixture
def keeper(tmp_path: Path, redis_url: RedisUrl, clock: Clock) -> Keeper:
    return Keeper(FolderStorage(tmp_path), Given(redis_url), POLICY, lambda: clock.now)


async def lets_in(access: RedisAccess) -> bool:
    client = connect(access)
    try:
        return bool(await client.ping())
    except AuthenticationError:
        return False
    finally:
        await client.aclose()


def kept(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "keys.json").read_text())
    return found


async def test_a_namespace_gets_keys_a_user_and_a_bootstrap(
    keeper: Keeper, redis: Redis, tmp_path: Path
) -> None:
    await keeper.access()
    vouching = await keeper.vouch(redis, [SHOP])
    found = bootstrap.load(tmp_path / "shop")
    assert await lets_in(found.redis)
    message = vouching.signer.sign(b"message")
    found.key_ring.check(b"message", message)
    vouching.trust.check(b"message", message)
    assert await keeper.vouch(redis, [SHOP]) is vouching, "nothing has changed"
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / "shop" / "bootstrap.json").stat().st_mode & 0o077 == 0


async def test_another_reconciler_goes_on_with_the_same_keys(
    keeper: Keeper, redis: Redis, redis_url: RedisUrl, tmp_path: Path, clock: Clock
) -> None:
    await keeper.access()
    first = await keeper.vouch(redis, [SHOP])
    before = bootstrap.load(tmp_path / "shop")
    other = Keeper(FolderStorage(tmp_path), Given(redis_url), POLICY, lambda: clock.now)
    await other.access()
    second = await other.vouch(redis, [SHOP])
    assert second.signer.made(first.signer.sign(b""))
    assert bootstrap.load(tmp_path / "shop") == before


async def test_redis_that_forgot_its_users_is_told_again(
    keeper: Keeper, redis: Redis, tmp_path: Path
) -> None:
    await keeper.access()
    await keeper.vouch(redis, [SHOP])
    access = bootstrap.load(tmp_path / "shop").redis
    await redis.execute_command("ACL", "DELUSER", users.namespace_user(SHOP))  # type: ignore[no-untyped-call]
    assert not await lets_in(access)
    await keeper.access()  # a session begins
    await keeper.vouch(redis, [SHOP])
    assert await lets_in(access)


async def test_a_password_is_good_until_its_overlap_is_over(
    keeper: Keeper, redis: Redis, tmp_path: Path, clock: Clock
) -> None:
    await keeper.access()
    await keeper.vouch(redis, [SHOP])
    first = bootstrap.load(tmp_path / "shop").redis
    clock.now += POLICY.lifetime
    await keeper.vouch(redis, [SHOP])
    assert bootstrap.load(tmp_path / "shop").redis == first, "Redis is told first"
    clock.now += POLICY.overlap
    await keeper.vouch(redis, [SHOP])
    second = bootstrap.load(tmp_path / "shop").redis
    assert second.password != first.password
    assert (await lets_in(first), await lets_in(second)) == (True, True)
    clock.now += POLICY.overlap
    await keeper.vouch(redis, [SHOP])
    assert (await lets_in(first), await lets_in(second)) == (False, True)


async def test_a_namespace_without_engines_loses_its_keys_after_a_while(
    keeper: Keeper, redis: Redis, tmp_path: Path, clock: Clock
) -> None:
    await keeper.access()
    await keeper.vouch(redis, [SHOP, BILLING])
    access = bootstrap.load(tmp_path / "billing").redis
    await keeper.vouch(redis, [SHOP])
    assert await lets_in(access), "its pods may come back at once"
    clock.now += POLICY.overlap
    await keeper.vouch(redis, [SHOP])
    assert not await lets_in(access)
    assert not (tmp_path / "billing" / "bootstrap.json").exists()
    assert set(kept(tmp_path)["namespaces"]) == {"shop"}


async def test_deleted_keys_are_made_anew(keeper: Keeper, redis: Redis, tmp_path: Path, clock: Clock) -> None:
    await keeper.access()
    first = await keeper.vouch(redis, [SHOP])
    (tmp_path / "keys.json").unlink()
    clock.now += ANTI_ENTROPY
    second = await keeper.vouch(redis, [SHOP])
    assert not second.signer.made(first.signer.sign(b""))
    assert kept(tmp_path)["signing"]["type"] == "settled"


async def test_keys_that_cannot_be_read_are_not_replaced(
    keeper: Keeper, redis: Redis, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(StorageError, match="delete them to have new ones made"):
        await keeper.access()
    assert (tmp_path / "keys.json").read_text() == "{}"


async def test_what_cannot_be_kept_is_not_used(redis: Redis, redis_url: RedisUrl, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keeper = Keeper(FolderStorage(tmp_path / "file"), Given(redis_url), POLICY)
    with pytest.raises(StorageError):
        await keeper.access()


async def test_one_namespace_that_cannot_be_given_anything_holds_up_no_other(
    keeper: Keeper, redis: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "billing").write_text("no folder")
    await keeper.access()
    for _ in range(3):
        await keeper.vouch(redis, [SHOP, BILLING, Namespace("*")])
    assert bootstrap.load(tmp_path / "shop").signing_keys
    assert caplog.text.count("engines of namespace billing do not get their keys") == 1
    assert caplog.text.count("expected lower case letters") == 1


async def test_the_bundled_redis_gets_its_own_and_engines_its_ca(redis: Redis, tmp_path: Path) -> None:
    url = RedisUrl("rediss://redis.example:6379/0")
    storage = FolderStorage(tmp_path)
    access = await Keeper(storage, Bundled(url), POLICY).access()
    again = Keeper(storage, Bundled(url), POLICY)
    assert await again.access() == access
    assert access.username == users.WRITER
    assert {path.name for path in (tmp_path / "redis").iterdir()} == {
        *("users.acl", "ca.crt", "tls.crt", "tls.key")
    }
    assert (tmp_path / "redis-reader" / "username").read_text() == users.READER
    await again.vouch(redis, [SHOP])
    engine = bootstrap.load(tmp_path / "shop").redis
    assert (engine.url, engine.ca) == (url, access.ca)
