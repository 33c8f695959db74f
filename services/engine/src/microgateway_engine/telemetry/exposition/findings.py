"""What inspection found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microgateway_engine.telemetry.counters import PortCounters
from microgateway_engine.telemetry.prometheus import Family, counter
from microgateway_inspection.hits import CUSTOM_RULE, EXCEPTION, LIMIT_EXCEPTION, RULE

from .tables import named

#: Subtype of the threat that a request is which needs more inspection than there is for one.
_BUDGET = "inspection_budget"


def threats(ports: Mapping[int, PortCounters]) -> Iterator[Family]:
    labels = ("block_type", "block_subtype", "envoy_cluster_name", "upstream")
    blocked = counter(
        "microgateway_http_downstream_rq_threats_blocked_total",
        "threats for which requests were refused",
        *labels,
    )
    logged = counter(
        "microgateway_http_downstream_rq_threats_logged_total", "threats in log-only mode", *labels
    )
    budget = counter(
        "microgateway_inspection_budget_exceeded_total",
        "requests that would have needed more inspection than there is for one",
        "upstream",
    )
    for name, port in named("{}", ports).items():
        for family, counts in ((blocked, port.blocked), (logged, port.logged)):
            for (kind, subtype), count in counts.items():
                family.add(count, kind, subtype, f"upstream_{name}", name)
        exceeded = [*port.blocked.items(), *port.logged.items()]
        budget.add(sum(count for (_, subtype), count in exceeded if subtype == _BUDGET), name)
    yield from (blocked, logged, budget)


def hits(ports: Mapping[int, PortCounters]) -> Iterator[Family]:
    """A policy may serve several ports, so ports are not told apart."""
    families = {
        kind: counter(f"microgateway_{name}_total", text, "resource", label)
        for kind, name, text, label in (
            (RULE, "deny_rules_rule_hits", "threats that a built-in rule found", "rule_id"),
            (CUSTOM_RULE, "deny_rules_custom_rule_hits", "threats that a custom rule found", "rule"),
            (EXCEPTION, "deny_rules_exception_hits", "matches that an exception made no threat", "exception"),
            (LIMIT_EXCEPTION, "limits_exception_hits", "limits that an exception lifted", "exception"),
        )
    }
    total: dict[tuple[str, str, str], int] = {}
    for metrics in ports.values():
        for hit, count in metrics.hits.items():
            total[hit] = total.get(hit, 0) + count
    for (resource_name, kind, name), count in sorted(total.items()):
        families[kind].add(count, resource_name, name)
    yield from families.values()
