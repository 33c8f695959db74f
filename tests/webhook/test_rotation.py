"""A new CA and a new serving certificate while pods are created: two replicas, one API server, no admission
fails."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import kube_webhook
import pytest
from chain import eventually
from kube_api_server import KubeApiServer
from kube_webhook import OWN, POD, Webhook
from round_robin import RoundRobin

from microgateway_cli.processes import free_port
from microgateway_webhook.certificates.life import Policy, first
from microgateway_webhook.certificates.storage import encode
from microgateway_webhook.injection import names

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

SECRET = "microgateway-webhook-certificates"
SERVICE = f"microgateway-webhook.{OWN}.svc"

#: Seconds in which the API server and both replicas notice a change, with room for a busy machine.
OVERLAP = 8

#: Until the rotation begins: replicas have to be up, and pods on their way.
BEFORE = timedelta(seconds=15)

STAGES = ("Settled", "Introducing", "Retiring")

#: Pods that are being created at any moment.
CREATORS = 6


class Stream(threading.Thread):
    """Creates pods until stopped. admitted: how many. failures: what the API server said to the others."""

    def __init__(self, cluster: KubeApiServer) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._stopped = threading.Event()
        self._numbers = itertools.count()
        self.admitted = 0
        self.failures: list[str] = []

    def run(self) -> None:
        with ThreadPoolExecutor(CREATORS) as pool:
            for _ in range(CREATORS):
                pool.submit(self._create)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _create(self) -> None:
        metadata: dict[str, Any] = POD["metadata"]  # type: ignore[assignment]
        context = ssl.create_default_context(cafile=str(self._cluster.ca))
        headers = {"Authorization": f"Bearer {self._cluster.token}"}
        with httpx.Client(base_url=self._cluster.url, verify=context, headers=headers, timeout=30) as http:
            while not self._stopped.is_set():
                body = {**POD, "metadata": {**metadata, "name": f"stream-{next(self._numbers)}"}}
                answer = http.post("/api/v1/namespaces/shop/pods", json=body)
                engines = [
                    each
                    for each in answer.json().get("spec", {}).get("containers", ())
                    if each["name"] == names.ENGINE
                ]
                if answer.status_code == 201 and engines:
                    self.admitted += 1
                else:
                    self.failures.append(answer.text)


class Handshakes(threading.Thread):
    """Shakes hands with every replica, trusting what the API server does: it keeps its own connections for
    long. done: how many. failures: why others came to nothing."""

    def __init__(self, cluster: KubeApiServer, ports: list[int]) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._ports = ports
        self._stopped = threading.Event()
        self.done = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._stopped.wait(0.05):
            (bundle,) = trusted(self._cluster, "mutatingwebhookconfigurations")
            context = ssl.create_default_context(cadata=bundle.decode())
            for port in self._ports:
                try:
                    with (
                        socket.create_connection(("127.0.0.1", port), 30) as plain,
                        context.wrap_socket(plain, server_hostname=SERVICE),
                    ):
                        self.done += 1
                except OSError as error:
                    self.failures.append(f"port {port}: {error}")

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def trusted(cluster: KubeApiServer, kind: str) -> set[bytes]:
    """The CA bundles of a webhook configuration."""
    found = cluster.http.get(f"/apis/admissionregistration.k8s.io/v1/{kind}/microgateway-webhook").json()
    return {base64.b64decode(each["clientConfig"]["caBundle"]) for each in found["webhooks"]}


def stored(cluster: KubeApiServer) -> dict[str, bytes]:
    data = cluster.get("secret", OWN, SECRET)["data"]
    return {name: base64.b64decode(text) for name, text in data.items()}


def has_come(cluster: KubeApiServer, former: dict[str, bytes], stage: str) -> bool:
    """Whether the stage, or one after it, is what the Secret tells of."""
    now = stored(cluster)
    state = json.loads(now["state"])["type"]
    if state == "Settled" and now["ca.crt"] != former["ca.crt"]:
        return True
    return stage in STAGES and STAGES.index(state) >= STAGES.index(stage)


def shown(port: int) -> str:
    """The certificate of a replica, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)


@pytest.fixture
def former(cluster: KubeApiServer) -> dict[str, bytes]:
    """Certificates of which two thirds will be over in a moment, and which are valid for an hour yet."""
    policy = Policy((SERVICE, f"{SERVICE}.cluster.local"), timedelta(hours=3), timedelta(hours=3))
    data = encode(first(policy, datetime.now(UTC) - timedelta(hours=2) + BEFORE))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": OWN},
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }
    cluster.apply(json.dumps(secret))
    return data


@pytest.fixture
def replicas(
    cluster: KubeApiServer, former: dict[str, bytes], tmp_path: Path
) -> Iterator[tuple[RoundRobin, list[int]]]:
    """Two webhooks behind one Service."""
    port, ports = free_port(), [free_port(), free_port()]
    kube_webhook.install(cluster, port)
    webhooks = [
        Webhook(cluster, tmp_path / str(each), each, "--certificate-overlap", str(OVERLAP)) for each in ports
    ]
    with RoundRobin(port, ports) as service:
        try:
            for each in webhooks:
                each.start()
            for each in webhooks:
                each.await_serving()
            yield service, ports
        finally:
            for each in webhooks:
                each.close()


def test_a_rotation_under_a_stream_of_admissions_fails_none(
    cluster: KubeApiServer, former: dict[str, bytes], replicas: tuple[RoundRobin, list[int]]
) -> None:
    service, ports = replicas
    first_admission = json.dumps({**POD, "metadata": {**POD["metadata"], "name": "first"}})  # type: ignore[dict-item]

    def is_admitted() -> bool:
        answer = cluster.http.post(
            "/api/v1/namespaces/shop/pods",
            content=first_admission,
            headers={"Content-Type": "application/json"},
        )
        return answer.status_code == 201

    eventually(is_admitted, "an admission: API servers take a moment to notice a configuration")
    stream, handshakes = Stream(cluster), Handshakes(cluster, ports)
    stages: dict[str, tuple[int, int]] = {}
    stream.start()
    handshakes.start()
    try:
        for each in (*STAGES, "Settled anew"):
            eventually(lambda name=each: has_come(cluster, former, name), f"the stage {each}", 60)  # type: ignore[misc]
            stages[each] = stream.admitted, handshakes.done
        settled = stream.admitted, handshakes.done
        eventually(
            lambda: stream.admitted > settled[0] + 50 and handshakes.done > settled[1] + 20,
            "admissions under the new CA alone",
            60,
        )
    finally:
        stream.stop()
        handshakes.stop()

    print(f"{stream.admitted} pods admitted, {handshakes.done} handshakes: {stages}")
    assert stream.failures == []
    assert handshakes.failures == []
    admitted, shaken = zip(*stages.values(), (stream.admitted, handshakes.done), strict=True)
    assert all(later > earlier for earlier, later in itertools.pairwise(admitted)), stages
    assert all(later > earlier for earlier, later in itertools.pairwise(shaken)), stages
    assert all(service.carried[port] for port in ports), "both replicas were asked"

    now = stored(cluster)
    assert now["ca-bundle.crt"] == now["ca.crt"] != former["ca.crt"]
    assert now["tls.crt"] != former["tls.crt"]
    for port in ports:
        eventually(lambda at=port: shown(at).encode() == now["tls.crt"], "the new certificate")  # type: ignore[misc]
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        assert trusted(cluster, kind) == {now["ca.crt"]}
