"""A real Redis understands its configuration: it lets in who has a password, over TLS where it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kustomize
import pytest
from certificates import self_signed
from chain import Service, eventually
from kustomize import OVERLAYS, Installation, Variant
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry
from secure_chain import redis_with_tls

from microgateway_cli.processes import free_port
from microgateway_cli.redis_server import find_redis_server

USERS = "user default off\nuser writer on >secret ~* &* +@all\n"


@contextmanager
def running(installation: Installation, folder: Path) -> Iterator[int]:
    """Redis with the arguments of the manifest, its paths below the folder; its port."""
    certificate = self_signed("localhost", "localhost")
    for name in ("tls.crt", "ca.crt"):
        (folder / name).write_bytes(certificate.pem)
    (folder / "tls.key").write_bytes(certificate.key_pem)
    (folder / "users.acl").write_text(USERS)
    container = installation.workload("microgateway-redis").container
    (text,) = (
        raw["data"]["redis.conf"] for raw in installation.all("ConfigMap") if "redis.conf" in raw["data"]
    )
    port = free_port()
    text = text.replace("/etc/microgateway/secret", str(folder)).replace("6379", str(port))
    (folder / "redis.conf").write_text(text.replace("bind * -::*", "bind 127.0.0.1"))
    arguments = [each.replace("/etc/microgateway", str(folder)) for each in container["args"]]
    program = redis_with_tls() if "tls-port" in text else find_redis_server()
    redis = Service("redis", [str(program), *arguments], folder / "log", {})
    redis.start()
    try:
        eventually(lambda: "Ready to accept connections" in redis.log.read_text(), "Redis to start")
        yield port
    finally:
        redis.close()


def client(installation: Installation, folder: Path, port: int, user: str) -> Redis:
    """user: with password. By the scheme that the manifest tells the reconciler; it tries once."""
    environment = installation.environment(installation.workload("microgateway-reconciler"))
    scheme, _, _ = environment["MICROGATEWAY_REDIS"].partition(":")
    trust = f"?ssl_ca_certs={folder / 'ca.crt'}" if scheme == "rediss" else ""
    url = f"{scheme}://{user}@localhost:{port}/0{trust}"
    found: Redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5)
    return found


@pytest.mark.parametrize("variant", OVERLAYS, ids=str)
def test_redis_runs_as_it_is_deployed(variant: Variant, tmp_path: Path) -> None:
    installation = kustomize.build(variant)
    with running(installation, tmp_path) as port:
        with client(installation, tmp_path, port, "writer:secret") as redis:
            assert redis.config_get("save") == {"save": ""}
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            maxmemory = installation.workload("microgateway-redis").container["args"][-1]
            assert int(redis.config_get("maxmemory")["maxmemory"]) == int(maxmemory[:-2]) * 2**20
        with (
            client(installation, tmp_path, port, "writer:guess") as redis,
            pytest.raises(AuthenticationError),
        ):
            redis.ping()
        stranger = Redis(port=port, retry=Retry(NoBackoff(), 0), socket_timeout=2)
        with stranger, pytest.raises(RedisError):
            stranger.ping()
