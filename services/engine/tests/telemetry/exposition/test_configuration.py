"""What is served, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from certificates import authority, pem
from shown_metrics import Shown
from tls_configurations import config, materials, server_tls

from microgateway_engine.config.runtime import Runtime
from microgateway_engine.telemetry.certificates import authority_expiry


def test_the_configuration_and_the_bus(shown: Shown, make_runtime: Callable[..., Runtime]) -> None:
    store = shown.store
    before = shown.samples()
    assert before["microgateway_config_ready"] == 0
    assert not any(name.startswith("microgateway_config_generation") for name in before)
    store.runtime = make_runtime(generation=7)
    counters = store.counters
    counters.applied, counters.ignored, counters.rejected = 3, 2, {"malformed": 1}
    counters.applying.observe(0.004)
    counters.redis_connected, counters.redis_disconnects = True, 5
    found = shown.samples()
    assert found["microgateway_config_ready"] == 1
    assert found['microgateway_config_generation{gateway="shop/shop"}'] == 7
    assert found["microgateway_config_applied_total"] == 3
    assert found["microgateway_config_ignored_total"] == 2
    assert found['microgateway_rejected_bundles_total{reason="malformed"}'] == 1
    assert found['microgateway_config_apply_seconds_bucket{le="0.0025"}'] == 0
    assert found['microgateway_config_apply_seconds_bucket{le="0.005"}'] == 1
    assert found["microgateway_config_apply_seconds_sum"] == 0.004
    assert found["microgateway_redis_connected"] == 1
    assert found["microgateway_redis_disconnects_total"] == 5


def test_certificates_of_what_is_served_and_of_the_engine(
    shown: Shown, make_runtime: Callable[..., Runtime]
) -> None:
    ca = authority()
    server = ca.leaf("shop.example", "shop.example")
    shown.store.runtime = make_runtime(config(materials(server), server_tls()))
    shown.store.own_certificates = authority_expiry(pem(ca.certificate))
    name, found = "microgateway_certificate_expiry_timestamp_seconds", shown.samples()
    ends = server.certificate.not_valid_after_utc.timestamp()
    assert found[f'{name}{{certificate="shop/tls:tls.crt",use="server"}}'] == ends
    ends = ca.certificate.not_valid_after_utc.timestamp()
    assert found[f'{name}{{certificate="bootstrap",use="redis-authority"}}'] == ends
