"""What we want of Microgateway, first and later, compared with what was measured.

Ratios and not rates: they hold on other machines. These are the project's own targets.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench import LeftOut
from bench.peers import MICROGATEWAY, MODSECURITY, NGINX
from bench.results import Comparison, Results
from bench.summary import quantile, ratios, spread

#: Multiples of a peer's work, by peer and case: first, later.
RATIOS = {
    (MODSECURITY, "GET"): (10, 20),
    (MODSECURITY, "JSON"): (15, 40),
    (MODSECURITY, "form"): (15, 40),
    (NGINX, "GET"): (0.2, 0.4),
    (NGINX, "JSON"): (0.2, 0.4),
    (NGINX, "form"): (0.2, 0.4),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """One target. more: whether more is better."""

    what: str
    unit: str
    measured: float
    first: float
    later: float
    more: bool

    @property
    def verdict(self) -> str:
        sign = 1 if self.more else -1
        if self.measured * sign >= self.later * sign:
            return "later target met"
        return "first target met" if self.measured * sign >= self.first * sign else "**missed**"


@dataclass(frozen=True, slots=True)
class Reached:
    """What was measured where we set no target."""

    what: str
    unit: str
    measured: float


def budgets(results: Results) -> list[Budget | Reached]:
    """Of ratios, the sober one."""
    found: list[Budget | Reached] = []
    if not isinstance(results.comparison, LeftOut):
        found += [*_ratios(results.comparison), *_waits(results.comparison)]
    if not isinstance(results.dataplane, LeftOut):
        found += [Reached(*each) for each in results.dataplane.reached()]
    if not isinstance(results.cluster, LeftOut):
        p99 = quantile(results.cluster.acknowledged, 0.99)
        found.append(Reached("applied to Kubernetes → acknowledged, p99", " ms", p99))
        found.append(Reached("gateways compiled for one change", "", results.cluster.scale.compiled))
    if not isinstance(results.inspection, LeftOut):
        most = max(row.ratio.median for row in results.inspection.rows)
        found.append(Reached("inspection with twice the rules, of the case that gains most", "x", most))
    if not isinstance(results.telemetry, LeftOut):
        both = results.telemetry.line.median + results.telemetry.metrics.median
        found.append(Reached("access line and metrics of a request", " µs", both))
    return found


def _ratios(results: Comparison) -> list[Budget | Reached]:
    found: list[Budget | Reached] = []
    for each in ratios(results.samples, MICROGATEWAY):
        what, targets = f"{each.case}, against {each.against}", RATIOS.get((each.against, each.case))
        if targets is None:
            found.append(Reached(what, "x", each.sober))
        else:
            found.append(Budget(what, "x", each.sober, *targets, True))
    return found


def _waits(results: Comparison) -> list[Budget]:
    most = max(
        results.under_load.rss_late, *(each.rss for each in results.samples if each.peer == MICROGATEWAY)
    )
    start = spread(results.starts).median
    loaded = results.under_load
    return [
        Budget("saved → applied, p99", " ms", quantile(results.applied, 0.99), 250, 50, False),
        Budget("engine memory (RSS), the most after any load", " MiB", most, 96, 48, False),
        Budget("engine start → ready, warm cache, median", " ms", start, 1000, 300, False),
        Budget(f"failed requests during {loaded.reloads:,} reloads", "", loaded.failed, 0, 0, False),
    ]
