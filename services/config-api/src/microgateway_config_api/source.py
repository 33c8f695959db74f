"""Redis, read with a time limit and one way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from redis.asyncio import Redis

from microgateway_common.bus.connection import UNAVAILABLE, connect, read_access
from microgateway_common.bus.reader import Reader

from .problem_details import BusUnavailableError, BusUnreadableError
from .settings import Settings


class Source:
    """The bus as the endpoints see it. Connects on first use and again after each failure.

    listeners: who follow changes at the moment.
    """

    def __init__(self, settings: Settings) -> None:
        self.redis: Redis = connect(read_access(settings.redis, settings.redis_credentials))
        self.listeners = 0
        self._reader = Reader(self.redis)
        self._timeout = settings.read_timeout

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        """Reads inside end within the timeout.

        Raises BusUnavailableError when Redis does not answer, BusUnreadableError when what the
        reconciler wrote does not decode.
        """
        try:
            async with asyncio.timeout(self._timeout):
                yield self._reader
        except TimeoutError as error:
            raise BusUnavailableError(f"expected an answer within {self._timeout:g} s, got none") from error
        except UNAVAILABLE as error:
            raise BusUnavailableError(f"{type(error).__name__}: {error}") from error
        except msgspec.MsgspecError as error:
            raise BusUnreadableError(str(error)) from error

    async def close(self) -> None:
        await self.redis.aclose()


def source_of(request: Request) -> Source:
    """The application's Source, as a FastAPI dependency."""
    source: Source = request.app.state.source
    return source


Bus = Annotated[Source, Depends(source_of)]
