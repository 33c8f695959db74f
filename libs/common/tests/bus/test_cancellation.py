from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterable

import pytest
from redis.asyncio.connection import AbstractConnection

from microgateway_common.bus import cancellation
from microgateway_common.bus.cancellation import together
from microgateway_common.bus.connection import connect
from microgateway_common.settings import RedisUrl


async def forever() -> None:
    await asyncio.Event().wait()


async def end(task: asyncio.Task[None]) -> None:
    """Raises what the task raises; TimeoutError when it does not end."""
    done, _ = await asyncio.wait([task], timeout=10)
    if not done:
        raise TimeoutError
    task.result()


async def test_a_command_that_is_cancelled_in_the_moment_it_is_sent_is_cancelled(
    redis_url: RedisUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With asyncio.wait_for of Python 3.11, in which the library sends, it would go on."""
    sending = AbstractConnection._send_packed_command
    redis = connect(redis_url)
    await redis.ping()

    async def send(self: AbstractConnection, command: Iterable[bytes]) -> None:
        await sending(self, command)
        task.cancel()

    async def write() -> None:
        await redis.set("key", "value")
        await forever()

    monkeypatch.setattr(AbstractConnection, "_send_packed_command", send)
    task = asyncio.create_task(write())
    with pytest.raises(asyncio.CancelledError):
        await end(task)
    monkeypatch.undo()
    assert await redis.get("key") == b"value", "the next command reads its own reply"
    await redis.aclose()


@pytest.mark.parametrize(
    "url", ["redis://redis", "rediss://redis", "unix:///run/redis", "redis+sentinel://redis/mymaster"]
)
def test_however_redis_is_reached(url: str) -> None:
    pool = connect(RedisUrl(url)).connection_pool
    assert issubclass(pool.connection_class, cancellation._Heeding)


async def test_the_first_side_that_ends_ends_the_others() -> None:
    ended = []

    async def other() -> None:
        try:
            await forever()
        finally:
            ended.append("other")

    async def fail() -> None:
        raise OSError("away")

    async def leave() -> None:
        return

    with pytest.raises(OSError, match="away"):
        await together(other(), fail())
    await together(leave(), other())
    assert ended == ["other", "other"]


async def test_a_side_that_loses_a_cancellation_gets_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cancellation, "PATIENCE", 0.01)
    lost = []

    async def careless() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            lost.append(True)
        await forever()

    task = asyncio.create_task(together(careless(), forever()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with caplog.at_level(logging.WARNING):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await end(task)
    assert lost == [True]
    assert "careless" in caplog.text


async def test_a_cancellation_that_comes_while_sides_end_is_not_lost() -> None:
    cleaning, clean = asyncio.Event(), []

    async def side() -> None:
        try:
            await forever()
        finally:
            try:
                cleaning.set()
                await forever()
            finally:
                clean.append(True)

    async def fail() -> None:
        raise OSError("away")

    task = asyncio.create_task(together(side(), fail()))
    await cleaning.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await end(task)
    assert clean == [True]


async def test_what_sides_raise_while_they_end_is_not_reported_as_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def side() -> None:
        try:
            await forever()
        finally:
            raise OSError("while closing")

    async def fail() -> None:
        raise OSError("away")

    with caplog.at_level(logging.ERROR), pytest.raises(OSError, match="away"):
        await together(side(), fail())
    gc.collect()
    assert not caplog.records
