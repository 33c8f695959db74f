from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from microgateway_cli.redis_server import RedisServer, RedisServerError, find_redis_server


def test_it_answers_and_comes_back_empty_on_the_same_port() -> None:
    with RedisServer() as server:
        port = server.port
        with Redis.from_url(server.url) as client:
            client.set("a", "b")
        server.stop()
        server.start()
        assert server.port == port
        with Redis.from_url(server.url) as client:
            assert client.get("a") is None


def test_a_taken_port_is_an_error_with_the_servers_own_words() -> None:
    with (
        RedisServer() as first,
        pytest.raises(RedisServerError, match="in use"),
        RedisServer(port=first.port),
    ):
        pass


def test_without_one_on_path_the_package_has_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server().parts[-2:] == ("bin", "redis-server")
