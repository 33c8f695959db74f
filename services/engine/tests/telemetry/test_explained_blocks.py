"""From a block over its event to an exception that lets the request through: every place, real rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engine_configurations as configurations
import pytest
from msgspec.structs import replace

from microgateway_common.blocks import decode_event, encode_event
from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity
from microgateway_common.names import pod_key
from microgateway_common.resources.deny_rules import DenyRulesSpec
from microgateway_compiler.compile.deny_rules import deny_rules
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.telemetry.block_reports import block_event
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_inspection.explain.result import Offered
from microgateway_inspection.explain.witnessed import BlockExplanation, explain_block
from microgateway_inspection.kit.placing import Sent, Where, place

PEER = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)
ATTACK = "' union select 1 from users--<script>"

#: Each uncovers what the one before hid.
ROUNDS = 8

Attempt = Callable[[Sent, ContentSecurity], Exchange]


@pytest.fixture
def attempt(make_runtime: Callable[..., Runtime]) -> Attempt:
    def attempt(sent: Sent, content: ContentSecurity) -> Exchange:
        config = configurations.gateway_config(content=content)
        application = make_runtime(config).applications[configurations.PORT]
        target = f"{sent.path}?{sent.query}" if sent.query else sent.path
        lines = [f"{sent.method} {target} HTTP/1.1", "Host: shop", *map(": ".join, sent.headers)]
        lines += [f"Content-Length: {len(sent.body)}"] if sent.body else []
        exchange = Exchange(application, PEER, parse_request_head("\r\n".join(lines).encode()))
        exchange.begin()
        if sent.body and exchange.blocked_by is None:
            exchange.request_data(sent.body)
            exchange.request_end()
        exchange.abandon()
        return exchange

    return attempt


def explained(exchange: Exchange, content: ContentSecurity) -> BlockExplanation:
    """By what travels over the bus, and nothing else."""
    event = decode_event(encode_event(block_event(exchange, pod_key("shop", "shop-0"))))
    return explain_block(configurations.gateway_config(content=content), event)


def with_changes(content: ContentSecurity, exceptions: list[dict[str, Any]]) -> ContentSecurity:
    """As if somebody had copied them into the resource."""
    deny = content.deny_rules
    built_in = {"exceptions": exceptions}
    spec = DenyRulesSpec.model_validate({"request": {"builtIn": built_in}})
    made = deny_rules(deny.origin, spec)
    return replace(content, deny_rules=replace(deny, exceptions=made.exceptions))


@pytest.mark.parametrize("where", list(Where))
@pytest.mark.parametrize("handling", list(ThreatHandling))
def test_what_is_offered_lets_it_through(attempt: Attempt, where: Where, handling: ThreatHandling) -> None:
    sent = place(ATTACK, where)
    before = content = configurations.content_security(handling)
    exceptions: list[dict[str, Any]] = []
    assert attempt(sent, content).threats
    for _ in range(ROUNDS):
        exchange = attempt(sent, content)
        if not exchange.threats:
            break
        remedy = explained(exchange, content).remedy
        assert isinstance(remedy, Offered), remedy
        assert {each.resource for each in remedy.changes} == {"DenyRules shop/shop"}
        exceptions += [each.value for each in remedy.changes]
        content = with_changes(before, exceptions)
    assert attempt(sent, content).threats == ()
    assert exceptions
    elsewhere = Where.HEADER if where is Where.QUERY else Where.QUERY
    assert attempt(place(ATTACK, elsewhere), content).threats, "the exception is for one field only"


def test_a_limit_is_explained_by_its_field(attempt: Attempt) -> None:
    content = configurations.content_security()
    exchange = attempt(place("x" * 300, Where.FORM), content)
    found = explained(exchange, content)
    assert found.causes[0].field == "spec.request.limited.parameter.valueLength"
    assert isinstance(found.remedy, Offered)
    (change,) = found.remedy.changes
    assert (change.resource, change.where, change.value) == (
        "Limits shop/shop",
        "spec.request.limited.parameter.valueLength",
        300,
    )
