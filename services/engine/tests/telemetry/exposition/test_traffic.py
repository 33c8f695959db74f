"""Requests and connections, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from shown_metrics import Shown

from microgateway_engine.traffic.exchange import Exchange
from microgateway_engine.traffic.outcome import Outcome

ExchangeFactory = Callable[..., Exchange]


def test_an_exchange_is_counted_where_it_belongs(shown: Shown, exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("finished")
    exchange.ended = exchange.started + 0.004
    exchange.forwarded, exchange.answered = exchange.started + 0.001, exchange.started + 0.003
    exchange.inspection_seconds = 0.0002
    shown.metrics.port(8080).count(exchange)
    found = shown.samples()
    inbound, cluster = 'envoy_http_conn_manager_prefix="inbound_8080"', 'envoy_cluster_name="upstream_8080"'
    assert found[f"envoy_http_downstream_rq_total{{{inbound}}}"] == 1
    sent = exchange.response_head_bytes + exchange.response_body_bytes
    assert found[f"envoy_http_downstream_cx_tx_bytes_total{{{inbound}}}"] == sent
    assert found[f"envoy_cluster_upstream_rq_total{{{cluster}}}"] == 1
    received = exchange.request_head_bytes + exchange.request_body_bytes
    assert found[f"envoy_cluster_upstream_cx_tx_bytes_total{{{cluster}}}"] == received
    assert found[f'envoy_cluster_upstream_rq{{{cluster},envoy_response_code="302"}}'] == 1
    for status_class in range(1, 6):
        count = int(status_class == 3)
        label = f'envoy_response_code_class="{status_class}"'
        assert found[f"envoy_http_downstream_rq_xx{{{inbound},{label}}}"] == count
        assert found[f"envoy_cluster_upstream_rq_xx{{{cluster},{label}}}"] == count
    duration = "envoy_http_downstream_rq_time_bucket"
    assert found[f'{duration}{{{inbound},le="2.5"}}'] == 0
    assert found[f'{duration}{{{inbound},le="5"}}'] == 1
    assert found[f'{duration}{{{inbound},le="+Inf"}}'] == 1
    assert found[f"envoy_http_downstream_rq_time_sum{{{inbound}}}"] == pytest.approx(4)
    assert found[f"envoy_cluster_upstream_rq_time_sum{{{cluster}}}"] == pytest.approx(2)
    assert found['microgateway_rq_processing_time_ms_sum{upstream="8080"}'] == pytest.approx(0.2)
    assert found['microgateway_http_rq_outcome_total{outcome="forwarded",upstream="8080"}'] == 1


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_has_its_counter(outcome: Outcome, shown: Shown, exchange_at: ExchangeFactory) -> None:
    exchange = exchange_at("begun")
    exchange.outcome, exchange.ended = outcome, exchange.started
    shown.metrics.port(8080).count(exchange)
    found = shown.samples()
    assert found[f'microgateway_http_rq_outcome_total{{outcome="{outcome.value}",upstream="8080"}}'] == 1
    assert found['envoy_cluster_upstream_rq_total{envoy_cluster_name="upstream_8080"}'] == 0


def test_connections_and_the_applications_side(shown: Shown) -> None:
    port = shown.metrics.port(8080)
    port.connections, port.active, port.received = 3, 2, 100
    shown.metrics.refused_connections = 4
    shown.metrics.upstream_opened(8080)
    shown.metrics.upstream_connected(8080, 0.003)
    shown.metrics.upstream_closed(8080, 0.5)
    port.lives.observe(20)
    shown.metrics.upstream_received(8080, 50)
    shown.metrics.upstream_connect_failed(8080)
    found = shown.samples()
    inbound, cluster = (
        '{envoy_http_conn_manager_prefix="inbound_8080"}',
        '{envoy_cluster_name="upstream_8080"}',
    )
    assert found["microgateway_connections_refused_total"] == 4
    assert found[f"envoy_http_downstream_cx_total{inbound}"] == 3
    assert found[f"envoy_http_downstream_cx_active{inbound}"] == 2
    assert found[f"envoy_http_downstream_cx_rx_bytes_total{inbound}"] == 100
    assert found[f"envoy_cluster_upstream_cx_total{cluster}"] == 1
    assert found[f"envoy_cluster_upstream_cx_rx_bytes_total{cluster}"] == 50
    assert found[f"envoy_cluster_upstream_cx_connect_fail{cluster}"] == 1
    for name, bound in (
        ("envoy_http_downstream_cx_length_ms", "100"),
        ("envoy_cluster_upstream_cx_connect_ms", "5"),
        ("envoy_cluster_upstream_cx_length_ms", "1000"),
    ):
        of = inbound if "downstream" in name else cluster
        assert found[f'{name}_bucket{of[:-1]},le="{bound}"}}'] == 1
        assert found[f"{name}_count{of}"] == 1
