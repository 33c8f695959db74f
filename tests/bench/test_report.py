"""From results to verdicts, JSON, tables and README."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import bench.dataplane.doors as data
from bench import LeftOut, VoidPart
from bench.budgets import Budget, Reached, budgets
from bench.cluster import Cluster, Scale
from bench.dataplane.results import DataPlane, Idle, Latency, Opened, Throughput
from bench.inspection import InspectionCost, Row
from bench.machine import Machine
from bench.measure import Plan, Sample
from bench.peers import MICROGATEWAY, MODSECURITY, NGINX
from bench.reload import UnderLoad
from bench.report import BEGIN, END, into_readme, save
from bench.results import Comparison, Results, as_json
from bench.summary import Spread
from bench.tables import as_markdown
from bench.telemetry import TelemetryCost

MACHINE = Machine("Some CPU(R) 7 Processor @ 2.00GHz", 4, 16.0, "6.1.0", "Debian", {"nginx": "1.22.1-9"})


def sample(peer: str, case: str, rate: float, cpu: float) -> Sample:
    return Sample(
        round=1,
        case=case,
        peer=peer,
        rate=rate,
        p50=1.25,
        p99=2.5,
        cpu=cpu,
        busy=1.01,
        others=0.02,
        stolen=0.01,
        rss=50.123456,
        pss=40.0,
    )


COMPARISON = Comparison(
    rules=76,
    samples=tuple(
        made
        for case in ("GET", "JSON", "form")
        for made in (
            sample(MICROGATEWAY, case, 12_000, 80),
            sample(NGINX, case, 40_000, 20),
            sample(MODSECURITY, case, 1_000, 1_000),
        )
    ),
    applied=(20.0, 30.0, 60.0),
    starts=(250.0, 400.0, 300.0),
    warming=1800.0,
    under_load=UnderLoad(reloads=1000, requests=50_000, failed=0, rss_early=50.0, rss_late=51.0),
)

AWAY = LeftOut("other parts were asked for")

RESULTS = Results(
    date="2024-05-14T09:26:53+00:00",
    machine=MACHINE,
    load_before=0.1,
    plan=Plan(rounds=1, seconds=5, warm_up=1),
    comparison=COMPARISON,
    dataplane=AWAY,
    telemetry=AWAY,
    inspection=AWAY,
    cluster=AWAY,
)

SCALE = Scale(gateways=1000, published=9.5, reported=20.25, memory=180.4, change=41.2, compiled=1, bundles=1)


def throughput(peer: str, rate: float, cpu: float) -> Throughput:
    return Throughput(1, "GET", "HTTP/2", peer, rate, 1.0, 2.0, cpu, 1.01, 0.02)


DATAPLANE = DataPlane(
    rounds=1,
    seconds=2,
    throughput=(
        throughput(data.ON, 3_000, 250),
        throughput(data.OFF, 4_000, 200),
        throughput(data.NGINX, 30_000, 30),
        throughput(data.HAPROXY, 40_000, 20),
    ),
    latency=(Latency(1, "HTTP/1.1", data.ON, 500, 499.0, 0.5, 1.75, 0.25, 0.5),),
    opened=(Opened(1, "new connections", data.ON, 2_500.0, 380.0, 0.9),),
    idle=(Idle("memory of an idle connection", data.ON, 5_000, 6.25),),
)

EVERYTHING = dataclasses.replace(
    RESULTS,
    dataplane=DATAPLANE,
    telemetry=TelemetryCost(
        line=Spread(6.0, 5.5, 7.0),
        metrics=Spread(1.0, 0.9, 1.5),
        size=1_120,
        untraced=Spread(0.05, 0.04, 0.06),
        traced=Spread(9.0, 8.0, 10.0),
        spans=Spread(40.0, 38.0, 45.0),
    ),
    inspection=InspectionCost(
        76, 5, 0.5, (Row("GET", 537, Spread(12, 11, 13), Spread(13, 12, 14), Spread(1.05, 0.98, 1.14)),)
    ),
    cluster=Cluster((20.0, 25.0, 40.0), SCALE),
)


@pytest.mark.parametrize(
    ("measured", "more", "verdict"),
    [
        (9.9, True, "**missed**"),
        (10.0, True, "first target met"),
        (20.0, True, "later target met"),
        (20.1, False, "**missed**"),
        (20.0, False, "first target met"),
        (9.9, False, "later target met"),
    ],
)
def test_a_verdict_includes_the_target_itself(measured: float, more: bool, verdict: str) -> None:
    first, later = (10, 20) if more else (20, 10)
    assert Budget("", "", measured, first, later, more).verdict == verdict


def test_budgets_take_the_sober_ratio_and_the_worst_wait() -> None:
    found = {
        each.what: (each.measured, each.verdict) for each in budgets(RESULTS) if isinstance(each, Budget)
    }
    assert found == {
        "GET, against nginx": (0.25, "first target met"),
        "GET, against nginx + ModSecurity": (12.0, "first target met"),
        "JSON, against nginx": (0.25, "first target met"),
        "JSON, against nginx + ModSecurity": (12.0, "**missed**"),
        "form, against nginx": (0.25, "first target met"),
        "form, against nginx + ModSecurity": (12.0, "**missed**"),
        "saved → applied, p99": (60.0, "first target met"),
        "engine memory (RSS), the most after any load": (51.0, "first target met"),
        "engine start → ready, warm cache, median": (300.0, "later target met"),
        "failed requests during 1,000 reloads": (0, "later target met"),
    }


def test_one_failed_request_misses_the_budget() -> None:
    loaded = dataclasses.replace(COMPARISON.under_load, failed=1)
    failing = dataclasses.replace(RESULTS, comparison=dataclasses.replace(COMPARISON, under_load=loaded))
    last = budgets(failing)[-1]
    assert isinstance(last, Budget)
    assert last.verdict == "**missed**"


def test_what_has_no_target_is_in_the_table_as_well() -> None:
    found = {each.what: each.measured for each in budgets(EVERYTHING) if isinstance(each, Reached)}
    assert found == {
        "GET, HTTP/2, against nginx": 0.1,
        "added latency, HTTP/1.1, 500 requests/s, p50": 0.25,
        "added latency, HTTP/1.1, 500 requests/s, p99": 1.25,
        "new connections a second": 2_500.0,
        "memory of an idle connection": 6.25,
        "applied to Kubernetes → acknowledged, p99": 40.0,
        "gateways compiled for one change": 1,
        "access line and metrics of a request": 7.0,
        "inspection with twice the rules, of the case that gains most": 1.05,
    }


def test_the_json_holds_every_sample() -> None:
    document = json.loads(as_json(RESULTS))
    assert len(document["comparison"]["samples"]) == 9
    assert document["comparison"]["samples"][0]["rss"] == 50.123
    assert document["comparison"]["applied"] == [20, 30, 60]
    assert document["dataplane"] == {"reason": "other parts were asked for"}
    assert document["machine"]["versions"] == {"nginx": "1.22.1-9"}


def test_tables_show_rates_ratios_and_verdicts() -> None:
    tables = as_markdown(RESULTS)
    assert (
        "| GET | Microgateway | 12,000 (12,000-12,000) | 1.25 | 2.50 | 80.0 | 100% | 3% | 50.1 | 40.0 |"
        in tables
    )
    assert "| GET | nginx | 0.30x (0.30-0.30) | 0.25x (0.25-0.25) |" in tables
    assert "| GET, against nginx | 0.25x | ≥ 0.2x | ≥ 0.4x | first target met |" in tables
    assert (
        "| engine start → ready, warm cache, median | 300 ms | ≤ 1000 ms | ≤ 300 ms | later target met |"
        in tables
    )


def test_tables_show_the_other_parts() -> None:
    tables = as_markdown(EVERYTHING)
    row = "3,000 | 1.00 | 2.00 | 250.0 | 100% | 2% | 0.10x | 0.07x |"
    assert f"| GET | HTTP/2 | Microgateway, inspection on | {row}" in tables
    assert "| HTTP/1.1 | Microgateway, inspection on | 500 | 499 | 0.50 | 1.75 | 0.25 | 1.25 |" in tables
    assert "| memory of an idle connection | Microgateway | 5,000 | 6.2 |" in tables
    assert "the access line (1,120 bytes) takes 6.0 µs (5.5-7.0) of CPU time a request" in tables
    assert "p50 25.0 ms, p99 40.0 ms" in tables
    assert "| new connections a second | 2,500 |  |  | no target yet |" in tables


def test_a_part_that_is_left_out_says_why() -> None:
    void = dataclasses.replace(RESULTS, dataplane=VoidPart("dataplane is void: haproxy: ended with 1"))
    assert "dataplane is void: haproxy: ended with 1." in as_markdown(void)
    assert "The part on Kubernetes is left out: other parts were asked for." in as_markdown(void)


def test_a_table_has_as_many_cells_in_each_line() -> None:
    for table in as_markdown(EVERYTHING).split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_only_what_is_between_the_markers_changes() -> None:
    text = f"# Title\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    once = into_readme(text, "new")
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"
    assert into_readme(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_readme_without_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md: expected the lines"):
        into_readme(text, "new")


def test_the_results_file_is_named_by_day_and_processor(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    saved = save(RESULTS, tmp_path / "results", readme)
    assert saved.relative_to(tmp_path) == Path("results/2024-05-14-some-7-4-cores.json")
    assert saved.read_text() == as_json(RESULTS)
    assert as_markdown(RESULTS) in readme.read_text()


def test_the_repository_readme_has_the_markers() -> None:
    into_readme((Path(__file__).resolve().parents[2] / "bench" / "README.md").read_text(), "new")
