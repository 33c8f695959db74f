"""A real exchange, from head to last byte, without a connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.gateway import ConnectionAddress
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.telemetry import CorrelationHeader, DefaultAccessLog, RequestIds, Telemetry
from microgateway_common.names import Generation, gateway_key
from microgateway_engine.config.client import client_address
from microgateway_engine.config.runtime import ApplicationRuntime, Route
from microgateway_engine.http1.heads import parse_request_head, parse_response_head
from microgateway_engine.telemetry.access_log import default_line
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.exchange import Exchange, Peer

REQUEST = (
    b"POST /orders/./7?token=x HTTP/1.1\r\nHost: shop.example\r\n"
    b"Content-Type: Application/JSON; charset=utf-8\r\n"
    b"X-Tenant: acme\r\nX-Correlation-Id: c-1\r\nContent-Length: 4"
)
RESPONSE = b"HTTP/1.1 302 Found\r\nLocation: /done\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2"

TELEMETRY = Telemetry(
    DefaultOrigin("Telemetry"),
    CorrelationHeader("X-Correlation-Id"),
    RequestIds(False, True),
    DefaultAccessLog(),
)

#: Makes an exchange and takes it as far as its stage says: `begun`, `forwarded` or `finished`.
ExchangeFactory = Callable[..., Exchange]


@pytest.fixture
def application() -> ApplicationRuntime:
    """One unsecured route on port 8080."""
    return ApplicationRuntime(
        gateway=gateway_key("shop", "gateway"),
        generation=Generation(7),
        port=8080,
        routes=(Route("/", None),),
        client_address=client_address(ConnectionAddress()),
        normalize_path=True,
        merge_slashes=True,
        max_head=61440,
        idle_timeout=0,
        head_timeout=0,
        request_timeout=0,
        upstream_timeout=0,
        upstream_idle_timeout=4,
        telemetry=TELEMETRY,
        access_log=default_line,
    )


@pytest.fixture
def exchange_at(application: ApplicationRuntime) -> ExchangeFactory:
    def make(stage: str, peer: Peer = Peer("192.0.2.7", 50000, "10.0.0.5", 13378)) -> Exchange:  # noqa: B008
        exchange = Exchange(application, peer, parse_request_head(REQUEST))
        exchange.upstream = "10.0.0.5:8080"
        if stage == "begun":
            return exchange
        assert isinstance(exchange.begin(), Forward)
        exchange.request_data(b"{ } ")
        exchange.request_end()
        if stage == "forwarded":
            return exchange
        exchange.response_head(parse_response_head(RESPONSE, "POST"))
        exchange.response_data(b"ok")
        exchange.response_end()
        return exchange

    return make
