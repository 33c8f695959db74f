"""Requests and connections, on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from microgateway_engine.telemetry.counters import Counters, Histogram, PortCounters
from microgateway_engine.telemetry.prometheus import Family, Kind, counter, gauge, one

from .tables import counts_by, histograms, named, values

_PREFIX = "envoy_http_conn_manager_prefix"
_CLUSTER = "envoy_cluster_name"


def downstream(counters: Counters) -> Iterator[Family]:
    inbound, applications = named("inbound_{}", counters.ports), named("{}", counters.ports)
    yield one(
        Kind.COUNTER,
        "microgateway_connections_refused_total",
        "connections for no configured application",
        counters.refused_connections,
    )
    yield values(
        counter("envoy_http_downstream_cx_total", "connections accepted", _PREFIX),
        inbound,
        lambda port: port.connections,
    )
    yield values(
        gauge("envoy_http_downstream_cx_active", "connections open at the moment", _PREFIX),
        inbound,
        lambda port: port.active,
    )
    yield values(
        counter("envoy_http_downstream_cx_rx_bytes_total", "bytes received from clients", _PREFIX),
        inbound,
        lambda port: port.received,
    )
    yield values(
        counter("envoy_http_downstream_cx_tx_bytes_total", "bytes sent to clients", _PREFIX),
        inbound,
        lambda port: port.sent,
    )
    yield histograms(
        "envoy_http_downstream_cx_length_ms",
        "life of connections, ms",
        _PREFIX,
        inbound,
        lambda port: port.lives,
    )
    yield values(
        counter("envoy_http_downstream_rq_total", "requests", _PREFIX),
        inbound,
        lambda port: port.requests,
    )
    classes = counter(
        "envoy_http_downstream_rq_xx",
        "requests by status class",
        _PREFIX,
        "envoy_response_code_class",
    )
    for name, port in inbound.items():
        for status_class, count in enumerate(port.by_class[1:], start=1):
            classes.add(count, name, str(status_class))
    yield classes
    yield histograms(
        "envoy_http_downstream_rq_time",
        "request duration, ms",
        _PREFIX,
        inbound,
        lambda port: port.duration,
    )
    yield histograms(
        "microgateway_rq_processing_time_ms",
        "inspection of a request, ms",
        "upstream",
        applications,
        lambda port: port.processing,
    )
    yield counts_by(
        counter("microgateway_http_rq_outcome_total", "requests by how they ended", "upstream", "outcome"),
        applications,
        lambda port: port.outcomes,
    )
    yield counts_by(
        counter(
            "microgateway_http2_connections_ended_total",
            "HTTP/2 connections of clients ended for what they sent, by what that was",
            "upstream",
            "kind",
        ),
        applications,
        lambda port: port.floods,
    )


def upstream(ports: Mapping[int, PortCounters]) -> Iterator[Family]:
    clusters = named("upstream_{}", ports)
    amounts: tuple[tuple[str, str, Callable[[PortCounters], float]], ...] = (
        ("rq_total", "requests forwarded", lambda port: port.upstream_requests),
        ("cx_total", "connections opened", lambda port: port.upstream_connections),
        ("cx_connect_fail", "connects that failed", lambda port: port.upstream_connect_failures),
        (
            "cx_rx_bytes_total",
            "bytes received from the application",
            lambda port: port.upstream_received_bytes,
        ),
        (
            "cx_tx_bytes_total",
            "bytes of requests that were forwarded, as clients sent them",
            lambda port: port.upstream_sent_bytes,
        ),
    )
    for name, text, value in amounts:
        yield values(counter(f"envoy_cluster_upstream_{name}", text, _CLUSTER), clusters, value)
    by_code = counter("envoy_cluster_upstream_rq", "responses by status", _CLUSTER, "envoy_response_code")
    by_class = counter(
        "envoy_cluster_upstream_rq_xx",
        "responses by status class",
        _CLUSTER,
        "envoy_response_code_class",
    )
    for cluster, port in clusters.items():
        classes = dict.fromkeys(range(1, 6), 0)
        for status, count in sorted(port.upstream_by_status.items()):
            by_code.add(count, cluster, str(status))
            classes[status // 100] = classes.get(status // 100, 0) + count
        for status_class, count in classes.items():
            by_class.add(count, cluster, str(status_class))
    yield by_code
    yield by_class
    times: tuple[tuple[str, str, Callable[[PortCounters], Histogram]], ...] = (
        (
            "rq_time",
            "from forwarding the head to the response's head, ms",
            lambda port: port.upstream_duration,
        ),
        ("cx_connect_ms", "opening a connection, TLS included, ms", lambda port: port.upstream_connect),
        ("cx_length_ms", "life of connections, ms", lambda port: port.upstream_lives),
    )
    for name, text, of in times:
        yield histograms(f"envoy_cluster_upstream_{name}", text, _CLUSTER, clusters, of)
