"""Which Redis is the master now: asked of sentinels before each connection.

Not the library's own `Sentinel`, which keeps connections to all sentinels open, in each engine of a cluster,
and needs to be told of all masters instead of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, SentinelConnectionPool
from redis.exceptions import RedisError

from .cancellation import heed_cancellation


class Sentinels:
    """addresses: hosts and ports. options: of the connections to them."""

    def __init__(self, addresses: Sequence[tuple[str, int]], options: Mapping[str, Any]) -> None:
        self._addresses = list(addresses)
        self._options = dict(options)

    def master(self, service: str, options: Mapping[str, Any]) -> Redis:
        """A client of the service's master, whichever that is when it connects. options: of its connections.

        One that is no master any more ends its connections; a write that comes before that fails.
        """
        pool = SentinelConnectionPool(service, self, **options)  # type: ignore[no-untyped-call]
        client: Redis = Redis.from_pool(pool)  # which closing the client closes as well
        return client

    async def discover_master(self, service: str) -> tuple[str, int]:
        """Host and port, as the first sentinel says that has a master that works. The pool calls this.

        Raises MasterNotFoundError, one of UNAVAILABLE.
        """
        failures = []
        for number, (host, port) in enumerate(self._addresses):
            try:
                state = await self._ask(host, port, service)
            except (RedisError, OSError, TimeoutError) as error:
                failures.append(f"{host}:{port}: {error}")
                continue
            if state["is_master"] and not state["is_sdown"] and not state["is_odown"]:
                # Who answered is asked first the next time.
                self._addresses.insert(0, self._addresses.pop(number))
                return str(state["ip"]), int(state["port"])
            failures.append(f"{host}:{port}: the master of {service} is down")
        raise MasterNotFoundError(f"no sentinel names a master of {service}: {'; '.join(failures)}")

    async def _ask(self, host: str, port: int, service: str) -> dict[str, Any]:
        sentinel = heed_cancellation(Redis(host=host, port=port, **self._options))
        try:
            state = await sentinel.sentinel_master(service)
        finally:
            await sentinel.aclose()
        assert isinstance(state, dict)
        return state
