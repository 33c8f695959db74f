"""A real Prometheus, Debian's, on a loopback port."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import yaml

from microgateway_cli.processes import die_with_parent, free_port


class Prometheus:
    """configuration: of the whole server. Its files and data go to folder."""

    def __init__(self, configuration: Mapping[str, Any], folder: Path) -> None:
        self._log = folder / "prometheus.log"
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration))
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        command = [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"Prometheus has ended:\n{self._log.read_text()}")
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, expression: str) -> list[Any]:
        """The result's vector: `metric` and `value` of each."""
        found = self._get(f"query?query={quote(expression)}")["result"]
        assert isinstance(found, list)
        return found

    def names(self) -> set[str]:
        """Of all metrics that were scraped."""
        return set(self._get("label/__name__/values"))

    def label_values(self, label: str, selector: str) -> set[str]:
        query = urlencode({"match[]": selector})
        return set(self._get(f"label/{label}/values?{query}"))

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Labels of the alerts that fire, by name."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self._get("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def targets(self) -> list[Any]:
        found = self._get("targets")["activeTargets"]
        assert isinstance(found, list)
        return found

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _get(self, path: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]
