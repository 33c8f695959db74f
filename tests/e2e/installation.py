"""The objects of an installation: kustomize's overlay `dev`, with the cluster's CNI directories instead of a
machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from .cluster import ROOT, SCRIPTS, Cluster, Object, run

DEPLOY = ROOT / "deploy" / "kustomize"
SYSTEM, CNI_NAMESPACE, CNI = "microgateway-system", "microgateway-cni", "microgateway-cni"


def definitions() -> list[Object]:
    """The CustomResourceDefinitions."""
    return _render(DEPLOY / "crds")


def installation(cluster: Cluster) -> list[Object]:
    """All else."""
    rendered = _render(DEPLOY / "overlays" / "dev")
    for each in rendered:
        if is_agent(each):
            _move_directories(each, cluster)
    return rendered


def is_agent(found: Object) -> bool:
    return bool(found["kind"] == "DaemonSet" and found["metadata"]["name"] == CNI)


def deployments(objects: list[Object]) -> Iterator[tuple[str, str]]:
    """Name and namespace."""
    for each in objects:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["metadata"]["namespace"]


def _render(folder: Path) -> list[Object]:
    kustomize = run(SCRIPTS / "kustomize.sh").strip()
    return [each for each in yaml.safe_load_all(run(kustomize, "build", folder)) if each]


def _move_directories(daemonset: Object, cluster: Cluster) -> None:
    pod = daemonset["spec"]["template"]["spec"]
    agent = next(each for each in pod["containers"] if each["name"] == "agent")
    moved = {"cni-net-dir": cluster.network_configurations, "cni-bin-dir": cluster.plugins}
    # Before the list of namespaces, which takes every word behind it.
    agent["args"][1:1] = [f"--{name}={folder}" for name, folder in moved.items()]
    for volume in pod["volumes"]:
        if volume["name"] in moved:
            volume["hostPath"]["path"] = str(moved[volume["name"]])
    for mount in agent["volumeMounts"]:
        if mount["name"] in moved:
            mount["mountPath"] = f"/host{moved[mount['name']]}"
