"""Threats, and hits of rules and exceptions, from requests to what Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable

import engine_configurations as configurations
import pytest
from msgspec.structs import replace
from shown_metrics import Shown

from microgateway_common.ir.data import ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import RuleException, ThreatHandling
from microgateway_common.ir.limits import AllLengths, Limited, LimitException
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, RequestConditions
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.names import RuleKey
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_inspection.verdict import LimitThreat

ExchangeFactory = Callable[..., Exchange]

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
ATTACK = "%3Cscript%3E"


@pytest.fixture
def runtime(make_runtime: Callable[..., Runtime]) -> Runtime:
    """exceptions[0] is for `ok`, exceptions[1] for a parameter that nobody sends."""
    content = configurations.content_security()

    def exception(position: int, name: str) -> RuleException:
        data = ParameterData(Exact(name, ignore_case=False), AnyString(), ParameterSource.ANY)
        return RuleException(f"exceptions[{position}]", (RuleKey("XSS"), RuleKey("HTML")), data, ALWAYS)

    exceptions = (exception(0, "ok"), exception(1, "gone"))
    content = replace(content, deny_rules=replace(content.deny_rules, exceptions=exceptions))
    return make_runtime(configurations.gateway_config(content=content))


def test_what_matters_is_counted_and_what_does_not_is_zero(shown: Shown, runtime: Runtime) -> None:
    for query in (f"ok={ATTACK}", f"ok={ATTACK}", f"q={ATTACK}", "q=hello"):
        head = f"GET /?{query} HTTP/1.1\r\nHost: shop"
        exchange = Exchange(
            runtime.applications[configurations.PORT], PEER, parse_request_head(head.encode())
        )
        exchange.begin()
        exchange.abandon()
        shown.metrics.port(configurations.PORT).count(exchange)
    of = 'resource="DenyRules shop/shop"'
    prefix = "microgateway_deny_rules"
    found = {name: value for name, value in shown.samples().items() if name.startswith(prefix) and of in name}
    assert found == {
        f'{prefix}_exception_hits_total{{exception="exceptions[0]",{of}}}': 2,
        f'{prefix}_exception_hits_total{{exception="exceptions[1]",{of}}}': 0,
        f'{prefix}_rule_hits_total{{{of},rule_id="XSS-010"}}': 1,
    }


def test_exceptions_of_limits_are_counted_also_where_a_body_streams(
    shown: Shown, make_runtime: Callable[..., Runtime]
) -> None:
    content = configurations.content_security()
    assert isinstance(content.limits.request, Limited)
    exceptions = tuple(
        LimitException(f"exceptions[{at}]", AllLengths(), RequestConditions(methods=(method,)))
        for at, method in enumerate(("DELETE", "PUT"))
    )
    small = replace(
        content.limits.request,
        general=replace(content.limits.request.general, body_size=10),
        exceptions=exceptions,
    )
    content = replace(content, limits=replace(content.limits, request=small))
    application = make_runtime(configurations.gateway_config(content=content)).applications[
        configurations.PORT
    ]
    for size in (10, 11):
        head = f"PUT / HTTP/1.1\r\nHost: shop\r\nContent-Type: text/plain\r\nContent-Length: {size}"
        exchange = Exchange(application, PEER, parse_request_head(head.encode()))
        exchange.begin()
        exchange.request_data(b"x" * size)
        exchange.request_end()
        exchange.abandon()
        shown.metrics.port(configurations.PORT).count(exchange)
    found = shown.samples()
    of = f'resource="{content.limits.origin}"'
    assert [
        found[f'microgateway_limits_exception_hits_total{{exception="exceptions[{at}]",{of}}}']
        for at in (0, 1)
    ] == [0, 1]


@pytest.mark.parametrize("handling", list(ThreatHandling))
def test_threats_are_counted_by_their_kind(
    handling: ThreatHandling, shown: Shown, exchange_at: ExchangeFactory
) -> None:
    exchange = exchange_at("finished")
    exchange.threats = (
        LimitThreat("json_key_count", 1, 2, None, handling, DefaultOrigin("Limits")),
        LimitThreat("json_key_count", 1, 2, None, handling, DefaultOrigin("Limits")),
    )
    shown.metrics.port(8080).count(exchange)
    name = "logged" if handling is ThreatHandling.LOG_ONLY else "blocked"
    other = "blocked" if name == "logged" else "logged"
    found = shown.samples()
    labels = (
        '{block_subtype="json_key_count",block_type="limits",'
        'envoy_cluster_name="upstream_8080",upstream="8080"}'
    )
    assert found[f"microgateway_http_downstream_rq_threats_{name}_total{labels}"] == 2
    assert f"microgateway_http_downstream_rq_threats_{other}_total{labels}" not in found


def test_requests_over_the_budget_of_inspection_are_told_apart(
    shown: Shown, exchange_at: ExchangeFactory
) -> None:
    exchange = exchange_at("finished")
    handling = ThreatHandling.BLOCK
    exchange.threats = (
        LimitThreat("inspection_budget", 1, 2, None, handling, DefaultOrigin("DenyRules")),
        LimitThreat("json_key_count", 1, 2, None, handling, DefaultOrigin("Limits")),
    )
    shown.metrics.port(8080).count(exchange)
    assert shown.samples()['microgateway_inspection_budget_exceeded_total{upstream="8080"}'] == 1
