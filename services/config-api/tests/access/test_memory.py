from __future__ import annotations

import asyncio

import pytest

from microgateway_config_api.access.memory import Memory


class Source:
    """Counts how often it is asked; `clock` is the time."""

    def __init__(self) -> None:
        self.asked = 0
        self.clock = 100.0

    def now(self) -> float:
        return self.clock

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


async def test_an_answer_is_good_for_its_lifetime_and_no_longer() -> None:
    source = Source()
    memory: Memory[str, int] = Memory(10, 5, source.now)
    assert await memory.get("a", source.ask) == 1
    source.clock += 9.9
    assert await memory.get("a", source.ask) == 1
    source.clock += 0.1
    assert await memory.get("a", source.ask) == 2


async def test_many_who_ask_at_once_ask_once() -> None:
    source = Source()
    memory: Memory[str, int] = Memory(10, 5, source.now)
    assert await asyncio.gather(*(memory.get("a", source.ask) for _ in range(50))) == [1] * 50


async def test_one_who_leaves_does_not_spoil_it_for_the_others() -> None:
    source = Source()
    memory: Memory[str, int] = Memory(10, 5, source.now)
    never = asyncio.Event()

    async def ask_forever() -> int:
        await never.wait()
        return 0

    first = asyncio.create_task(memory.get("a", ask_forever))
    await asyncio.sleep(0)
    second = asyncio.create_task(memory.get("a", source.ask))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_not_remembered() -> None:
    source = Source()
    memory: Memory[str, int] = Memory(10, 5, source.now)

    async def fail() -> int:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it says nothing
        await memory.get("a", fail)
    assert await memory.get("a", source.ask) == 1


async def test_it_holds_no_more_than_it_may_and_the_oldest_goes_first() -> None:
    source = Source()
    memory: Memory[int, int] = Memory(10, 3, source.now)
    for key in range(100):
        await memory.get(key, source.ask)
    assert len(memory) == 3
    asked = source.asked
    await memory.get(99, source.ask)
    assert source.asked == asked
    await memory.get(0, source.ask)
    assert source.asked == asked + 1
