"""The process as it is deployed: TLS, AdmissionReviews, signals, and certificates that change under load."""

from __future__ import annotations

import base64
import json
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from microgateway_cli.processes import free_port
from microgateway_webhook.certificates.authority import KeyPair, issue, new_authority
from microgateway_webhook.injection import names

COMMAND = Path(sys.executable).parent / "microgateway-webhook"

POD: dict[str, Any] = {
    "metadata": {"generateName": "shop-", "labels": {names.INJECT_LABEL: "true"}},
    "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
}


def show(folder: Path, authority: KeyPair) -> None:
    """What cert-manager and the kubelet do: a new pair in the mounted folder."""
    pair = issue(authority, ("localhost",), datetime.now(UTC), timedelta(days=1))
    for name, content in (("tls.crt", pair.certificate), ("tls.key", pair.key)):
        fresh = folder / f"{name}.new"
        fresh.write_bytes(content)
        fresh.rename(folder / name)


@dataclass
class Webhook:
    url: str
    folder: Path
    authority: KeyPair
    log: Path
    process: subprocess.Popen[str]

    def client(self, *authorities: KeyPair) -> httpx.Client:
        bundle = b"".join(each.certificate for each in authorities or (self.authority,)).decode()
        context = ssl.create_default_context(cadata=bundle)
        return httpx.Client(base_url=self.url, verify=context, timeout=30, trust_env=False)

    def review(self, client: httpx.Client, path: str, new: Any, **request: Any) -> dict[str, Any]:
        question = {"uid": "7", "operation": "CREATE", "namespace": "shop", "object": new, **request}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": question}
        answer = client.post(f"{path}?timeout=10s", json=review)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = body["response"]
        assert response["uid"] == "7"
        return response


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    port = free_port()
    authority = new_authority(datetime.now(UTC), timedelta(days=1))
    show(tmp_path, authority)
    command = [str(COMMAND), "--listen", f"127.0.0.1:{port}", "--server-version", "1.30"]
    command += ["--certificate-dir", str(tmp_path)]
    # A file, because nobody reads while the test runs: a full pipe would stop the process.
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, text=True)
    running = Webhook(f"https://localhost:{port}", tmp_path, authority, log, process)
    deadline = time.monotonic() + 60
    with running.client() as client:
        while True:
            try:
                assert client.get("/readyz").json() == {"status": "ok"}
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    yield running
    process.kill()
    process.wait()


