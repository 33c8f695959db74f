"""Which API server, which of its namespaces, and why it may come to nothing. Imports no client, which
takes half a second and 45 MB: a reconciler that watches a folder needs none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Where the kubelet mounts a service account's token and the API server's CA.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class InCluster:
    """service_account: a folder with `token`, `ca.crt` and `namespace`. The address is that of the
    environment's KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT."""

    service_account: Path


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """path: None for the files kubectl would take. context: None for the current one."""

    path: Path | None
    context: str | None


Access = InCluster | Kubeconfig


@dataclass(frozen=True, slots=True)
class AllNamespaces:
    """Needs a ClusterRole."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Needs a Role in each."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamespacesLabelled:
    """selector: as `kubectl --selector` takes it. Needs a ClusterRole that may watch namespaces."""

    selector: str


Scope = AllNamespaces | Namespaces | NamespacesLabelled


class NoAccessError(Exception):
    """It cannot be told how to reach the API server."""


class LeadershipLostError(Exception):
    """Somebody else may lead; this process must stop writing."""


def own_namespace(access: Access) -> str | None:
    """The namespace this process runs in; None outside a cluster."""
    match access:
        case InCluster(service_account):
            try:
                return (service_account / "namespace").read_text().strip() or None
            except OSError:
                return None
        case Kubeconfig():
            return None


def runs_in_cluster() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
