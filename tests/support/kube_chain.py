"""The chain with the Kubernetes API server at its head: Redis, reconcilers under their own service account,
engines."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml
from chain import BIN, COLD_START, ROOT, Service, eventually
from kube_api_server import KubeApiServer
from redis import Redis

from microgateway_cli.processes import free_port
from microgateway_cli.redis_server import RedisServer
from microgateway_common.bus import keys
from microgateway_common.names import gateway_key
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.registry import KINDS
from microgateway_compiler import objects

ACCOUNT_NAMESPACE = "microgateway-system"
ACCOUNT = "microgateway-reconciler"

#: Seconds until a leader that just dies is replaced: the lease's duration of 15, a retry, and a busy machine.
FAILOVER = 60.0

#: What tells an injected pod.
ENGINE_CONTAINER = {"name": objects.ENGINE_CONTAINER, "image": "engine"}

#: Environment of processes that sign and check nothing.
UNSIGNED = {"MICROGATEWAY_TRUST": "unsigned"}


class Reconciler(Service):
    """One replica. arguments: after those that every replica has. trust: environment."""

    def __init__(
        self,
        cluster: KubeApiServer,
        redis: RedisServer,
        folder: Path,
        *arguments: str,
        trust: Mapping[str, str] = UNSIGNED,
    ) -> None:
        number = len(list(folder.glob("reconciler-*.log")))
        log = folder / f"reconciler-{number}.log"
        log.touch()
        self.account = cluster.service_account(folder / f"account-{number}", ACCOUNT_NAMESPACE, ACCOUNT)
        self.metrics_port = free_port()
        super().__init__(
            f"reconciler-{number}",
            [str(BIN / "microgateway-reconciler"), "--source", "kubernetes",
             "--metrics-listen", f"127.0.0.1:{self.metrics_port}",
             "--service-account", str(self.account), *arguments],
            log,
            {**cluster.environment(), "MICROGATEWAY_REDIS": redis.url, "POD_NAME": f"replica-{number}",
             **trust},
        )  # fmt: skip

    def metric(self, name: str) -> float:
        try:
            text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text
        except httpx.TransportError:
            return 0.0
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def readiness(self) -> tuple[int, str]:
        """Status and reason; 0 while nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.metrics_port}/readyz", timeout=5)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text.strip()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def leads(self) -> bool:
        return self.metric("microgateway_leader ") == 1

    def await_lead(self) -> None:
        eventually(self.leads, f"{self.name} to lead", FAILOVER)


class Engine(Service):
    """A pod's engine in explicit mode, before an application of its own. uid: of the pod. trust: as above."""

    def __init__(
        self,
        redis: RedisServer,
        folder: Path,
        pod: str,
        upstream: int,
        uid: str,
        trust: Mapping[str, str] = UNSIGNED,
    ) -> None:
        self.pod = pod
        self.port, self.probe, self.admin = free_port(), free_port(), free_port()
        name = pod.replace("/", "_")
        super().__init__(
            f"engine {pod}",
            [str(BIN / "microgateway-engine"), "--pod", pod, "--listen", f"127.0.0.1:{self.port}",
             "--upstream", f"127.0.0.1:{upstream}", "--application-port", "8080",
             "--state-dir", str(folder / f"state-{name}"),
             "--cache-dir", str(folder.parent / "rules"),  # one for all tests of a run
             "--probe-listen", f"127.0.0.1:{self.probe}", "--metrics-listen", f"127.0.0.1:{free_port()}",
             "--admin-listen", f"127.0.0.1:{self.admin}", "--drain-seconds", "1"],
            folder / f"engine-{name}.log",
            {"MICROGATEWAY_REDIS": redis.url, "POD_UID": uid, **trust},
        )  # fmt: skip

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.probe}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def await_ready(self) -> None:
        eventually(self.is_ready, f"{self.name} to be ready", COLD_START)

    def status_of(self, path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30).status_code


