"""Redis as others run it: a master and replicas that three sentinels watch over, all with TLS and ACLs."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path
from typing import Any

from chain import Service, eventually
from redis import Redis
from redis.exceptions import RedisError
from secure_chain import HOST, SecureChain, SecureRedis, redis_with_tls

from microgateway_cli.processes import free_port
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.trust import users

SERVICE = "mymaster"

REPLICATION, WATCHING, ASKING = "replication-secret", "watching-secret", "asking-secret"

#: Of each Redis: the writer's password is filled in. The reconciler makes the namespaces' users.
NODE_USERS = """user default off
user {writer} reset on #{hash} {rules}
user replica on >{replication} -@all +psync +replconf +ping
user watcher on >{watching} -@all ~* &* +@all
"""

#: Of each sentinel. `asker` is what engines are handed out: it may ask who is master, and nothing else.
SENTINEL_USERS = f"""user default off
user watcher on >{WATCHING} ~* &* +@all
user asker on >{ASKING} -@all +sentinel|master
"""


class SentinelRedis(SecureRedis):
    """Two of Redis, three sentinels. `port` is that of nobody."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [free_port(), free_port()]
        self.sentinels = [free_port() for _ in range(3)]
        self.services: dict[int, Service] = {}
        super().__init__(folder)
        for name, text in {"sentinel-username": "asker", "sentinel-password": ASKING}.items():
            (self.credentials("writer") / name).write_text(text)

    @property
    def url(self) -> RedisUrl:
        sentinels = ",".join(f"{HOST}:{port}" for port in self.sentinels)
        return RedisUrl(f"rediss+sentinel://{sentinels}/{SERVICE}/0")

    def start(self) -> None:
        hashed = hashlib.sha256(self.keys.writer_password.encode()).hexdigest()
        text = NODE_USERS.format(
            writer=users.WRITER,
            hash=hashed,
            rules=" ".join(users.WRITER_RULES),
            replication=REPLICATION,
            watching=WATCHING,
        )
        first, *others = self.nodes
        for port in self.nodes:
            lines = [f"replicaof {HOST} {first}"] if port in others else []
            lines += ["masteruser replica", f"masterauth {REPLICATION}", "tls-replication yes"]
            self._start(port, text, *lines, 'save ""', "repl-diskless-sync-delay 0")
        eventually(lambda: self.role(first)[:2] == (b"master", 1), "the replica to follow")
        for port in self.sentinels:
            self._start(
                port,
                SENTINEL_USERS,
                "tls-replication yes",
                f"sentinel monitor {SERVICE} {HOST} {first} 2",
                f"sentinel auth-user {SERVICE} watcher",
                f"sentinel auth-pass {SERVICE} {WATCHING}",
                f"sentinel down-after-milliseconds {SERVICE} 1000",
                f"sentinel failover-timeout {SERVICE} 6000",
                "sentinel sentinel-user watcher",
                f"sentinel sentinel-pass {WATCHING}",
            )
        for port in self.sentinels:
            eventually(lambda at=port: self._knows_all(at), "the sentinels to know each other")  # type: ignore[misc]

    def stop(self) -> None:
        for service in self.services.values():
            service.close()
        self.services.clear()

    def kill(self, port: int) -> None:
        self.services[port].end(signal.SIGKILL)

    def revive(self, port: int) -> None:
        """It begins as it was configured: its file says what sentinels have written there."""
        self.services[port].start()

    def role(self, port: int) -> tuple[bytes, int]:
        """`master` or `slave`, and of a master the number of replicas that are in step."""
        try:
            with self._connect(port) as node:
                found = node.execute_command("ROLE")
        except RedisError:
            return b"", 0
        return found[0], len(found[2]) if found[0] == b"master" else 0

    def master(self) -> int:
        """Its port, as most of the sentinels say."""
        said = [int(self._state(port).get("port", 0)) for port in self.sentinels]
        return max(set(said), key=said.count)

    def fail_over(self) -> None:
        """Make the replica the master, as for maintenance."""
        with self._connect(self.sentinels[0]) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def _knows_all(self, port: int) -> bool:
        state = self._state(port)
        return state.get("num-other-sentinels") == 2 and state.get("num-slaves") == 1

    def _state(self, port: int) -> dict[str, Any]:
        try:
            with self._connect(port) as sentinel:
                state: dict[str, Any] = sentinel.sentinel_master(SERVICE)
        except RedisError:
            return {}
        return state

    def _connect(self, port: int) -> Redis:
        client: Redis = Redis(
            host=HOST,
            port=port,
            username="watcher",
            password=WATCHING,
            ssl=True,
            ssl_ca_data=self.ca,
            socket_timeout=5,
        )
        return client

    def _start(self, port: int, acl: str, *lines: str) -> None:
        folder = self.folder / str(port)
        folder.mkdir(parents=True)
        (folder / "users.acl").write_text(acl)
        server = self.folder / "server"
        common = [
            f"bind {HOST}",
            "port 0",
            f"tls-port {port}",
            "tls-auth-clients no",
            f"tls-ca-cert-file {server / 'ca.crt'}",
            f"tls-cert-file {server / 'tls.crt'}",
            f"tls-key-file {server / 'tls.key'}",
            f"aclfile {folder / 'users.acl'}",
            f"dir {folder}",
        ]
        configuration = folder / "redis.conf"
        configuration.write_text("\n".join([*common, *lines]) + "\n")
        mode = ["--sentinel"] if port in self.sentinels else []
        service = Service(
            f"redis {port}", [str(redis_with_tls()), str(configuration), *mode], folder / "log", {}
        )
        self.services[port] = service
        service.start()
        eventually(lambda: self._answers(port), f"{service.name} to answer")

    def _answers(self, port: int) -> bool:
        try:
            with self._connect(port) as client:
                return bool(client.ping())
        except RedisError:
            return False


class SentinelChain(SecureChain):
    @property
    def sentinel_redis(self) -> SentinelRedis:
        assert isinstance(self.secure_redis, SentinelRedis)
        return self.secure_redis

    def _new_redis(self, folder: Path) -> SecureRedis:
        return SentinelRedis(folder)
