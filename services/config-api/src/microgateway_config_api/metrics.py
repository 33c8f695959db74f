"""GET /metrics: requests to the config-api, and what Redis tells of gateways and engines.

The second half is read at each scrape. When Redis is away its gauges are absent, rather than old,
and `microgateway_config_api_redis_up` is 0.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator import Instrumentator

from microgateway_common.problems import Severity
from microgateway_common.status import GatewayStatus, Phase

from .problem_details import ApiError
from .source import Bus
from .views.engines import (
    Ahead,
    Behind,
    Heard,
    InSync,
    NothingServed,
    Sync,
    SyncState,
    published_by_gateway,
    sync_of,
)

#: Values of the label `lag`, and below how many milliseconds each but the first begins.
LAGS: Final = ("none", "10s", "1m", "10m", "more")
_LIMITS: Final = (10_000, 60_000, 600_000, math.inf)


class Observed(Collector):
    """Gateways and engines at one moment. now: seconds since the epoch."""

    def __init__(self, statuses: list[GatewayStatus], heard: list[Heard], now: float) -> None:
        self._statuses = statuses
        self._heard = heard
        self._now = now

    def collect(self) -> Iterator[Metric]:
        published = published_by_gateway(self._statuses)
        yield _counted(
            "microgateway_gateways",
            "Gateways by status.",
            "status",
            Phase,
            (status.phase for status in self._statuses),
        )
        compared = [sync_of(each, published, self._now) for each in self._heard]
        yield _counted(
            "microgateway_engines",
            "Engines that are alive, by how what they serve relates to what is published.",
            "state",
            get_args(SyncState),
            (each.state for each in compared),
        )
        yield _counted(
            "microgateway_engines_by_lag",
            "Engines that should serve something, by how long ago what they lack was published.",
            "lag",
            LAGS,
            filter(None, map(_lag, compared)),
        )
        yield _counted(
            "microgateway_gateway_problems",
            "Problems of all gateways by severity.",
            "severity",
            Severity,
            (problem.severity for status in self._statuses for problem in status.problems),
        )


class RedisUp(Collector):
    def __init__(self, up: bool) -> None:
        self._up = up

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "microgateway_config_api_redis_up", "1 when Redis answered this scrape, else 0.", float(self._up)
        )


def install(app: FastAPI) -> None:
    """Count and time the application's requests, and answer GET /metrics."""
    registry = CollectorRegistry()
    Instrumentator(
        excluded_handlers=["/healthz", "/readyz", "/metrics"],
        should_group_untemplated=True,
        registry=registry,
    ).instrument(app, metric_namespace="microgateway", metric_subsystem="config_api")

    @app.get("/metrics", include_in_schema=False)
    async def metrics(bus: Bus) -> Response:
        scrape = CollectorRegistry()
        try:
            async with bus.reading() as reader:
                scrape.register(Observed(await reader.gateways(), await reader.engines(), time.time()))
        except ApiError:
            scrape.register(RedisUp(False))
        else:
            scrape.register(RedisUp(True))
        return Response(generate_latest(registry) + generate_latest(scrape), media_type=CONTENT_TYPE_LATEST)


def _lag(sync: Sync) -> str:
    """The label's value; empty for an engine that has nothing to wait for."""
    match sync:
        case InSync() | Ahead():
            return LAGS[0]
        case Behind(lag_ms=lag) | NothingServed(lag_ms=lag):
            return next(name for name, limit in zip(LAGS[1:], _LIMITS, strict=True) if lag < limit)
        case _:
            return ""


def _counted(
    name: str, documentation: str, label: str, values: Iterable[str], seen: Iterable[str]
) -> GaugeMetricFamily:
    """Every value has a sample, also when it was not seen."""
    counts = Counter(str(each) for each in seen)
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value in values:
        family.add_metric([str(value)], counts[str(value)])
    return family
