"""A Redis client that fails fast, and the pauses of the loops that bring it back."""

from __future__ import annotations

import random
from collections.abc import Iterator

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

#: Seconds a connect or a command may take before it counts as failed.
TIMEOUT = 5.0

#: What any command may raise when Redis is away, restarting, loading or refusing.
UNAVAILABLE = (RedisError, OSError, TimeoutError)


def connect(url: str) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`; it connects on first use.

    It retries nothing by itself: the loops that use it do, and must see each failure to resynchronise.
    """
    client: Redis = Redis.from_url(
        url,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def raw(value: bytes | str) -> bytes:
    """A reply as what it is: the library's types cannot tell that decoding is off."""
    assert isinstance(value, bytes)
    return value


def backoff(first: float = 0.05, largest: float = 5.0) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling, with jitter over the upper half."""
    delay = first
    while True:
        # Engines of a whole cluster lose Redis at the same instant; jitter spreads their return.
        yield delay / 2 + random.random() * delay / 2  # noqa: S311 - not a secret
        delay = min(delay * 2, largest)
