"""What kustomize builds, on a real API server, with the webhook as a process under its own account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kustomize
import yaml
from chain import BIN, Service, eventually
from kube_api_server import KubeApiServer
from kustomize import SYSTEM, Raw, Variant

from microgateway_cli.processes import free_port

DEV = Variant("deploy/kustomize/overlays/dev")

#: Kinds of others, whose CustomResourceDefinitions are not here.
FOREIGN = frozenset({"cert-manager.io", "monitoring.coreos.com"})


def for_this_server(raw: Raw) -> Raw:
    """As a server of version 1.20 takes it: what is newer is tests/deploy's to check by its schema."""
    copy: Raw = json.loads(json.dumps(raw))
    if copy["kind"] == "PodDisruptionBudget":
        copy["apiVersion"] = "policy/v1beta1"  # policy/v1 since 1.21
    if copy["kind"] == "Deployment":
        for constraint in copy["spec"]["template"]["spec"].get("topologySpreadConstraints", ()):
            constraint.pop("nodeTaintsPolicy", None)  # since 1.25
    return copy


def manifests(objects: tuple[Raw, ...]) -> str:
    return yaml.safe_dump_all(
        [for_this_server(raw) for raw in objects if raw["apiVersion"].partition("/")[0] not in FOREIGN]
    )


class Installed:
    """The dev overlay on an API server, with the webhook as a process under its own account."""

    def __init__(self, cluster: KubeApiServer, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.installation = kustomize.build(DEV)
        self.port = free_port()
        self.webhook = self._webhook()

    def install(self) -> None:
        self.cluster.apply(self.manifests())

    def manifests(self) -> str:
        """Where there is no kube-proxy, no Service leads to a process: the webhook's is another name of
        this machine, and its port the process's."""
        objects = json.loads(json.dumps(self.installation.objects))
        for raw in objects:
            if kustomize.key(raw) == ("Service", SYSTEM, "microgateway-webhook"):
                raw["spec"] = {"type": "ExternalName", "externalName": "localhost"}
            for webhook in raw.get("webhooks", ()):
                webhook["clientConfig"]["service"]["port"] = self.port
        return manifests(tuple(objects))

    def _webhook(self) -> Service:
        environment = {
            **self.installation.environment(self.installation.workload("microgateway-webhook")),
            **self.cluster.environment(),
            "POD_NAMESPACE": SYSTEM,
        }
        account = self.folder / "webhook"
        command = [BIN / "microgateway-webhook", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--api-server", self.cluster.url, "--api-ca", account / "ca.crt"]
        command += ["--api-token", account / "token"]
        return Service("webhook", list(map(str, command)), self.folder / "webhook.log", environment)

    def start(self) -> None:
        self.cluster.service_account(self.folder / "webhook", SYSTEM, "microgateway-webhook")
        self.webhook.start()
        eventually(self._admits, "an admission", 60)

    def _admits(self) -> bool:
        config = "apiVersion: microgateway.airlock.com/v1alpha1\nkind: Parser\nmetadata: {name: try}\n"
        done = self.kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", stdin=config)
        return done.returncode == 0

    def kubectl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Whatever comes of it."""
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.cluster.kubeconfig}", *arguments],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
