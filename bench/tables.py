"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench import LeftOut
from bench.budgets import Budget, Reached, budgets
from bench.cluster import PODS_EACH, Cluster
from bench.dataplane.results import DataPlane
from bench.dataplane.tables import as_markdown as dataplane
from bench.inspection import InspectionCost
from bench.inspection import as_markdown as inspection
from bench.markdown import table
from bench.peers import MICROGATEWAY
from bench.results import Comparison, Results
from bench.summary import Ratio, Row, Spread, quantile, ratios, rows, spread
from bench.telemetry import TelemetryCost

Found = TypeVar("Found", Comparison, DataPlane, TelemetryCost, InspectionCost, Cluster)


def as_markdown(results: Results) -> str:
    """Paragraphs and tables, without a heading."""
    parts = (
        _circumstances(results),
        _part("The comparison", results.comparison, _comparison),
        _part("The data plane part", results.dataplane, dataplane),
        _part("The cost of log and metrics", results.telemetry, _telemetry),
        _part("The cost of inspection alone", results.inspection, inspection),
        _part("The part on Kubernetes", results.cluster, _cluster),
        _budgets(budgets(results)),
    )
    return "\n\n".join(parts)


def _part(name: str, found: Found | LeftOut, write: Callable[[Found], str]) -> str:
    match found:
        case LeftOut(reason=reason):
            return f"{name} is left out: {reason}."
        case _:
            return write(found)


def _comparison(found: Comparison) -> str:
    parts = (_peers(rows(found.samples)), _ratios(ratios(found.samples, MICROGATEWAY)), _waits(found))
    return "\n\n".join(parts)


def _telemetry(found: TelemetryCost) -> str:
    return (
        f"Log and metrics: the access line ({found.size:,} bytes) takes {_microseconds(found.line)}"
        f" of CPU time a request, the metrics {_microseconds(found.metrics)}.\n"
        f"Tracing: off {_microseconds(found.untraced, 2)}; on {_microseconds(found.traced)}, and"
        f" {_microseconds(found.spans)} on the exporter's thread."
    )


def _microseconds(found: Spread, digits: int = 1) -> str:
    return f"{found.median:.{digits}f} µs ({found.lowest:.{digits}f}-{found.highest:.{digits}f})"


def _cluster(found: Cluster) -> str:
    waits, scale = found.acknowledged, found.scale
    return (
        f"On Kubernetes: applied → acknowledged by the engine, edits: {len(waits)}:"
        f" p50 {quantile(waits, 0.5):.1f} ms, p99 {quantile(waits, 0.99):.1f} ms.\n"
        f"{scale.gateways:,} gateways with {scale.gateways * PODS_EACH:,} pods: published"
        f" {scale.published:.1f} s after the reconciler's start, all statuses written after"
        f" {scale.reported:.1f} s, {scale.memory:.0f} MiB; a change of one is published in"
        f" {scale.change:.0f} ms, gateways compiled for it: {scale.compiled}, bundles published:"
        f" {scale.bundles}."
    )


def _circumstances(results: Results) -> str:
    machine, plan = results.machine, results.plan
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{results.date}: {machine.cpu}, {machine.cores} cores, {machine.memory:g} GiB,"
        f" {machine.system}, Linux {machine.kernel}, load average before {results.load_before:.2f};"
        f" rounds: {plan.rounds}, seconds of load each: {plan.seconds}."
        f" {versions}."
    )


def _peers(found: Sequence[Row]) -> str:
    return table(
        "case, peer",
        [
            "requests/s (min-max)",
            "p50 ms",
            "p99 ms",
            "CPU µs a request",
            "busy",
            "disturbed",
            "RSS MiB",
            "PSS MiB",
        ],
        [
            (
                *(each.case, each.peer),
                f"{_number(each.rate.median)} ({_number(each.rate.lowest)}-{_number(each.rate.highest)})",
                *(f"{each.p50.median:.2f}", f"{each.p99.median:.2f}", f"{each.cpu.median:,.1f}"),
                *(f"{min(each.busy.median, 1.0):.0%}", f"{each.disturbed:.0%}"),
                *(f"{each.rss.median:.1f}", f"{each.pss.median:.1f}"),
            )
            for each in found
        ],
    )


def _ratios(found: Sequence[Ratio]) -> str:
    return table(
        "case, Microgateway against",
        ["by requests/s (min-max)", "by CPU a request (min-max)"],
        [(each.case, each.against, _times(each.rate), _times(each.cpu)) for each in found],
    )


def _times(found: Spread) -> str:
    return f"{found.median:.2f}x ({found.lowest:.2f}-{found.highest:.2f})"


def _waits(results: Comparison) -> str:
    applied, starts, loaded = results.applied, spread(results.starts), results.under_load
    return (
        f"Deny rules: {results.rules}.\n"
        f"Saved → applied, edits: {len(applied)}: p50 {quantile(applied, 0.5):.1f} ms,"
        f" p99 {quantile(applied, 0.99):.1f} ms, longest {max(applied):.1f} ms.\n"
        f"Start → ready with a warm cache, starts: {len(results.starts)}: {starts.median:.0f} ms"
        f" ({starts.lowest:.0f}-{starts.highest:.0f}); filling the cache takes"
        f" {results.warming / 1e3:.1f} s once.\n"
        f"Reloads under load: {loaded.reloads:,}; {loaded.failed:,} of {loaded.requests:,} requests failed,"
        f" memory {loaded.rss_early:.1f} → {loaded.rss_late:.1f} MiB."
    )


def _budgets(found: Sequence[Budget | Reached]) -> str:
    lines: list[tuple[str, ...]] = []
    for each in found:
        measured = f"{_number(each.measured)}{each.unit}"
        match each:
            case Budget():
                sign = "≥" if each.more else "≤"
                targets = (f"{sign} {wanted:g}{each.unit}" for wanted in (each.first, each.later))
                lines.append((each.what, measured, *targets, each.verdict))
            case Reached():
                lines.append((each.what, measured, "", "", "no target yet"))
    return table("budget", ["measured", "first target", "later target", "verdict"], lines)


def _number(value: float) -> str:
    """Three digits, more before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
