"""GET /metrics: its own requests, what became of pods and objects, when the certificates end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_fastapi_instrumentator import Instrumentator, metrics

from microgateway_common.resources.registry import KINDS

from .injection.inject import Injected, Outcome, Refused, Skipped
from .validation.resource import Verdict

_OUTCOMES = ("injected", "unchanged", "skipped", "refused")


class Metrics:
    """Dry runs are not counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._injections = Counter(
            "microgateway_webhook_injections",
            "Pods that came to be injected, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in _OUTCOMES:
            self._injections.labels(outcome)
        self._validations = Counter(
            "microgateway_webhook_validations",
            "Objects that were validated, by kind and outcome.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self._failures = Counter(
            "microgateway_webhook_failures",
            "Calls of the API server that were not answered as they should, by handler.",
            ["handler"],
            registry=self.registry,
        )
        self._expiry = Gauge(
            "microgateway_certificate_expiry_timestamp_seconds",
            "When a certificate ends, in seconds since the epoch.",
            ["use", "certificate"],
            registry=self.registry,
        )

    def injection(self, outcome: Outcome) -> None:
        self._injections.labels(_outcome_of(outcome)).inc()

    def validation(self, kind: str, verdict: Verdict) -> None:
        """kind: as the request has it; one that is none of ours counts as `other`."""
        known = kind if kind in KINDS or kind == "Pod" else "other"
        self._validations.labels(known, "denied" if verdict.errors else "allowed").inc()

    def certificate(self, name: str, expires: datetime) -> None:
        """name: `serving` or `authority`."""
        self._expiry.labels("webhook", name).set(expires.timestamp())

    def install(self, app: FastAPI, admission: Iterable[str]) -> None:
        """admission: paths at which the API server calls; failures there are counted from zero on, for
        Prometheus sees a rise only between two samples."""
        for path in admission:
            self._failures.labels(path)
        requests = metrics.default(
            metric_namespace="microgateway", metric_subsystem="webhook", registry=self.registry
        )
        Instrumentator(
            excluded_handlers=["/healthz", "/readyz", "/metrics"],
            should_group_untemplated=True,
            registry=self.registry,
        ).add(requests, self._failed).instrument(app).expose(app, include_in_schema=False)

    def _failed(self, info: metrics.Info) -> None:
        if info.modified_status == "5xx":
            self._failures.labels(info.modified_handler).inc()


def _outcome_of(outcome: Outcome) -> str:
    match outcome:
        case Injected(patch=[]):
            return "unchanged"
        case Injected():
            return "injected"
        case Skipped():
            return "skipped"
        case Refused():
            return "refused"
