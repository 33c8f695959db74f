"""A real Prometheus finds what dashboards and alerts ask for, under our own scrape rules."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from chain import eventually
from monitored import Installation
from scraping import monitors
from tests.monitoring.queries import (
    Query,
    alert_queries,
    dashboard_queries,
    metrics_of,
    variable_queries,
)

pytestmark = pytest.mark.slow

#: Metrics that are not there while all is well, and why. test_faults brings each about.
ON_FAILURE = {"microgateway_unprotected_pods": "counts pods without an engine in namespaces that have some"}


def without_data(installation: Installation, queries: list[Query]) -> list[Query]:
    """NaN is no data."""
    return [
        query
        for query in queries
        if not any(
            math.isfinite(float(sample["value"][1])) for sample in installation.prometheus.query(query.expr)
        )
    ]


def test_each_monitor_finds_its_processes(installation: Installation) -> None:
    jobs = {each.job for each in monitors().values()}

    def all_up() -> list[Any]:
        found = installation.prometheus.query("up == 1")
        return found if {sample["metric"]["job"] for sample in found} == jobs else []

    up = eventually(lambda: all_up() or None, "every target to be scraped in time")
    engines = [sample["metric"] for sample in up if sample["metric"]["job"].endswith("/microgateway-engine")]
    assert {(each["namespace"], each["pod"], each["gateway_kind"]) for each in engines} == {
        ("shop", "shop-0", "SidecarGateway"),
        ("shop", "vault-0", "SidecarGateway"),
    }


def test_everything_that_is_asked_for_exists_and_has_data(installation: Installation) -> None:
    """Traffic as in the demo, and changes of the configuration, so that something is compiled and applied."""
    wanted = list(dashboard_queries())
    assert len(wanted) > 70
    limits = installation.manifests / "limits.yaml"
    text = limits.read_text()
    depths = iter(range(21, 10_000))

    def all_have_data() -> bool:
        limits.write_text(re.sub(r"nestingDepth: \d+", f"nestingDepth: {next(depths)}", text))
        return without_data(installation, wanted) == []

    with installation.traffic():
        try:
            eventually(all_have_data, "every query to have data", 60)
        except AssertionError:
            missing = without_data(installation, wanted)
            pytest.fail("\n".join(f"{each.where}: {each.expr}" for each in missing))
    names = installation.prometheus.names()
    asked = {name for query in (*wanted, *alert_queries()) for name in metrics_of(query.expr)}
    assert asked - names <= set(ON_FAILURE)
    for selector, label in variable_queries():
        values = {"namespace": {"shop"}, "pod": {"shop-0", "vault-0"}}
        assert installation.prometheus.label_values(label, selector) >= values[label]
