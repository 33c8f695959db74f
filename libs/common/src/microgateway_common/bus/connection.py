"""A Redis client that fails fast, and the pauses of the loops that bring it back."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from microgateway_common.sentinel_url import is_sentinel_url, parse_sentinel_url
from microgateway_common.settings import RedisUrl, masked

from .cancellation import heed_cancellation
from .sentinel import Sentinels

#: Seconds a connect or a command may take before it counts as failed.
TIMEOUT = 5.0

_CREDENTIALS = ("username", "password", "ca.crt", "sentinel-username", "sentinel-password")

#: What any command may raise when Redis is away, restarting, loading or refusing.
UNAVAILABLE = (RedisError, OSError, TimeoutError)

_PATIENCE: dict[str, Any] = {
    "socket_timeout": TIMEOUT,
    "socket_connect_timeout": TIMEOUT,
    "retry": Retry(NoBackoff(), 0),
}


class RedisAccess(Struct, frozen=True):
    """How to reach Redis. username, password: empty for those of the URL, if it has any; else it has none.
    ca: PEM of the certificates that sign Redis' own; empty for those of the system. sentinel_username,
    sentinel_password: for the sentinels, if the URL names some; empty for none."""

    url: RedisUrl
    username: str = ""
    password: str = ""
    ca: str = ""
    sentinel_username: str = ""
    sentinel_password: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({masked(self.url)!r}, {self.username!r})"


def read_access(url: RedisUrl, folder: Path | None) -> RedisAccess:
    """folder: of a mounted Secret, with `username` and `password`, `ca.crt`, `sentinel-username` and
    `sentinel-password`, or some of them; None for none.

    Raises OSError when there is no such folder.
    """
    if folder is None:
        return RedisAccess(url)
    files = {path.name: path.read_text().strip() for path in folder.iterdir() if path.name in _CREDENTIALS}
    return RedisAccess(url, *(files.get(name, "") for name in _CREDENTIALS))


def connect(target: RedisAccess | RedisUrl) -> Redis:
    """A client for `redis://`, `rediss://` (TLS), `unix://`, or a master that sentinels name; it connects on
    first use.

    With TLS the server's certificate has to be valid for the URL's host, with sentinels for the address that
    they name. It retries nothing by itself: the loops that use it do, and must see each failure to
    resynchronise.
    """
    access = target if isinstance(target, RedisAccess) else RedisAccess(target)
    options = {**_PATIENCE, "health_check_interval": 15}
    if access.username:
        options |= {"username": access.username, "password": access.password}
    if is_sentinel_url(access.url):
        return _through_sentinels(access, options)
    if access.url.startswith("rediss://"):
        # A URL's query would win over these; `parse_redis_url` lets none switch them off.
        options |= _verifying(access)
    return heed_cancellation(Redis.from_url(access.url, **options))


def _through_sentinels(access: RedisAccess, options: dict[str, Any]) -> Redis:
    url = parse_sentinel_url(access.url)
    tls = {"ssl": True, **_verifying(access)} if url.tls else {}
    if url.username or url.password:
        options = {"username": url.username or None, "password": url.password, **options}
    to_sentinels = {**_PATIENCE, **tls}
    if access.sentinel_password:
        credentials = {"username": access.sentinel_username or None, "password": access.sentinel_password}
        to_sentinels |= credentials
    sentinels = Sentinels(url.sentinels, to_sentinels)
    return heed_cancellation(sentinels.master(url.service, {"db": url.database, **options, **tls}))


def _verifying(access: RedisAccess) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    options |= {"ssl_min_version": ssl.TLSVersion.TLSv1_2}
    return options | ({"ssl_ca_data": access.ca} if access.ca else {})


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
