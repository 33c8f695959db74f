"""The chain on the API server as the manifests install it: keys, users and certificates are the reconciler's,
in Secrets that the kubelet (here a thread) brings into pods."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chain import eventually
from kube_api_server import KubeApiServer
from kube_chain import ACCOUNT_NAMESPACE, KubeChain
from redis import Redis
from secure_chain import SecureRedis

from microgateway_common.bus import keys
from microgateway_common.names import gateway_key

KEYS, SERVER, READER = "microgateway-keys", "microgateway-redis", "microgateway-redis-reader"
BOOTSTRAP = "microgateway-bootstrap"


class InstalledRedis(SecureRedis):
    """Waits for its Secret, as a pod that mounts it does. Who starts the chain goes on meanwhile."""

    def __init__(self, folder: Path, cluster: KubeApiServer) -> None:
        self._cluster = cluster
        super().__init__(folder)

    def _prepare(self) -> None:
        """Nothing: others do."""

    def start(self) -> None:
        """Nothing yet."""

    def run(self) -> None:
        files = eventually(lambda: secret(self._cluster, ACCOUNT_NAMESPACE, SERVER), f"the Secret {SERVER}")
        self.install("server", dict(files))
        self.ca = files["ca.crt"].decode()
        super().start()


def secret(cluster: KubeApiServer, namespace: str, name: str) -> Mapping[str, bytes] | None:
    """Its files; None when there is none."""
    answer = cluster.http.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    return {file: base64.b64decode(text) for file, text in answer.json()["data"].items()}


class Kubelet(threading.Thread):
    """Keeps a folder at what a Secret says, swapping all files at once (`..data`)."""

    def __init__(self, cluster: KubeApiServer, namespace: str, name: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self._cluster, self._namespace, self._secret = cluster, namespace, name
        self._folder = folder
        self._held: Mapping[str, bytes] | None = None
        self._stopped = threading.Event()
        self._number = 0

    def run(self) -> None:
        while not self._stopped.wait(0.3):
            found = secret(self._cluster, self._namespace, self._secret)
            if found is not None and found != self._held:
                self._swap(found)
                self._held = found

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _swap(self, files: Mapping[str, bytes]) -> None:
        self._number += 1
        fresh = self._folder / f"..{self._number}"
        fresh.mkdir(parents=True)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
            link = self._folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        link = self._folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self._folder / "..data")


class SecureKubeChain(KubeChain):
    def __init__(self, cluster: KubeApiServer, folder: Path, namespace: str) -> None:
        super().__init__(cluster, folder, namespace)
        self.redis.close()
        self.installed_redis = InstalledRedis(folder / "redis", cluster)
        self.redis = self.installed_redis  # type: ignore[assignment]
        mounted = folder / "bootstrap"
        self._kubelet = Kubelet(cluster, namespace, BOOTSTRAP, mounted)
        self.reconciler_trust = {"MICROGATEWAY_REDIS_SERVER_SECRET": SERVER}
        self.engine_trust = {"MICROGATEWAY_BOOTSTRAP_DIR": str(mounted)}

    def __enter__(self) -> Self:
        super().__enter__()
        for name in (KEYS, SERVER, READER):
            self.cluster.kubectl("delete", "secret", "-n", ACCOUNT_NAMESPACE, name, "--ignore-not-found")
        self._kubelet.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kubelet.stop()
        super().__exit__(kind, error, trace)

    def reader(self) -> Redis:
        """Redis as the config-api sees it."""
        files = eventually(lambda: secret(self.cluster, ACCOUNT_NAMESPACE, READER), f"the Secret {READER}")
        return self.installed_redis.connect(files["username"].decode(), files["password"].decode())

    def redis_generation(self, gateway: str) -> int:
        with self.reader() as redis:
            return int(redis.hget(keys.bundle(gateway_key(self.namespace, gateway)), "generation") or 0)

    def term(self) -> int:
        """Of the reconciler that wrote last."""
        with self.reader() as redis:
            return int(redis.get(keys.TERM) or 0)

    def bootstrap(self, namespace: str = "") -> dict[str, Any] | None:
        """What engines of a namespace are handed out; of this chain's when none is named."""
        files = secret(self.cluster, namespace or self.namespace, BOOTSTRAP)
        return None if files is None else json.loads(files["bootstrap.json"])
