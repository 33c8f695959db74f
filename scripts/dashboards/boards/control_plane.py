"""Reconciler, webhook, config-api, Redis and CNI agents."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.building import Board, Query, Row, Series, Stat, Table, Threshold
from scripts.dashboards.queries import ALL, increase, p99, rate

#: Of the webhook's own requests.
_WEBHOOK_SECONDS: Final = "microgateway_webhook_http_request_duration_seconds_bucket"

CONTROL_PLANE: Final = Board(
    "microgateway-control-plane",
    "Control plane",
    "Reconciler, webhook, config-api and the agents of the nodes.",
    (
        Row(
            "Reconciler",
            (
                Series(
                    "Gateways",
                    "By phase.",
                    (Query("max by (status) (microgateway_gateways)", "{{status}}"),),
                    stacked=True,
                ),
                Series(
                    "Sidecars",
                    "Pods that gateways own, and those in sync.",
                    (
                        Query("max(microgateway_sidecars)", "owned"),
                        Query("max(microgateway_sidecars_in_sync)", "in sync"),
                    ),
                ),
                Series(
                    "Compiled and published",
                    "Gateways compiled and bundles published.",
                    (
                        Query(rate("microgateway_gateways_compiled_total", of=ALL), "compiled"),
                        Query(rate("microgateway_bundles_published_total", of=ALL), "published"),
                    ),
                    "ops",
                ),
                Series(
                    "Time compiling",
                    "Share of a core.",
                    (Query(rate("microgateway_compile_seconds_total", of=ALL), "compiling"),),
                    "percentunit",
                ),
                Series(
                    "Leader", "One of the reconcilers publishes.", (Query("microgateway_leader", "{{pod}}"),)
                ),
                Series(
                    "Change to acknowledgement",
                    "Compiling a burst of changes, writing it to Redis, and until an engine serves it.",
                    (
                        p99("microgateway_reconcile_seconds", "compiled"),
                        p99("microgateway_publish_seconds", "written"),
                        p99("microgateway_acknowledge_seconds", "served"),
                    ),
                    "s",
                ),
                Series(
                    "Queue",
                    "What Redis has not been told yet. It empties at once unless Redis is away.",
                    (Query("max by (kind) (microgateway_publication_queue)", "{{kind}}"),),
                    stacked=True,
                ),
                Series(
                    "Engines by lag",
                    "How long ago was published what they do not serve yet.",
                    (Query("max by (lag) (microgateway_engines_by_lag)", "{{lag}}"),),
                    stacked=True,
                ),
                Series(
                    "Conditions",
                    "Gateways by condition: those of which it is true.",
                    (
                        Query(
                            "count by (type) (max by (type, exported_namespace, name)"
                            " (microgateway_config_resource_condition) == 1)",
                            "{{type}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Admission",
            (
                Series(
                    "Injections",
                    "Pods that came to be injected, by outcome.",
                    (
                        Query(
                            rate("microgateway_webhook_injections_total", "outcome", ALL),
                            "{{outcome}}",
                        ),
                    ),
                    "ops",
                    True,
                ),
                Series(
                    "Validations",
                    "Objects by kind and outcome.",
                    (
                        Query(
                            rate("microgateway_webhook_validations_total", "kind, outcome", ALL),
                            "{{kind}} {{outcome}}",
                        ),
                    ),
                    "ops",
                    True,
                ),
                Series(
                    "Duration",
                    "Of calls of the API server.",
                    (
                        Query(
                            f"histogram_quantile(0.99, {rate(_WEBHOOK_SECONDS, 'le, handler', ALL)})",
                            "p99 {{handler}}",
                        ),
                    ),
                    "s",
                ),
                Stat(
                    "Failed calls",
                    "Of the API server, in the last ten minutes.",
                    Query("sum(increase(microgateway_webhook_failures_total[10m]))"),
                    thresholds=(Threshold(1, "red"),),
                ),
            ),
        ),
        Row(
            "Certificates",
            (
                Table(
                    "Days until certificates end",
                    "Of gateways, their clients' authorities and revocation lists, Redis and the webhook.",
                    Query(
                        "sort(min by (namespace, use, certificate)"
                        " (microgateway_certificate_expiry_timestamp_seconds - time()) / 86400)",
                        "days",
                    ),
                    columns=24,
                ),
            ),
        ),
        Row(
            "Nodes",
            (
                Series("Ready agents", "One a node.", (Query("sum(microgateway_cni_ready)", "ready"),)),
                Series(
                    "Questions of the plugin",
                    "By answer.",
                    (
                        Query(
                            rate("microgateway_cni_answers_total", "answer", ALL),
                            "{{answer}}",
                        ),
                    ),
                    "ops",
                    True,
                ),
                Series(
                    "Repairs",
                    "Pods that started without the redirect, by what was done about it.",
                    (
                        Query(
                            increase("microgateway_cni_repairs_total", "type, result", ALL),
                            "{{type}} {{result}}",
                        ),
                    ),
                    stacked=True,
                ),
                Series(
                    "Results of netcheck",
                    "What the check of the redirect last found in the pods of all nodes.",
                    (Query("sum by (result) (microgateway_cni_netcheck_pods)", "{{result}}"),),
                    stacked=True,
                ),
                Series(
                    "Unprotected pods",
                    "By what is wrong with them.",
                    (Query("sum by (cause) (microgateway_cni_unprotected_pods)", "{{cause}}"),),
                    stacked=True,
                ),
            ),
        ),
    ),
)
