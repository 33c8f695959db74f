"""The webhook as an API server calls it: over TLS, with the service account's rights and nobody else's."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kube_webhook
import pytest
import yaml
from chain import eventually
from kube_api_server import KubeApiServer
from kube_webhook import OWN, POD, Webhook

from microgateway_cli.processes import free_port
from microgateway_webhook.injection import names

CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def configurations(port: int) -> str:
    return kube_webhook.configurations(port)


@pytest.fixture(scope="module")
def webhook(cluster: KubeApiServer, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its log. Rights and configurations are those of the base."""
    kube_webhook.install(cluster, port)
    process = Webhook(cluster, tmp_path_factory.mktemp("webhook"), port)
    process.start()
    try:
        process.await_serving()
        # API servers take a moment to notice a changed configuration.
        eventually(lambda: try_pod(cluster, POD) == "", "an admission")
        yield process.log
    finally:
        process.close()


def try_pod(cluster: KubeApiServer, pod: dict[str, Any]) -> str:
    """Empty, or why not. Nothing is stored."""
    try:
        cluster.kubectl("create", "--dry-run=server", "-n", "shop", "-f", "-", stdin=json.dumps(pod))
    except AssertionError as error:
        return str(error)
    return ""


def test_a_labelled_pod_is_stored_with_the_gateway(cluster: KubeApiServer, webhook: Path) -> None:
    cluster.kubectl("create", "-n", "shop", "-f", "-", stdin=json.dumps(POD))
    spec = cluster.get("pod", "shop", "shop")["spec"]

    # The server is older than native sidecars.
    assert [each["name"] for each in spec["initContainers"]] == [names.NETCHECK, "migrate"]
    assert [each["name"] for each in spec["containers"]] == [names.ENGINE, "shop"]
    assert spec["containers"][1]["readinessProbe"]["httpGet"]["path"] == "/app-health/shop/readyz"

    copy = cluster.get("pod", "shop", "shop")
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        copy["metadata"].pop(field, None)
    copy["metadata"]["name"] = "copy"
    del copy["status"]
    cluster.kubectl("create", "-n", "shop", "-f", "-", stdin=json.dumps(copy))
    assert cluster.get("pod", "shop", "copy")["spec"] == spec
    assert "pod shop/copy: already injected" in webhook.read_text()


def test_what_cannot_be_protected_is_refused_with_a_reason(cluster: KubeApiServer, webhook: Path) -> None:
    host = {**POD, "spec": {**POD["spec"], "hostNetwork": True}}  # type: ignore[dict-item]
    assert "spec.hostNetwork: expected false, got true" in try_pod(cluster, host)
    plain = {**host, "metadata": {"name": "plain"}}
    assert try_pod(cluster, plain) == ""


def test_a_wrong_resource_is_denied_and_a_reference_to_nothing_is_not(
    cluster: KubeApiServer, webhook: Path
) -> None:
    head = "apiVersion: microgateway.airlock.com/v1alpha1\nmetadata: {name: x, namespace: shop}\n"
    data = "{path: {matcher: {regex: '('}}}"
    request = f"{{custom: {{rules: [{{ruleKey: A, blockData: {data}}}]}}}}"
    wrong = f"{head}kind: DenyRules\nspec: {{request: {request}}}\n"
    with pytest.raises(AssertionError, match=r'The DenyRules "x" is invalid: spec\.request\.custom'):
        cluster.apply(wrong)
    cluster.apply(f"{head}kind: ContentSecurity\nspec: {{limitsRef: {{name: absent}}}}\n")


def configuration(cluster: KubeApiServer, resource: str) -> dict[str, Any]:
    """Not with kubectl, which hides the managed fields."""
    path = f"/apis/admissionregistration.k8s.io/v1/{resource}/microgateway-webhook"
    found: dict[str, Any] = cluster.http.get(path).raise_for_status().json()
    return found


def test_the_webhook_owns_the_bundles_and_nothing_else(
    cluster: KubeApiServer, webhook: Path, configurations: str
) -> None:
    before = [configuration(cluster, kind) for kind in CONFIGURATIONS]
    for each in before:
        (own,) = [
            entry for entry in each["metadata"]["managedFields"] if entry["manager"] == "microgateway-webhook"
        ]
        for owned in own["fieldsV1"]["f:webhooks"].values():
            assert set(owned) <= {".", "f:name", "f:clientConfig"}
            assert set(owned.get("f:clientConfig", {})) <= {".", "f:caBundle"}

    cluster.apply(configurations)

    bundles = [[hook["clientConfig"]["caBundle"] for hook in each["webhooks"]] for each in before]
    after = [configuration(cluster, kind) for kind in CONFIGURATIONS]
    assert bundles == [[hook["clientConfig"]["caBundle"] for hook in each["webhooks"]] for each in after]
    secret = cluster.get("secret", OWN, "microgateway-webhook-certificates")
    assert bundles[0][0] == secret["data"]["ca-bundle.crt"]
    assert base64.b64decode(bundles[0][0]).startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_deleted_secret_comes_back_while_admissions_go_on(cluster: KubeApiServer, webhook: Path) -> None:
    stop = threading.Event()
    failures: list[str] = []
    pod = {**POD, "metadata": {**POD["metadata"], "name": "stream"}}  # type: ignore[dict-item]

    def admit() -> None:
        while not stop.is_set():
            if problem := try_pod(cluster, pod):
                failures.append(problem)

    def certificate() -> str:
        found = json.loads(cluster.kubectl("get", "secrets", "-n", OWN, "-o", "json"))
        data = {each["metadata"]["name"]: each["data"] for each in found["items"]}
        return str(data.get("microgateway-webhook-certificates", {}).get("tls.crt"))

    stream = threading.Thread(target=admit, daemon=True)
    stream.start()
    try:
        before = certificate()
        cluster.kubectl("delete", "secret", "-n", OWN, "microgateway-webhook-certificates")
        eventually(lambda: certificate() == before, "the Secret to come back")
    finally:
        stop.set()
        stream.join()
    assert failures == []


def test_while_the_webhook_is_down_only_labelled_pods_wait(
    cluster: KubeApiServer, webhook: Path, configurations: str
) -> None:
    nobody = free_port()
    documents = list(yaml.safe_load_all(configurations))
    for document in documents:
        for each in document["webhooks"]:
            each["clientConfig"]["service"]["port"] = nobody
    cluster.apply(yaml.safe_dump_all(documents))
    late = {**POD, "metadata": {**POD["metadata"], "name": "late"}}  # type: ignore[dict-item]
    plain = {**POD, "metadata": {"name": "unlabelled"}}
    try:
        refusal = eventually(lambda: try_pod(cluster, late) or None, "a refusal")
        cluster.kubectl("create", "-n", "shop", "-f", "-", stdin=json.dumps(plain))
        cluster.kubectl("delete", "pod", "-n", "shop", "unlabelled", "--now")
    finally:
        cluster.apply(configurations)
    assert 'failed calling webhook "mutate-pod.microgateway.airlock.com"' in refusal
    eventually(lambda: try_pod(cluster, late) == "", "admissions to go on")
