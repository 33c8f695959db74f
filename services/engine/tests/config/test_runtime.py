"""A configuration made ready, or refused as a whole."""

from __future__ import annotations

from collections.abc import Callable

import engine_configurations as configurations
import msgspec
import pytest

from microgateway_common.ir.gateway import ForwardedRanges, GatewayConfig, Route, Secured, Unsecured
from microgateway_common.ir.header_rewrites import OperationalMode
from microgateway_engine.config.runtime import Runtime

MakeRuntime = Callable[..., Runtime]


def routes(*routes: Route) -> GatewayConfig:
    return configurations.gateway_config(msgspec.structs.replace(configurations.application(), routes=routes))


def test_what_requests_need_is_there(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(generation=7)
    assert (runtime.gateway, runtime.generation) == (configurations.GATEWAY, 7)
    application = runtime.applications[configurations.PORT]
    assert (application.gateway, application.generation, application.port) == (
        configurations.GATEWAY,
        7,
        8080,
    )
    assert (application.max_head, application.idle_timeout, application.head_timeout) == (4096, 300, 10)
    assert (application.request_timeout, application.upstream_timeout) == (300, 15)
    assert application.client_address([], "192.0.2.1") == "192.0.2.1"


def test_each_port_has_its_application(make_runtime: MakeRuntime) -> None:
    config = configurations.gateway_config(
        configurations.application(port=1), configurations.application(port=2)
    )
    assert set(make_runtime(config).applications) == {1, 2}


def test_the_first_route_that_fits_decides(make_runtime: MakeRuntime) -> None:
    config = routes(Route("/a/b", Unsecured()), Route("/a", Secured("shop")), Route("/a/c", Unsecured()))
    application = make_runtime(config).applications[configurations.PORT]
    found = {
        path: route and (route.prefix, route.protection is not None)
        for path in ("/a/b/1", "/a/c", "/a", "/b", "*")
        for route in [application.route(path)]
    }
    assert found == {
        "/a/b/1": ("/a/b", False),
        "/a/c": ("/a", True),
        "/a": ("/a", True),
        "/b": None,
        "*": None,
    }


def test_a_policy_is_made_ready_once_however_many_routes_name_it(make_runtime: MakeRuntime) -> None:
    config = routes(Route("/a", Secured("shop")), Route("/b", Secured("shop")))
    first, second = make_runtime(config).applications[configurations.PORT].routes
    assert first.protection is second.protection


@pytest.mark.parametrize("mode", list(OperationalMode))
def test_only_integration_mode_records_rewrites(mode: OperationalMode, make_runtime: MakeRuntime) -> None:
    config = configurations.gateway_config(content=configurations.content_security(mode=mode))
    route = make_runtime(config).applications[configurations.PORT].route("/")
    assert route is not None
    assert route.protection is not None
    assert route.protection.record_rewrites is (mode is OperationalMode.INTEGRATION)


def test_a_route_to_no_policy_is_refused(make_runtime: MakeRuntime) -> None:
    with pytest.raises(ValueError, match="expected content security 'missing', got none of that name"):
        make_runtime(routes(Route("/", Secured("missing"))))


def test_ranges_that_are_none_are_refused(make_runtime: MakeRuntime) -> None:
    application = configurations.application(remote_address=ForwardedRanges(("nonsense",)))
    with pytest.raises(ValueError, match="nonsense"):
        make_runtime(configurations.gateway_config(application))
