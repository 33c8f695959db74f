"""Prometheus' own tool checks the alerts and drives each to fire once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ALERTS = ROOT / "deploy/kustomize/components/alerts/alerts.yaml"
SCENARIOS = HERE / "alerts_fire.yaml"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The PrometheusRule's groups, as Prometheus itself reads them."""
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    path = tmp_path / "alerts.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(ALERTS.read_text())["spec"]))
    return path


def _promtool(*arguments: str, folder: Path) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid(rules: Path) -> None:
    _promtool("check", "rules", rules.name, folder=rules.parent)


def test_each_alert_fires_on_its_fault_and_none_without(rules: Path) -> None:
    shutil.copy(SCENARIOS, rules.parent)
    _promtool("test", "rules", SCENARIOS.name, folder=rules.parent)


def test_every_alert_has_a_scenario_and_a_runbook() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["spec"]["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    scenarios = yaml.safe_load(SCENARIOS.read_text())["tests"]
    fired = {
        case["alertname"]
        for scenario in scenarios
        for case in scenario.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert fired == set(alerts)
    sections = set(re.findall(r"^### (\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE))
    assert sections == set(alerts)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
