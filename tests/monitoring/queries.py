"""What dashboards and alerts ask of Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from chain import ROOT

DASHBOARDS = ROOT / "deploy/kustomize/components/dashboards"
ALERTS = ROOT / "deploy/kustomize/components/alerts/alerts.yaml"

#: What Grafana puts in for its variables.
_VARIABLES = {
    "$__rate_interval": "4s",
    "$__range": "30s",
    "$namespace": ".*",
    "$pod": ".*",
}


@dataclass(frozen=True, slots=True)
class Query:
    """where: board and panel."""

    where: str
    expr: str


def dashboard_queries() -> Iterator[Query]:
    """Those of Prometheus, with variables put in."""
    for board in _boards():
        panels = board["panels"]
        panels += [inner for panel in panels for inner in panel.get("panels", ())]
        for panel in panels:
            if panel.get("datasource", {}).get("type") == "prometheus":
                for target in panel["targets"]:
                    expr = target["expr"]
                    for variable, value in _VARIABLES.items():
                        expr = expr.replace(variable, value)
                    yield Query(f"{board['uid']}: {panel['title']}", expr)


def variable_queries() -> Iterator[tuple[str, str]]:
    """(selector, label) of each `label_values` of a variable."""
    for board in _boards():
        for variable in board.get("templating", {}).get("list", ()):
            text = variable.get("query", "")
            text = text if isinstance(text, str) else text["query"]
            if found := re.fullmatch(r"label_values\((.*), (\w+)\)", text):
                yield found[1].replace("$namespace", ".*"), found[2]


def alert_queries() -> Iterator[Query]:
    for group in yaml.safe_load(ALERTS.read_text())["spec"]["groups"]:
        for rule in group["rules"]:
            yield Query(rule["alert"], rule["expr"])


def metrics_of(expr: str) -> set[str]:
    """Names of the metrics in an expression: neither labels nor functions."""
    bare = re.sub(r"\{[^}]*\}|\bby \([^)]*\)", "", expr)
    return {name for name in re.findall(r"\b[a-z_]+\b", bare) if re.match(r"(microgateway|envoy)_|up$", name)}


def _boards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]
