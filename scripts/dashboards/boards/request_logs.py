"""Access lines, from Loki."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import Board, Lines, Query, Row

_ACCESS: Final = (
    '{container="airlock-microgateway-engine"} | json dataset="event.dataset" | dataset="envoy.access"'
)

REQUEST_LOGS: Final = Board(
    "microgateway-logs",
    "Logs",
    "Access lines of the engines, from Loki.",
    (
        Row(
            "Blocked",
            (
                Lines(
                    "Blocked requests",
                    "Each with the rule, where it matched, and the request id the client was given.",
                    Query(f'{_ACCESS} | json action="airlock.summary.action" | action="blocked"'),
                ),
            ),
        ),
        Row(
            "Logged only",
            (
                Lines(
                    "Threats in log-only mode",
                    "What would have been refused.",
                    Query(f'{_ACCESS} | json logged="airlock.actions.log_only" | logged!=""'),
                ),
            ),
        ),
        Row("Everything", (Lines("All requests", "The access log.", Query(_ACCESS)),)),
    ),
)
