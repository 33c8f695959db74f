"""Fixtures of the whole repository: a real Redis.

redis_server  a server of the test's own, which it may stop and start again
redis_url     one server for the whole run, emptied before each test that asks for it

What a test leaves open is an error, and one of the module that left it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from microgateway_cli.redis_server import RedisServer
from microgateway_common.settings import RedisUrl

#: The machine may be busy: no property is about time.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """Sockets and transports in cycles warn when they are collected, which else happens in any later test."""
    yield
    gc.collect()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A running server on a free loopback port: `.url`, `.port`, `.stop()`, `.start()`, `.flush()`."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis_server() -> Iterator[RedisServer]:
    """The server behind `redis_url`; tests that stop it take `redis_server` instead."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis_server: RedisServer) -> RedisUrl:
    """The URL of an empty Redis."""
    shared_redis_server.flush()
    return shared_redis_server.url
