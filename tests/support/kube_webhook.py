"""The webhook on a real API server: rights and configurations of the base, the process on loopback."""

from __future__ import annotations

from pathlib import Path

import yaml
from chain import BIN, ROOT, Service, eventually
from kube_api_server import KubeApiServer

from microgateway_webhook.injection import names

BASE = ROOT / "deploy" / "kustomize" / "base"
OWN = "microgateway-system"

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "shop", "labels": {names.INJECT_LABEL: "true"}},
    "spec": {
        "initContainers": [{"name": "migrate", "image": "shop:1"}],
        "containers": [
            {
                "name": "shop",
                "image": "shop:1",
                "ports": [{"name": "http", "containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            }
        ],
    },
}


def configurations(port: int) -> str:
    """As deployed, but for the port: where there is no kube-proxy, no other leads to the process."""
    documents = list(yaml.safe_load_all((BASE / "webhook-configurations.yaml").read_text()))
    for document in documents:
        for each in document["webhooks"]:
            each["clientConfig"]["service"]["port"] = port
    return yaml.safe_dump_all(documents)


def install(cluster: KubeApiServer, port: int) -> None:
    """Everything but the process, which has to listen on that port."""
    documents = list(yaml.safe_load_all((BASE / "webhook.yaml").read_text()))
    wanted = [each for each in documents if each["kind"] == "ServiceAccount" or "rbac" in each["apiVersion"]]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "microgateway-webhook", "namespace": OWN},
        # The API server connects to this name and expects the certificate of the Service.
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    cluster.apply(yaml.safe_dump_all([*wanted, service]))
    cluster.apply(configurations(port))


class Webhook(Service):
    """One replica."""

    def __init__(self, cluster: KubeApiServer, folder: Path, port: int, *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        account = cluster.service_account(folder / "account", OWN, "microgateway-webhook")
        super().__init__(
            f"webhook {port}",
            [str(BIN / "microgateway-webhook"), "--listen", f"127.0.0.1:{port}", "--api-server", cluster.url,
             "--api-ca", str(account / "ca.crt"), "--api-token", str(account / "token"), *arguments],
            folder / "log",
            {"POD_NAMESPACE": OWN},
        )  # fmt: skip

    def await_serving(self) -> None:
        eventually(lambda: "Uvicorn running" in self.log.read_text(), f"{self.name} to listen")