def test_it_answers_the_api_server_and_leaves_quickly(webhook: Webhook) -> None:
    with webhook.client() as client:
        injected = webhook.review(client, "/mutate-v1-pod", POD)
        assert injected["patchType"] == "JSONPatch"
        patch = json.loads(base64.b64decode(injected["patch"]))
        assert {"add"} == {each["op"] for each in patch}
        assert "patch" not in webhook.review(client, "/mutate-v1-pod", {**POD, "metadata": {}})
        refused = webhook.review(
            client, "/mutate-v1-pod", {**POD, "spec": {**POD["spec"], "hostNetwork": True}}
        )
        assert not refused["allowed"]
        assert refused["status"]["message"].startswith("spec.hostNetwork: expected false, got true")
        webhook.review(client, "/mutate-v1-pod", POD, dryRun=True)
        for ignored in ({"operation": "UPDATE"}, {"subResource": "status"}, {"operation": "DELETE"}):
            assert webhook.review(client, "/mutate-v1-pod", POD, **ignored) == {"uid": "7", "allowed": True}

        rules = {
            "apiVersion": "microgateway.airlock.com/v1alpha1",
            "kind": "DenyRules",
            "metadata": {"name": "rules", "namespace": "shop"},
            "spec": {"request": {"builtIn": {"settings": {"level": "Strictest"}}}},
        }
        denied = webhook.review(client, "/validate-v1alpha1", rules)
        assert denied["status"]["code"] == 422
        assert [each["field"] for each in denied["status"]["details"]["causes"]] == [
            "spec.request.builtIn.settings.level"
        ]
        assert denied["status"]["message"].startswith("DenyRules shop/rules: spec.request.builtIn")

        for body in ({}, {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}):
            wrong = client.post("/mutate-v1-pod", json=body)
            assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/problem+json")
            assert "expected an AdmissionReview of admission.k8s.io/v1" in wrong.json()["detail"]
        assert client.get("/nowhere").headers["content-type"] == "application/problem+json"

        metrics = client.get("/metrics").text
        assert 'microgateway_webhook_injections_total{outcome="injected"} 1.0' in metrics
        assert 'microgateway_webhook_injections_total{outcome="skipped"} 1.0' in metrics
        assert 'microgateway_webhook_injections_total{outcome="refused"} 1.0' in metrics
        assert 'microgateway_webhook_validations_total{kind="DenyRules",outcome="denied"} 1.0' in metrics
        ends = "microgateway_certificate_expiry_timestamp_seconds"
        assert f'{ends}{{certificate="serving",use="webhook"}}' in metrics
        for handler in ("/mutate-v1-pod", "/validate-v1-pod", "/validate-v1alpha1"):
            assert f'microgateway_webhook_failures_total{{handler="{handler}"}} 0.0' in metrics

    begun = time.monotonic()
    webhook.process.send_signal(signal.SIGTERM)
    webhook.process.wait(timeout=30)
    assert (webhook.process.returncode, time.monotonic() - begun < 15) == (0, True)
    messages = [json.loads(line)["message"] for line in webhook.log.read_text().splitlines()]
    assert "pod shop/shop-…: injected" in messages
    assert "pod shop/shop-…: already injected (dry run)" not in messages
    assert not any("/readyz" in each for each in messages)


def test_a_rotation_under_a_stream_of_admissions_fails_none(webhook: Webhook) -> None:
    """Three authorities after one another; clients trust the former and the next, as caBundle does."""
    authorities = [webhook.authority] + [
        new_authority(datetime.now(UTC), timedelta(days=1)) for _ in range(2)
    ]
    stop, admitted = threading.Event(), [0]
    failures: list[Exception] = []

    def admit(keeps_its_connection: bool) -> None:
        client = webhook.client(*authorities)
        while not stop.is_set():
            try:
                assert webhook.review(client, "/mutate-v1-pod", POD)["allowed"]
                admitted[0] += 1
            except (httpx.HTTPError, AssertionError) as error:
                failures.append(error)
            if not keeps_its_connection:
                client.close()
                client = webhook.client(*authorities)
        client.close()

    streams = [threading.Thread(target=admit, args=(keeps,), daemon=True) for keeps in (True, False, False)]
    for each in streams:
        each.start()
    try:
        for authority in authorities[1:]:
            before = admitted[0]
            show(webhook.folder, authority)
            deadline = time.monotonic() + 60
            while not is_shown(webhook, authority):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert admitted[0] > before
    finally:
        stop.set()
        for each in streams:
            each.join()

    assert failures == []
    assert admitted[0] > 100
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        webhook.client(authorities[0]).get("/healthz")


def is_shown(webhook: Webhook, authority: KeyPair) -> bool:
    with webhook.client(authority) as client:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.ConnectError:
            return False


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected to run in a pod, or --api-server, or --server-version"),
        (["--server-version", "new"], "expected one such as 1.29, got 'new'"),
        (["--server-version", "1.30"], "without an API server --certificate-dir is needed"),
        (["--operator-config", "nowhere.yaml"], "nowhere.yaml"),
        (
            ["--log-level", "loud"],
            "--log-level: expected one of trace, debug, info, warn, error, critical, off, got 'loud'",
        ),
    ],
)
def test_an_invalid_flag_is_explained(flags: list[str], message: str) -> None:
    ended = subprocess.run([COMMAND, *flags], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_a_missing_certificate_is_explained(tmp_path: Path) -> None:
    command = [str(COMMAND), "--server-version", "1.30", "--certificate-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "cannot start" in ended.stdout
    assert "tls.crt" in ended.stdout
