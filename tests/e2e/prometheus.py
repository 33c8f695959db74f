"""A real Prometheus on the node. Debian's is built without discovery by the Kubernetes API, so a file tells
it what that would: the pods that have a port for metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from prometheus_server import Prometheus

from .cluster import SCRIPTS, Object, run

#: Of the engine and of the agent.
_PORT_NAMES = {"mgw-metrics", "metrics"}


def targets(pods: Iterable[Object]) -> list[Object]:
    """Of each port for metrics, with `namespace` and `pod` as labels (Prometheus: file_sd_config)."""
    return [
        {
            "targets": [f"{pod['status']['podIP']}:{port['containerPort']}"],
            "labels": {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"]},
        }
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
        if port.get("name") in _PORT_NAMES
    ]


def start(pods: Iterable[Object], folder: Path) -> Prometheus:
    """It scrapes them each second."""
    run(SCRIPTS / "system-packages.sh", "prometheus", seconds=300)
    file = folder / "targets.json"
    file.write_text(json.dumps(targets(pods)))
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "microgateway", "file_sd_configs": [{"files": [str(file)]}]}],
    }
    return Prometheus(configuration, folder)
