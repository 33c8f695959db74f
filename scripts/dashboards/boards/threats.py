"""What is blocked, and what would be: two boards of one form."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import POD, Board, Query, Row, Series, Stat, Table
from scripts.dashboards.queries import REQUESTS, VARIABLES, increase, rate, rate_by, sum_by


def _dead(metric: str) -> str:
    return f"{sum_by(f'{metric}{{{POD}}}', 'resource, exception')} == 0"


#: Counts are of engines that run: what did not matter since they started.
_TUNING: Final = Row(
    "Rules and exceptions",
    (
        Table(
            "Ten most frequent rules in the chosen time",
            "Built-in rules, by the resource that has them on.",
            Query(
                "topk(10, "
                + increase("microgateway_deny_rules_rule_hits_total", "resource, rule_id", window="$__range")
                + ")",
                "threats",
            ),
        ),
        Table(
            "Dead exceptions",
            "Of DenyRules and Limits: none has made a difference since the engines started.",
            Query(
                _dead("microgateway_deny_rules_exception_hits_total")
                + " or "
                + _dead("microgateway_limits_exception_hits_total"),
                "hits",
            ),
        ),
    ),
)


def _threats(uid: str, title: str, description: str, metric: str, *more: Row) -> Board:
    threats = rate(metric)
    return Board(
        uid,
        title,
        description,
        (
            Row(
                "Threats",
                (
                    Stat("Threats", "Of all chosen pods.", Query(threats), "reqps"),
                    Stat(
                        "Share of requests",
                        "Threats a request.",
                        Query(f"{threats} / {REQUESTS}"),
                        "percentunit",
                    ),
                    Series(
                        "Threats by pod", "Where they come in.", (rate_by("pod", metric, "{{pod}}"),), "reqps"
                    ),
                    Series(
                        "By type",
                        "Limits, deny rules, …",
                        (rate_by("block_type", metric, "{{block_type}}"),),
                        "reqps",
                        True,
                    ),
                    Series(
                        "By subtype",
                        "Rule keys of deny rules, names of limits.",
                        (rate_by("block_subtype", metric, "{{block_subtype}}"),),
                        "reqps",
                        True,
                    ),
                ),
            ),
            Row(
                "In the chosen time",
                (
                    Table(
                        "Ten most frequent kinds",
                        "Type and subtype.",
                        Query(
                            f"topk(10, {increase(metric, 'block_type, block_subtype', window='$__range')})",
                            "threats",
                        ),
                    ),
                    Table(
                        "Ten most affected applications",
                        "Pod and port.",
                        Query(
                            f"topk(10, {increase(metric, 'namespace, pod, upstream', window='$__range')})",
                            "threats",
                        ),
                    ),
                ),
            ),
            *more,
        ),
        VARIABLES,
    )


BLOCKS: Final = _threats(
    "microgateway-blocks",
    "Blocks",
    "Requests that were refused.",
    "microgateway_http_downstream_rq_threats_blocked_total",
    _TUNING,
)

LOG_ONLY: Final = _threats(
    "microgateway-log-only",
    "Log only",
    "What would have been refused if the rules did not only log.",
    "microgateway_http_downstream_rq_threats_logged_total",
)