class KubeChain:
    """Redis and whatever is started of the rest; all of it ends with the block."""

    def __init__(self, cluster: KubeApiServer, folder: Path, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._folder = folder
        self.redis = RedisServer()
        self._services: list[Service] = []
        self.reconciler_trust: Mapping[str, str] = UNSIGNED
        self.engine_trust: Mapping[str, str] = UNSIGNED

    def __enter__(self) -> Self:
        self.redis.start()
        self.cluster.kubectl("delete", "lease", "-n", ACCOUNT_NAMESPACE, ACCOUNT, "--ignore-not-found")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for service in self._services:
                print(f"--- {service.name}", *service.log.read_text().splitlines()[-25:], sep="\n")
        for service in reversed(self._services):
            service.close()
        self.redis.close()

    def reconciler(self, *arguments: str) -> Reconciler:
        """A replica, started; it watches this chain's namespace unless told otherwise."""
        scope = arguments or ("--namespaces", self.namespace)
        replica = Reconciler(self.cluster, self.redis, self._folder, *scope, trust=self.reconciler_trust)
        self._services.append(replica)
        replica.start()
        return replica

    def engine(self, pod: str) -> Engine:
        """A pod's engine and its application, started."""
        port = free_port()
        command = [sys.executable, "-m", "microgateway_cli.demo_application", "--listen", f"127.0.0.1:{port}"]
        application = Service("application", command, self._folder / f"application-{pod}.log", {})
        key, trust = f"{self.namespace}/{pod}", self.engine_trust
        engine = Engine(self.redis, self._folder, key, port, self.uid(pod), trust)
        for service in (application, engine):
            self._services.append(service)
            service.start()
        return engine

    def uid(self, pod: str) -> str:
        """Of a pod that exists."""
        return str(self.cluster.get("pod", self.namespace, pod)["metadata"]["uid"])

    def stop(self, service: Service) -> None:
        assert service.end(signal.SIGTERM) == 0

    # The API server's side

    def apply(self, *objects: dict[str, Any]) -> None:
        self.cluster.apply(yaml.safe_dump_all(objects))

    def apply_shop(self) -> None:
        self.apply_example("shop")

    def apply_example(self, name: str) -> None:
        """A folder of the examples, in this chain's namespace."""
        for path in sorted((ROOT / "examples" / name).glob("*.yaml")):
            for document in yaml.safe_load_all(path.read_text()):
                document["metadata"]["namespace"] = self.namespace
                if document["kind"] == "Pod":
                    document["spec"]["containers"].insert(0, ENGINE_CONTAINER)  # as if injected
                self.apply(document)

    def object(self, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    def pod(self, name: str, **labels: str) -> dict[str, Any]:
        """As injected, as far as the reconciler looks."""
        labels["sidecar.microgateway.airlock.com/inject"] = "true"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "containers": [ENGINE_CONTAINER, {"name": "app", "image": "app"}],
                "automountServiceAccountToken": False,
            },
        }

    def pod_without_engine(self, name: str, **labels: str) -> dict[str, Any]:
        """As one that was created before the webhook was there."""
        pod = self.pod(name, **labels)
        pod["spec"]["containers"].remove(ENGINE_CONTAINER)
        return pod

    def path(self, kind: str, name: str = "") -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{KINDS[kind].PLURAL}/{name}"

    def read(self, kind: str, name: str) -> dict[str, Any]:
        answer = self.cluster.http.get(self.path(kind, name))
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def patch(self, kind: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """RFC 7386 merge patch; the object after it."""
        answer = self.cluster.http.patch(
            self.path(kind, name),
            content=json.dumps(patch),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()
        patched: dict[str, Any] = answer.json()
        return patched

    def redis_generation(self, gateway: str) -> int:
        """Of the published bundle; 0 when there is none."""
        with Redis.from_url(self.redis.url) as redis:
            key = gateway_key(self.namespace, gateway)
            return int(redis.hget(keys.bundle(key), "generation") or 0)

    def redis_has(self, gateway: str) -> bool:
        return self.redis_generation(gateway) > 0

    def condition(self, kind: str, name: str, condition: str) -> dict[str, Any]:
        """Empty while there is none, or it speaks of an older generation."""
        found = self.read(kind, name)
        for each in found.get("status", {}).get("conditions", ()):
            if each["type"] == condition and each["observedGeneration"] == found["metadata"]["generation"]:
                return dict(each)
        return {}

    def await_condition(
        self, kind: str, name: str, condition: str, status: str, reason: str
    ) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.condition(kind, name, condition)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        return eventually(look, f"{kind} {name} to have {condition} {status} for {reason}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """About objects of that name."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = self.cluster.http.get(path).json()["items"]
        return [item for item in items if item["regarding"]["name"] == name]

    def await_event(self, name: str, reason: str) -> dict[str, Any]:
        """The Event of that reason about an object of that name; there must be one."""

        def look() -> list[dict[str, Any]] | None:
            return [each for each in self.events(name) if each["reason"] == reason] or None

        (event,) = eventually(look, f"an Event {reason} about {name}")
        return event
