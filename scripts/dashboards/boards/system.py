"""Engines as processes."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import POD, Board, Query, Row, Series, Table
from scripts.dashboards.queries import VARIABLES, increase, quantiles, rate, rate_by

SYSTEM: Final = Board(
    "microgateway-system",
    "System",
    "The engines themselves.",
    (
        Row(
            "Engines",
            (
                Table(
                    "Versions",
                    "Engines by version.",
                    Query(f"count by (version) (microgateway_build_info{{{POD}}})", "engines"),
                ),
                Series(
                    "CPU",
                    "Cores used.",
                    (rate_by("pod", "microgateway_cpu_seconds_total", "{{pod}}"),),
                ),
                Series(
                    "Memory",
                    "Resident, of all processes of an engine.",
                    (Query(f"envoy_server_memory_allocated{{{POD}}}", "{{pod}}"),),
                    "bytes",
                ),
                Series(
                    "Workers",
                    "That run, and that died and were replaced.",
                    (
                        Query(f"sum(microgateway_workers{{{POD}}})", "running"),
                        Query(
                            increase("microgateway_worker_restarts_total"),
                            "replaced",
                        ),
                    ),
                ),
                Series(
                    "Spans",
                    "Taken by the collector of traces, and dropped because it did not take them in time.",
                    (
                        Query(rate("microgateway_spans_exported_total"), "taken"),
                        Query(rate("microgateway_spans_dropped_total"), "dropped"),
                    ),
                    "ops",
                ),
                Series(
                    "Log lines",
                    "Written, and dropped because nobody read them in time.",
                    (
                        Query(rate("microgateway_log_lines_total"), "written"),
                        Query(
                            rate("microgateway_log_lines_dropped_total"),
                            "dropped",
                        ),
                    ),
                    "ops",
                ),
            ),
        ),
        Row(
            "Configuration",
            (
                Series(
                    "Generation served",
                    "When the configuration was compiled, in milliseconds since the epoch. Engines of one "
                    "gateway that are in sync have one value.",
                    (Query(f"microgateway_config_generation{{{POD}}}", "{{pod}} {{gateway}}"),),
                ),
                Series(
                    "Time to apply",
                    "From a bundle's arrival until requests see it.",
                    quantiles("microgateway_config_apply_seconds"),
                    "s",
                ),
                Series(
                    "State",
                    "0 serves, 1 drains, 3 waits for its first configuration.",
                    (Query(f"envoy_server_state{{{POD}}}", "{{pod}}"),),
                ),
                Series(
                    "Applied and rejected",
                    "Bundles of the last minutes.",
                    (
                        Query(
                            increase("microgateway_config_applied_total"),
                            "applied",
                        ),
                        Query(
                            increase("microgateway_rejected_bundles_total", "reason"),
                            "rejected: {{reason}}",
                        ),
                    ),
                ),
                Series(
                    "Without Redis",
                    "Engines that have lost the bus. They go on with what they have.",
                    (Query(f"count(microgateway_redis_connected{{{POD}}} == 0) or vector(0)", "engines"),),
                ),
            ),
        ),
    ),
    VARIABLES,
)
