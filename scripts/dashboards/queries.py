"""Queries that several boards ask."""

from __future__ import annotations

from typing import Final

from .building import POD, Query, Variable

NAMESPACE: Final = Variable("namespace", "Namespace", "label_values(microgateway_config_ready, namespace)")
PODS: Final = Variable("pod", "Pod", 'label_values(microgateway_config_ready{namespace=~"$namespace"}, pod)')
VARIABLES: Final = (NAMESPACE, PODS)

#: No narrowing: metrics of the control plane.
ALL: Final = ""


def rate(metric: str, by: str = "", of: str = POD) -> str:
    """A second. by: labels to keep."""
    return sum_by(f"rate({metric}{{{of}}}[$__rate_interval])", by)


def increase(metric: str, by: str = "", of: str = POD, window: str = "$__rate_interval") -> str:
    return sum_by(f"increase({metric}{{{of}}}[{window}])", by)


def sum_by(expr: str, by: str) -> str:
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


REQUESTS: Final = rate("envoy_http_downstream_rq_total")
BLOCKED: Final = rate("microgateway_http_downstream_rq_threats_blocked_total")
LOGGED: Final = rate("microgateway_http_downstream_rq_threats_logged_total")


def quantile(fraction: float, histogram: str) -> Query:
    legend = f"p{fraction * 100:g}"
    return Query(f"histogram_quantile({fraction:g}, {rate(f'{histogram}_bucket', 'le')})", legend)


def quantiles(histogram: str) -> tuple[Query, ...]:
    return tuple(quantile(each, histogram) for each in (0.5, 0.95, 0.99))


def p99(histogram: str, legend: str) -> Query:
    """Of the control plane."""
    return Query(f"histogram_quantile(0.99, {rate(f'{histogram}_bucket', 'le', ALL)})", legend)


def rate_by(labels: str, metric: str, legend: str) -> Query:
    return Query(rate(metric, labels), legend)
