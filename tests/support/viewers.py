"""Service accounts that may see something, their tokens, and a config-api that asks the API server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from chain import BIN, ROOT, Service, eventually
from kube_api_server import KubeApiServer

from microgateway_cli.processes import free_port

SYSTEM = "microgateway-system"

#: A kubectl before 1.24 has no `create token`.
_TOKEN = "/api/v1/namespaces/{}/serviceaccounts/{}/token"

_RIGHTS = frozenset({"ServiceAccount", "ClusterRole", "ClusterRoleBinding"})


def create_account(cluster: KubeApiServer, namespace: str, name: str, sees: Sequence[str] = ()) -> None:
    """sees: namespaces whose gateways it may see; `*` for all of them."""
    account = {"name": name, "namespace": namespace}
    objects: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "microgateway-viewer"}
    for each in sees:
        metadata = {"name": f"{namespace}-{name}"} | ({} if each == "*" else {"namespace": each})
        objects.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding" if each == "*" else "RoleBinding",
                "metadata": metadata,
                "roleRef": role,
                "subjects": [{"kind": "ServiceAccount", **account}],
            }
        )
    for raw in objects:
        cluster.apply(json.dumps(raw))


def token(cluster: KubeApiServer, namespace: str, name: str, *audiences: str) -> str:
    """As `kubectl create token` makes one. audiences: those of the API server when there are none."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences), "expirationSeconds": 3600},
    }
    answer = cluster.http.post(_TOKEN.format(namespace, name), json=request)
    answer.raise_for_status()
    found: str = answer.json()["status"]["token"]
    return found


class GuardedConfigApi(Service):
    """Under its own account, with the rights of deploy/kustomize/base. redis: URL."""

    def __init__(self, cluster: KubeApiServer, folder: Path, redis: str) -> None:
        base = (ROOT / "deploy" / "kustomize" / "base" / "config-api.yaml").read_text()
        rights = [raw for raw in yaml.safe_load_all(base) if raw["kind"] in _RIGHTS]
        cluster.apply(yaml.safe_dump_all(rights))
        account = cluster.service_account(folder / "account", SYSTEM, "microgateway-config-api")
        self.url = f"http://127.0.0.1:{free_port()}"
        super().__init__(
            "config-api",
            [str(BIN / "microgateway-config-api"), "--listen", self.url.removeprefix("http://"),
             "--access", "kubernetes", "--api-ca", str(account / "ca.crt"),
             "--api-token", str(account / "token"), "--cache-dir", str(ROOT / "build"),
             "--log-level", "debug"],
            folder / "config-api.log",
            {**cluster.environment(), "MICROGATEWAY_REDIS": redis},
        )  # fmt: skip

    def await_ready(self) -> None:
        def is_ready() -> bool:
            try:
                return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        eventually(is_ready, "the config-api to answer", 60)
