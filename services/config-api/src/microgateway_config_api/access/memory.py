"""Answers for some seconds, so that a page that asks ten times a second costs the API server nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Memory(Generic[KeyT, ValueT]):
    """lifetime: seconds since a question was asked. most: entries; the oldest goes first."""

    def __init__(self, lifetime: float, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._most = most
        self._now = now
        self._known: dict[KeyT, tuple[float, ValueT]] = {}
        self._asking: WeakValueDictionary[KeyT, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, key: KeyT, ask: Callable[[], Awaitable[ValueT]]) -> ValueT:
        """The answer, asked for once however many want it. What `ask` raises is not remembered."""
        lock = self._asking.get(key)
        if lock is None:
            lock = self._asking[key] = asyncio.Lock()
        async with lock:
            asked_at = self._now()
            known = self._known.get(key)
            if known is not None and asked_at - known[0] < self._lifetime:
                return known[1]
            self._known.pop(key, None)
            answer = await ask()
            self._known[key] = (asked_at, answer)
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            return answer
