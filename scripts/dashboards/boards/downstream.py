"""Between clients and engines."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import POD, Board, Query, Row, Series
from scripts.dashboards.queries import VARIABLES, quantiles, rate, rate_by

DOWNSTREAM: Final = Board(
    "microgateway-downstream",
    "Downstream",
    "Between clients and the gateway.",
    (
        Row(
            "Requests",
            (
                Series(
                    "By status class",
                    "Of what clients were answered.",
                    (
                        rate_by(
                            "envoy_response_code_class",
                            "envoy_http_downstream_rq_xx",
                            "{{envoy_response_code_class}}xx",
                        ),
                    ),
                    "reqps",
                    True,
                ),
                Series(
                    "By outcome",
                    "Forwarded, blocked, refused, failed, or the client was gone.",
                    (rate_by("outcome", "microgateway_http_rq_outcome_total", "{{outcome}}"),),
                    "reqps",
                    True,
                ),
                Series("Duration", "First to last byte.", quantiles("envoy_http_downstream_rq_time"), "ms"),
            ),
        ),
        Row(
            "TLS",
            (
                Series(
                    "Handshakes",
                    "Those that succeeded and those that failed.",
                    (
                        Query(rate("envoy_listener_ssl_handshake"), "succeeded"),
                        Query(
                            rate("envoy_listener_ssl_connection_error"),
                            "failed",
                        ),
                    ),
                    "ops",
                ),
                Series(
                    "Protocol versions",
                    "Of handshakes that succeeded.",
                    (rate_by("envoy_ssl_version", "envoy_listener_ssl_versions", "{{envoy_ssl_version}}"),),
                    "ops",
                    True,
                ),
                Series(
                    "Cipher suites",
                    "Of handshakes that succeeded.",
                    (rate_by("envoy_ssl_cipher", "envoy_listener_ssl_ciphers", "{{envoy_ssl_cipher}}"),),
                    "ops",
                    True,
                ),
                Series(
                    "Failed handshakes",
                    "By cause.",
                    (rate_by("cause", "envoy_listener_ssl_errors", "{{cause}}"),),
                    "ops",
                    True,
                ),
            ),
        ),
        Row(
            "TCP",
            (
                Series(
                    "Connections",
                    "Open at the moment.",
                    (Query(f"sum by (pod) (envoy_http_downstream_cx_active{{{POD}}})", "{{pod}}"),),
                ),
                Series(
                    "New connections",
                    "Accepted, and refused for want of a configured application.",
                    (
                        Query(
                            rate("envoy_http_downstream_cx_total"),
                            "accepted",
                        ),
                        Query(
                            rate("microgateway_connections_refused_total"),
                            "refused",
                        ),
                    ),
                    "ops",
                ),
                Series(
                    "Data",
                    "From and to clients.",
                    (
                        Query(
                            rate("envoy_http_downstream_cx_rx_bytes_total"),
                            "received",
                        ),
                        Query(
                            rate("envoy_http_downstream_cx_tx_bytes_total"),
                            "sent",
                        ),
                    ),
                    "Bps",
                ),
                Series(
                    "Life of connections",
                    "Of those that are over.",
                    quantiles("envoy_http_downstream_cx_length_ms"),
                    "ms",
                ),
            ),
        ),
    ),
    VARIABLES,
)
