"""Keys and access to Redis as a folder that changes while the engine runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import engine_configurations as configurations
import pytest

from microgateway_cli.redis_server import RedisServer
from microgateway_common import wire
from microgateway_common.bus.connection import RedisAccess, connect
from microgateway_common.bus.messages import Assigned
from microgateway_common.bus.publisher import Publisher
from microgateway_common.bus.reader import Reader
from microgateway_common.names import Generation, PodUid, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_common.trust import bootstrap
from microgateway_common.trust.bootstrap import Bootstrap
from microgateway_common.trust.signing import Authority, SigningKey, new_signing_key, verify_key
from microgateway_engine.config import bus as bus_module
from microgateway_engine.config.block_outbox import BlockOutbox
from microgateway_engine.config.bus import BootstrapFolder, Bus, FixedAccess
from microgateway_engine.config.disk import LastGood
from microgateway_engine.config.store import ConfigStore
from microgateway_engine.telemetry.block_reports import Allowance
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_inspection.rule_set import RuleSet

POD, GATEWAY = pod_key("shop", "a"), configurations.GATEWAY
KEYS = (new_signing_key(), new_signing_key())


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "LOOK", 0.02)


@pytest.fixture
def store(rules: RuleSet) -> ConfigStore:
    return ConfigStore(POD, rules, wire.TrustNobody(), LastGood(None), "test")


@pytest.fixture
def outbox() -> Iterator[BlockOutbox]:
    sink = LineSink(1)
    yield BlockOutbox(POD, Metrics(sink), Allowance())
    sink.close()


@contextlib.asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    bus.prepare()
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.005)


def hand_out(folder: Path, access: RedisAccess, *keys: SigningKey) -> None:
    folder.mkdir(exist_ok=True)
    content = bootstrap.encode(Bootstrap(1, access, tuple(verify_key(key) for key in keys), ()))
    (folder / "new").write_bytes(content)
    (folder / "new").replace(folder / bootstrap.FILE_NAME)


async def publish(url: RedisUrl, key: SigningKey, generation: int) -> None:
    signer = Authority(key, {})
    redis = connect(url)
    publisher = await Publisher.claim(redis)
    config = configurations.gateway_config()
    data = wire.pack(GATEWAY, Generation(generation), wire.encode(config, signer), signer)
    await publisher.bundle(GATEWAY, Generation(generation), data)
    statement = wire.Statement(POD, PodUid(""), Generation(generation), Assigned(GATEWAY))
    await publisher.assign(POD, wire.pack_assignment(statement, signer))
    await redis.aclose()


def serves(store: ConfigStore, generation: int) -> Callable[[], bool]:
    return lambda: store.runtime is not None and store.runtime.generation == generation


async def test_an_engine_waits_for_its_keys(
    store: ConfigStore, outbox: BlockOutbox, redis_url: RedisUrl, tmp_path: Path
) -> None:
    folder = tmp_path / "bootstrap"
    await publish(redis_url, KEYS[0], 1)
    async with running(Bus(BootstrapFolder(folder), POD, store, outbox)):
        await asyncio.sleep(0.1)
        assert not store.counters.redis_connected
        hand_out(folder, RedisAccess(redis_url), KEYS[0])
        await eventually(serves(store, 1), "the configuration")


async def test_new_keys_count_and_what_was_refused_is_read_again(
    store: ConfigStore, outbox: BlockOutbox, redis_url: RedisUrl, tmp_path: Path
) -> None:
    hand_out(tmp_path, RedisAccess(redis_url), KEYS[0])
    async with running(Bus(BootstrapFolder(tmp_path), POD, store, outbox)):
        await publish(redis_url, KEYS[0], 1)
        await eventually(serves(store, 1), "the first")
        await publish(redis_url, KEYS[1], 2)
        await eventually(lambda: store.counters.rejected.get("unknown_key"), "a refusal")
        assert serves(store, 1)()
        hand_out(tmp_path, RedisAccess(redis_url), *KEYS)
        await eventually(serves(store, 2), "the second")


async def test_it_ends_whenever_it_is_cancelled(
    store: ConfigStore, outbox: BlockOutbox, redis_url: RedisUrl, tmp_path: Path
) -> None:
    hand_out(tmp_path, RedisAccess(redis_url), KEYS[0])
    await publish(redis_url, KEYS[0], 1)
    for turns in range(100):
        bus = Bus(BootstrapFolder(tmp_path), POD, store, outbox)
        bus.prepare()
        outbox.put(b"event")
        task = asyncio.create_task(bus.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=10)
        assert done, f"it goes on, cancelled after {turns} turns of the event loop"
        assert task.cancelled()


async def test_another_redis_is_another_session(
    store: ConfigStore, outbox: BlockOutbox, redis_url: RedisUrl, redis_server: RedisServer, tmp_path: Path
) -> None:
    hand_out(tmp_path, RedisAccess(redis_url), KEYS[0])
    bus = Bus(BootstrapFolder(tmp_path), POD, store, outbox)
    store.on_news = bus.acknowledge
    async with running(bus):
        await publish(redis_url, KEYS[0], 1)
        await eventually(serves(store, 1), "the first")
        await publish(redis_server.url, KEYS[0], 2)
        hand_out(tmp_path, RedisAccess(redis_server.url), KEYS[0])
        await eventually(serves(store, 2), "the second")
        redis = connect(redis_server.url)
        async with asyncio.timeout(30):
            while not await Reader(redis).acknowledgements():  # noqa: ASYNC110 - Redis is what changes
                await asyncio.sleep(0.01)
        await redis.aclose()


async def test_what_cannot_be_read_changes_nothing(
    store: ConfigStore,
    outbox: BlockOutbox,
    redis_url: RedisUrl,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand_out(tmp_path, RedisAccess(redis_url), KEYS[0])
    async with running(Bus(BootstrapFolder(tmp_path), POD, store, outbox)):
        await publish(redis_url, KEYS[0], 1)
        await eventually(serves(store, 1), "the first")
        (tmp_path / bootstrap.FILE_NAME).write_text("{")
        await eventually(lambda: "bootstrap: " in caplog.text, "a complaint")
        (tmp_path / bootstrap.FILE_NAME).unlink()
        await asyncio.sleep(0.1)
        await publish(redis_url, KEYS[0], 2)
        await eventually(serves(store, 2), "the second, over the session there was")


async def test_without_keys_whoever_writes_is_believed(
    store: ConfigStore, outbox: BlockOutbox, redis_url: RedisUrl
) -> None:
    async with running(Bus(FixedAccess(RedisAccess(redis_url)), POD, store, outbox)):
        redis = connect(redis_url)
        publisher = await Publisher.claim(redis)
        data = wire.encode(configurations.gateway_config())
        packed = wire.pack(GATEWAY, Generation(1), data, wire.LeaveUnsigned())
        await publisher.bundle(GATEWAY, Generation(1), packed)
        statement = wire.Statement(POD, PodUid(""), Generation(1), Assigned(GATEWAY))
        await publisher.assign(POD, wire.pack_assignment(statement, wire.LeaveUnsigned()))
        await eventually(serves(store, 1), "the configuration")
        await redis.aclose()
