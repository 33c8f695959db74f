"""Engines at one moment, as Prometheus reads them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    NoConfiguration,
    NothingRejected,
    Unassigned,
)
from microgateway_common.names import Digest, Generation, gateway_key, pod_key
from microgateway_common.status import GatewayStatus, Phase, Published
from microgateway_config_api.metrics import LAGS, Observed

GATEWAY = gateway_key("shop", "shop")
NOW = 1_700_000_000.0


def status(generation: int) -> GatewayStatus:
    published = Published(Generation(generation), Digest("d"))
    return GatewayStatus(GATEWAY, Phase.ACTIVE, 1, published, True, (), (), (), (), ())


def engine(serving: Applied | NoConfiguration) -> Acknowledgement:
    return Acknowledgement(pod_key("shop", "a"), "i", "1", Assigned(GATEWAY), serving, NothingRejected(), NOW)


def lags(published: int, *heard: Acknowledgement) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(Observed([status(published)], list(heard), NOW))
    values = {lag: registry.get_sample_value("microgateway_engines_by_lag", {"lag": lag}) for lag in LAGS}
    return {lag: value for lag, value in values.items() if value}


@pytest.mark.parametrize(
    ("seconds", "lag"), [(0, "10s"), (9.9, "10s"), (10, "1m"), (60, "10m"), (600, "more"), (1e6, "more")]
)
def test_engines_are_counted_by_how_long_they_lack_what_is_published(seconds: float, lag: str) -> None:
    published = round((NOW - seconds) * 1000)
    behind, empty = engine(Applied(Generation(published - 5), Digest("c"))), engine(NoConfiguration())
    assert lags(published, behind, empty) == {lag: 2}


def test_engines_that_lack_nothing_or_belong_to_no_gateway_have_no_lag() -> None:
    published = round((NOW - 600) * 1000)
    in_sync = engine(Applied(Generation(published), Digest("d")))
    ahead = engine(Applied(Generation(published + 5), Digest("e")))
    alone = Acknowledgement(
        pod_key("shop", "b"), "i", "1", Unassigned("none"), NoConfiguration(), NothingRejected(), NOW
    )
    assert lags(published, in_sync, ahead, alone) == {"none": 2}
