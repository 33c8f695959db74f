"""Handshakes, as Prometheus reads them."""

from __future__ import annotations

from shown_metrics import Shown


def test_handshakes_show_under_the_names_of_envoy(shown: Shown) -> None:
    port = shown.metrics.port(8080)
    port.tls.established("TLSv1.3", "TLS_AES_256_GCM_SHA384", resumed=False)
    port.tls.failed("wrong_name")
    port.upstream_tls.established("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", resumed=True)
    found = shown.samples()
    listener, cluster = 'envoy_listener_address="0.0.0.0_8080"', 'envoy_cluster_name="upstream_8080"'
    assert found[f"envoy_listener_ssl_handshake{{{listener}}}"] == 1
    assert found[f"envoy_listener_ssl_connection_error{{{listener}}}"] == 1
    assert found[f'envoy_listener_ssl_errors{{cause="wrong_name",{listener}}}'] == 1
    assert found[f'envoy_listener_ssl_versions{{{listener},envoy_ssl_version="TLSv1.3"}}'] == 1
    assert found[f"envoy_cluster_ssl_handshake{{{cluster}}}"] == 1
    assert found[f"envoy_cluster_ssl_session_reused{{{cluster}}}"] == 1
