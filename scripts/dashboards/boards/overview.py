"""The first look: protected, in sync, blocked, at what cost."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import POD, Board, Query, Row, Series, Stat, Threshold
from scripts.dashboards.queries import BLOCKED, LOGGED, REQUESTS, VARIABLES, quantiles, rate_by

OVERVIEW: Final = Board(
    "microgateway-overview",
    "Overview",
    "Is every pod protected and in sync, what is blocked, and what does it cost?",
    (
        Row(
            "Protection",
            (
                Stat(
                    "Gateways in error",
                    "SidecarGateways whose latest resources do not apply: engines keep the last good ones.",
                    Query('max(microgateway_gateways{status="Error"})'),
                    thresholds=(Threshold(1, "red"),),
                ),
                Stat(
                    "Pods out of sync",
                    "Pods whose engine does not serve what is published.",
                    Query("max(microgateway_sidecars) - max(microgateway_sidecars_in_sync)"),
                    thresholds=(Threshold(1, "orange"),),
                ),
                Stat(
                    "Unprotected pods",
                    "Labelled pods whose traffic does not pass an engine, as the agents of the nodes see it.",
                    Query("sum(microgateway_cni_unprotected_pods) or vector(0)"),
                    thresholds=(Threshold(1, "red"),),
                ),
                Stat(
                    "Engines not ready",
                    "Engines without a configuration: they refuse all connections.",
                    Query(f"count(microgateway_config_ready{{{POD}}} == 0) or vector(0)"),
                    thresholds=(Threshold(1, "red"),),
                ),
            ),
        ),
        Row(
            "Traffic",
            (
                Stat("Requests", "Of all chosen pods.", Query(REQUESTS), "reqps"),
                Stat(
                    "Blocked",
                    "Share of requests that were refused as threats.",
                    Query(f"{BLOCKED} / {REQUESTS}"),
                    "percentunit",
                ),
                Stat("Logged only", "Threats in log-only mode.", Query(LOGGED), "reqps"),
                Stat(
                    "Failed",
                    "Share of requests with a status of 500 or more.",
                    Query(
                        f'sum(rate(envoy_http_downstream_rq_xx{{{POD},envoy_response_code_class="5"}}'
                        f"[$__rate_interval])) / {REQUESTS}"
                    ),
                    "percentunit",
                    (Threshold(0.01, "orange"), Threshold(0.05, "red")),
                ),
                Series(
                    "Requests and blocks",
                    "Requests of clients, and those refused as threats.",
                    (Query(REQUESTS, "requests"), Query(BLOCKED, "blocked")),
                    "reqps",
                ),
                Series(
                    "Blocks by type",
                    "What requests were refused for.",
                    (
                        rate_by(
                            "block_type",
                            "microgateway_http_downstream_rq_threats_blocked_total",
                            "{{block_type}}",
                        ),
                    ),
                    "reqps",
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Latency",
            (
                Series(
                    "Requests, whole",
                    "From a request's first byte to its response's last.",
                    quantiles("envoy_http_downstream_rq_time"),
                    "ms",
                ),
                Series(
                    "Inspection",
                    "Time the gateway spent on judging a request.",
                    quantiles("microgateway_rq_processing_time_ms"),
                    "ms",
                ),
            ),
        ),
    ),
    VARIABLES,
)
