"""The Redis that is installed with us, started as the manifests do: TLS and its three kinds of users."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError
from secure_chain import SecureRedis

from microgateway_common.bus import keys
from microgateway_common.bus.archive import Archivist
from microgateway_common.bus.blocks import BlockKeeper, Blocks
from microgateway_common.bus.connection import UNAVAILABLE, RedisAccess, connect, read_access
from microgateway_common.bus.publisher import Publisher, Written
from microgateway_common.bus.reader import Reader
from microgateway_common.history import History, grown
from microgateway_common.mirror import Invalid
from microgateway_common.names import Digest, Generation, Namespace, gateway_key, pod_key
from microgateway_common.problems import ObjectRef
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.trust import bundled, users

KEY, POD = gateway_key("shop", "web"), pod_key("shop", "web-0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> object:
    server = SecureRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.close()


@pytest.fixture
async def writer(server: SecureRedis) -> AsyncIterator[Redis]:
    client = connect(read_access(server.url, server.credentials("writer")))
    yield client
    await client.aclose()


async def refused(access: RedisAccess) -> BaseException:
    client = connect(access)
    try:
        with pytest.raises(UNAVAILABLE) as caught:
            await client.ping()
    finally:
        await client.aclose()
    return caught.value


async def test_the_reconciler_may_do_all_its_work(writer: Redis) -> None:
    publisher = await Publisher.claim(writer)
    assert await publisher.bundle(KEY, Generation(1), b"one") == Written()
    assert await publisher.assign(POD, b"assigned") == Written()
    assert await publisher.problems([]) == Written()
    assert await publisher.stored_bundle(KEY) is not None
    assert await publisher.stored_assignments([POD]) == {POD: b"assigned"}
    assert await publisher.stored_keys() == {keys.bundle(KEY), keys.assignment(POD)}
    assert await Reader(writer).acknowledgements() == []
    await users.set_users(writer, {Namespace("shop"): [b"x"]})
    await users.remove_other_users(writer, [])
    async with writer.pubsub() as pubsub:
        await pubsub.psubscribe(keys.ALL_ACKNOWLEDGEMENTS, keys.ALL_BLOCK_REPORTS)
        confirmed = await pubsub.get_message(timeout=30)
        assert confirmed is not None
        assert confirmed["type"] == "psubscribe"
    keeper = BlockKeeper(writer, publisher.term)
    for number in (3, 1):
        assert await keeper.keep(KEY, [("a", b"1"), ("b", b"2")], number) == Written()
    await publisher.remove([keys.bundle(KEY), keys.assignment(POD)])


async def test_histories_and_objects_are_the_reconcilers_to_write_and_the_config_apis_to_read(
    server: SecureRedis, writer: Redis
) -> None:
    archivist = Archivist(writer, await Publisher.claim(writer))
    history = grown(History(), Generation(1), Digest("sha256:1"), (), "1", 1)
    configuration = zlib.compress(b"{}")
    assert await archivist.history(KEY) == History()
    assert await archivist.record(KEY, history, configuration, [Generation(7)]) == Written()
    assert await archivist.restore(KEY, history, {Generation(1): configuration}) == Written()
    assert await archivist.mirror([Invalid(ObjectRef("Limits", "shop", "strict"), 1)]) == Written()
    assert len(await archivist.stored_keys()) == 3

    client = connect(read_access(server.url, server.credentials("reader")))
    reader = Reader(client)
    assert await reader.history(KEY) == history
    assert await reader.past_configuration(KEY, Generation(1)) == {}
    assert len(await reader.sources(Namespace("shop"))) == 1
    with pytest.raises(NoPermissionError):
        await client.set(keys.history(KEY), "x")
    await client.aclose()
    await archivist.remove(await archivist.stored_keys())


async def test_the_reconciler_may_do_nothing_else(writer: Redis) -> None:
    for command in (["CONFIG", "GET", "*"], ["FLUSHALL"], ["KEYS", "*"], ["GET", "others"], ["SHUTDOWN"]):
        with pytest.raises(NoPermissionError):
            await writer.execute_command(*command)  # type: ignore[no-untyped-call]


async def test_the_config_api_reads_and_writes_nothing(server: SecureRedis, writer: Redis) -> None:
    await (await Publisher.claim(writer)).problems([])
    client = connect(read_access(server.url, server.credentials("reader")))
    reader = Reader(client)
    assert (await reader.problems(), await reader.gateways(), await reader.engines()) == ([], [], [])
    assert await reader.bundle(KEY) is None
    blocks = Blocks(client)
    assert await blocks.gateways() in ([], [KEY])
    assert (await blocks.newest([KEY], 10), await blocks.find("b", [KEY])) == ([], None)
    async with client.pubsub() as pubsub:
        await pubsub.psubscribe(keys.ALL_STATUSES, keys.ALL_ACKNOWLEDGEMENTS, keys.ALL_BLOCKS)
        confirmed = await pubsub.get_message(timeout=30)
        assert confirmed is not None
        assert confirmed["type"] == "psubscribe"
    for command in (["SET", keys.PROBLEMS, "x"], ["DEL", keys.TERM], ["PUBLISH", "mgw:shop:acks", "x"]):
        with pytest.raises(NoPermissionError):
            await client.execute_command(*command)  # type: ignore[no-untyped-call]
    await client.aclose()


async def test_nobody_else_gets_in(server: SecureRedis) -> None:
    anybody = await refused(RedisAccess(server.url, ca=server.keys.ca))
    assert isinstance(anybody, AuthenticationError)
    guess = await refused(RedisAccess(server.url, users.WRITER, "guess", server.keys.ca))
    assert isinstance(guess, AuthenticationError)


async def test_the_servers_certificate_is_checked(server: SecureRedis) -> None:
    password = server.keys.writer_password
    another = bundled.new_bundled_redis("127.0.0.1")
    assert "certificate" in str(await refused(RedisAccess(server.url, users.WRITER, password, another.ca)))
    assert "certificate" in str(await refused(RedisAccess(server.url, users.WRITER, password)))
    named = RedisUrl(f"rediss://localhost:{server.port}/0")
    mismatch = str(await refused(RedisAccess(named, users.WRITER, password, server.keys.ca)))
    assert "Hostname mismatch" in mismatch or "certificate is not valid for 'localhost'" in mismatch


async def test_without_tls_there_is_no_connection(server: SecureRedis) -> None:
    plain = RedisUrl(f"redis://127.0.0.1:{server.port}/0")
    await refused(RedisAccess(plain, users.WRITER, server.keys.writer_password))


def test_the_servers_files_have_no_password(tmp_path: Path) -> None:
    redis = bundled.new_bundled_redis("redis.example")
    files = b"".join(bundled.server_files(redis).values()).decode()
    assert redis.writer_password not in files
    assert redis.reader_password not in files
