"""SidecarGateway: what holds when a field is absent, and which choice a document is."""

from __future__ import annotations

from typing import Any

from microgateway_common.resources.sidecar_gateway import (
    Application,
    AutoProtocol,
    ConnectionIP,
    CustomHeader,
    Downstream,
    ForwardedFor,
    Http1Protocol,
    Http2Protocol,
    Route,
    Secured,
    SidecarGatewaySpec,
    TrustedHops,
    TrustedRanges,
    Unsecured,
)


def downstream(**fields: Any) -> Downstream:
    return Downstream.model_validate(fields)


def test_an_application_has_the_defaults_of_the_interface() -> None:
    (application,) = SidecarGatewaySpec.model_validate({"applications": [{}]}).applications
    assert application.container_port == 8080
    assert application.routes == (Route(),)
    assert application.telemetry_ref is None
    down, up = application.downstream, application.upstream
    assert down.protocol == up.protocol == AutoProtocol()
    assert down.remote_ip == ForwardedFor()
    assert down.request_normalizations.merge_slashes
    assert down.request_normalizations.normalize_path
    assert down.restrictions.http.headers_length.bytes == 60 * 1024
    timeouts = down.timeouts.http
    assert [timeouts.idle.seconds, timeouts.max_duration.seconds, timeouts.request_headers.seconds] == [
        300,
        300,
        10,
    ]
    assert up.timeouts.http.idle is None
    assert up.timeouts.http.max_duration.seconds == 15
    assert not down.tls.enable
    assert not up.tls.enable


def test_a_gateway_selects_every_pod_by_default() -> None:
    spec = SidecarGatewaySpec.model_validate({"applications": [{}]})
    assert spec.pod_selector.match_labels == {}
    assert (spec.envoy_cluster_refs, spec.session_handling_ref) == ((), None)


def test_protocols() -> None:
    assert downstream(protocol={"http1": {}}).protocol == Http1Protocol()
    http2 = downstream(protocol={"http2": {"allowConnect": True}}).protocol
    assert isinstance(http2, Http2Protocol)
    assert http2.allow_connect
    auto = downstream(protocol={"auto": {"http2": {"allowConnect": True}}}).protocol
    assert isinstance(auto, AutoProtocol)
    assert auto.http2.allow_connect


def test_client_addresses() -> None:
    assert downstream(remoteIP={"connectionIP": {}}).remote_ip == ConnectionIP()
    header = downstream(remoteIP={"customHeader": {"headerName": "X-Real-IP"}}).remote_ip
    assert isinstance(header, CustomHeader)
    assert header.required


def test_one_hop_is_trusted_when_nothing_is_said() -> None:
    assert ForwardedFor().trusted == TrustedHops(1)
    assert ForwardedFor.model_validate({"numTrustedHops": 3}).trusted == TrustedHops(3)
    ranges = ForwardedFor.model_validate({"trustedCIDRRanges": ["10.0.0.0/8"]})
    assert ranges.trusted == TrustedRanges(("10.0.0.0/8",))


def test_routes_are_secured_unless_they_say_otherwise() -> None:
    assert Route().path_prefix == "/"
    assert Route().treatment == Secured()
    assert Route.model_validate({"unsecured": {}}).treatment == Unsecured()
    secured = Route.model_validate({"secured": {"contentSecurityRef": {"name": "a"}}}).treatment
    assert isinstance(secured, Secured)
    assert secured.content_security_ref is not None


def test_no_routes_are_one_secured_route() -> None:
    assert Application.model_validate({"routes": []}).routes == (Route(),)
