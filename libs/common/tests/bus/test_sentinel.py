from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import AuthenticationError, RedisError

from microgateway_cli.processes import die_with_parent, free_port
from microgateway_cli.redis_server import RedisServer, find_redis_server
from microgateway_common.bus.connection import UNAVAILABLE, RedisAccess, connect
from microgateway_common.settings import RedisUrl

SECRET = "sesame"


def answers(port: int) -> bool:
    try:
        with Redis(port=port, password=SECRET, socket_timeout=5) as sentinel:
            return bool(sentinel.ping())
    except RedisError:
        return False


@pytest.fixture
def sentinel(redis_server: RedisServer, tmp_path: Path) -> Iterator[int]:
    """The port of one that knows the server as `mymaster`, and wants a password."""
    port = free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nrequirepass {SECRET}\n"
        f"sentinel monitor mymaster 127.0.0.1 {redis_server.port} 1\n"
    )
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [str(find_redis_server()), str(configuration), "--sentinel"],
            stdout=log,
            preexec_fn=die_with_parent,
        )
    while not answers(port):
        assert process.poll() is None, (tmp_path / "log").read_text()
    yield port
    process.kill()
    process.wait()


def access(*ports: int, service: str = "mymaster", password: str = SECRET) -> RedisAccess:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return RedisAccess(RedisUrl(f"redis+sentinel://{hosts}/{service}"), sentinel_password=password)


async def test_the_first_sentinel_that_answers_names_the_master(sentinel: int) -> None:
    redis = connect(access(free_port(), sentinel))
    await redis.set("key", "value")
    assert await redis.get("key") == b"value"
    await redis.aclose()


async def test_what_sentinels_do_not_know_is_unavailable_and_says_who_was_asked(sentinel: int) -> None:
    nobody = free_port()
    redis = connect(access(nobody, sentinel, service="other"))
    with pytest.raises(MasterNotFoundError, match="no sentinel names a master of other") as refused:
        await redis.ping()
    assert isinstance(refused.value, UNAVAILABLE)
    for port in (nobody, sentinel):
        assert f"127.0.0.1:{port}: " in str(refused.value)
    await redis.aclose()


async def test_a_wrong_password_for_the_sentinels_is_not_shown(sentinel: int) -> None:
    redis = connect(access(sentinel, password="hunter2"))
    with pytest.raises(MasterNotFoundError) as refused:
        await redis.ping()
    assert not isinstance(refused.value, AuthenticationError)
    assert "hunter2" not in str(refused.value)
    await redis.aclose()


async def test_a_master_that_does_not_answer_is_unavailable(sentinel: int, redis_server: RedisServer) -> None:
    redis = connect(access(sentinel))
    await redis.ping()
    redis_server.stop()
    with pytest.raises(UNAVAILABLE):
        await redis.ping()
    redis_server.start()
    await redis.ping()
    await redis.aclose()
