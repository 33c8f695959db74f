"""Between engines and applications."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import Board, Query, Row, Series
from scripts.dashboards.queries import VARIABLES, quantiles, rate, rate_by

UPSTREAM: Final = Board(
    "microgateway-upstream",
    "Upstream",
    "Between the gateway and the applications.",
    (
        Row(
            "Requests",
            (
                Series(
                    "By status class",
                    "Of what applications answered.",
                    (
                        rate_by(
                            "envoy_response_code_class",
                            "envoy_cluster_upstream_rq_xx",
                            "{{envoy_response_code_class}}xx",
                        ),
                    ),
                    "reqps",
                    True,
                ),
                Series(
                    "By application",
                    "Pod and port.",
                    (
                        rate_by(
                            "pod, envoy_cluster_name",
                            "envoy_cluster_upstream_rq_total",
                            "{{pod}} {{envoy_cluster_name}}",
                        ),
                    ),
                    "reqps",
                ),
                Series(
                    "By status",
                    "Of what applications answered.",
                    (rate_by("envoy_response_code", "envoy_cluster_upstream_rq", "{{envoy_response_code}}"),),
                    "reqps",
                    True,
                ),
                Series(
                    "Time to answer",
                    "From forwarding the head of a request to the head of its response.",
                    quantiles("envoy_cluster_upstream_rq_time"),
                    "ms",
                ),
            ),
        ),
        Row(
            "Connections",
            (
                Series(
                    "New and failed",
                    "Connections opened, and attempts that failed.",
                    (
                        Query(rate("envoy_cluster_upstream_cx_total"), "opened"),
                        Query(
                            rate("envoy_cluster_upstream_cx_connect_fail"),
                            "failed",
                        ),
                    ),
                    "ops",
                ),
                Series(
                    "Data",
                    "From and to applications.",
                    (
                        Query(rate("envoy_cluster_upstream_cx_rx_bytes_total"), "received"),
                        Query(rate("envoy_cluster_upstream_cx_tx_bytes_total"), "sent"),
                    ),
                    "Bps",
                ),
                Series(
                    "Time to connect",
                    "TLS included.",
                    quantiles("envoy_cluster_upstream_cx_connect_ms"),
                    "ms",
                ),
                Series(
                    "Life of connections",
                    "Of those that are over.",
                    quantiles("envoy_cluster_upstream_cx_length_ms"),
                    "ms",
                ),
                Series(
                    "TLS handshakes",
                    "With applications that speak TLS.",
                    (
                        Query(rate("envoy_cluster_ssl_handshake"), "succeeded"),
                        Query(
                            rate("envoy_cluster_ssl_connection_error"),
                            "failed",
                        ),
                    ),
                    "ops",
                ),
            ),
        ),
    ),
    VARIABLES,
)
