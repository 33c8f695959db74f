"""What the Prometheus operator makes of our monitors: jobs with their labels, here for processes of a test.

Where a monitor's port is comes from the manifests it selects, so one that names a port which nobody has is
found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from chain import ROOT

from microgateway_webhook.injection import containers, names
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.users import Users

BASE = ROOT / "deploy/kustomize/base"
MONITORS = ROOT / "deploy/kustomize/components/monitoring/monitors.yaml"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Process:
    """One that stands for a pod."""

    address: str
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class Monitor:
    """labels: of every sample, but for those that tell its pods apart."""

    name: str
    job: str
    path: str
    scheme: str
    tls: Mapping[str, Any]
    labels: Mapping[str, str]

    def scrape(self, targets: Path, ca: Path) -> Object:
        """A `scrape_config`. ca: stands for the Secret that the monitor names."""
        config: Object = {
            "job_name": self.job,
            "metrics_path": self.path,
            "scheme": self.scheme,
            "file_sd_configs": [{"files": [str(targets)]}],
        }
        if self.scheme == "https":
            config["tls_config"] = {"server_name": self.tls["serverName"], "ca_file": str(ca)}
        return config

    def target(self, process: Process) -> Object:
        """An entry of the file of targets."""
        labels = {**self.labels, "namespace": process.namespace, "pod": process.pod}
        return {"targets": [process.address], "labels": labels}


def monitors() -> dict[str, Monitor]:
    """By name."""
    return {found.name: found for found in map(_monitor, _documents(MONITORS))}


def _monitor(raw: Object) -> Monitor:
    name, namespace = raw["metadata"]["name"], raw["metadata"]["namespace"]
    spec = raw["spec"]
    wanted = spec["selector"]["matchLabels"]
    (endpoint,) = spec["podMetricsEndpoints" if raw["kind"] == "PodMonitor" else "endpoints"]
    if raw["kind"] == "PodMonitor":
        job = f"{namespace}/{name}"
        port = endpoint["port"]
    else:
        (service,) = (each for each in _objects("Service") if _has(each["metadata"], wanted))
        job = service["metadata"]["name"]
        (port,) = (
            each["targetPort"] for each in service["spec"]["ports"] if each["name"] == endpoint["port"]
        )
        wanted = service["spec"]["selector"]
    container = _container(wanted, port)
    labels = {"container": container["name"], "endpoint": endpoint["port"]}
    for rule in endpoint.get("relabelings", ()):
        if "replacement" in rule:
            labels[rule["targetLabel"]] = rule["replacement"]
    return Monitor(
        name,
        job,
        endpoint.get("path", "/metrics"),
        endpoint.get("scheme", "http"),
        endpoint.get("tlsConfig", {}),
        labels,
    )


def _container(wanted: Mapping[str, str], port: str) -> Object:
    """The one container with that port, of the pods that have these labels."""
    if wanted == {names.INJECT_LABEL: "true"}:
        pods = [[_engine()]]
    else:
        pods = [
            each["spec"]["template"]["spec"]["containers"]
            for each in (*_objects("Deployment"), *_objects("DaemonSet"))
            if _has(each["spec"]["template"]["metadata"], wanted)
        ]
    (found,) = (
        container
        for pod in pods
        for container in pod
        if port in [each.get("name") for each in container.get("ports", ())]
    )
    return found


def _engine() -> Object:
    """As the webhook injects it."""
    return containers.engine(default_template("dev", "dev"), Users(1, 2), 20, {}, native=False)


def _has(metadata: Object, wanted: Mapping[str, str]) -> bool:
    labels: Mapping[str, str] = metadata.get("labels", {})
    return wanted.items() <= labels.items()


def _objects(kind: str) -> Iterator[Object]:
    for path in sorted(BASE.glob("*.yaml")):
        yield from (each for each in _documents(path) if each.get("kind") == kind)


def _documents(path: Path) -> list[Object]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]
