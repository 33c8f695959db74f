"""From manifests to answers: what the shop's users and attackers get, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chain import ROOT, Chain, eventually

ATTACKS = [
    ("query", "GET", "/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--", {}, "SQL"),
    ("form", "POST", "/feedback", {"data": {"text": "<script>fetch('//evil')</script>"}}, "XSS"),
    ("json", "POST", "/orders", {"json": {"note": "; cat /etc/passwd"}}, "UNIXCMD"),
    ("acceptance", "GET", "/?token='%20UnION%20all%20select%20A", {}, "SQL"),
]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One chain for all tests here: none of them changes its configuration."""
    with Chain(tmp_path_factory.mktemp("shop"), ROOT / "examples" / "shop") as started:
        yield started


def send(chain: Chain, method: str, path: str, options: dict[str, Any]) -> Any:
    return chain.get(path) if method == "GET" else chain.post(path, **options)


def access_line(chain: Chain, request_id: str) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        for event in chain.engine.events():
            if event.get("http", {}).get("request", {}).get("id") == request_id:
                return event
        return None

    return eventually(find, f"the access line of request {request_id}")


def test_harmless_requests_pass(chain: Chain) -> None:
    assert chain.get("/products", params={"q": "O'Brien"}).json() == {"products": ["O'Brien's tea tin"]}
    assert chain.post("/orders", json={"name": "moka pot", "count": 2}).status_code == 201
    assert chain.post("/feedback", data={"text": "select the best cup & drop me a line"}).status_code == 200


@pytest.mark.parametrize(("place", "method", "path", "options", "key"), ATTACKS)
def test_attacks_are_refused_and_explained(
    chain: Chain, place: str, method: str, path: str, options: dict[str, Any], key: str
) -> None:
    answer = send(chain, method, path, options)
    assert answer.status_code == 400
    line = access_line(chain, answer.headers["x-request-id"])
    details = line["airlock"]["actions"]["block"]["details"]
    assert details["rule_key"] == key
    assert details["resource"] == {"kind": "DenyRules", "namespace": "shop", "name": "shop"}
    assert details["place"]["type"]
    assert line["airlock"]["summary"]["action"] == "blocked"


def test_an_unsecured_route_is_open(chain: Chain) -> None:
    assert chain.get("/health?q=%27%20UNION%20SELECT%20password%20FROM%20users--").status_code == 200


def test_the_custom_rule_of_the_example(chain: Chain) -> None:
    assert chain.get("/products", params={"coupon": "SUMMER-26"}).status_code == 200
    answer = chain.get("/products", params={"coupon": "summer 26"})
    assert answer.status_code == 400
    details = access_line(chain, answer.headers["x-request-id"])["airlock"]["actions"]["block"]["details"]
    assert details["rule_key"] == "SHOP_COUPON"


def test_the_exception_of_the_example(chain: Chain) -> None:
    shell = "I run `cat /etc/passwd | grep me` before my first cup; rm -rf / after"
    assert chain.post("/reviews", json={"review": {"text": shell}}).status_code == 200
    assert chain.post("/reviews", json={"other": {"text": shell}}).status_code == 400


def test_headers_are_rewritten(chain: Chain) -> None:
    answer = chain.get("/echo", headers={"X-Unknown": "1", "X-Shop-Trace": "2", "Forwarded": "for=1.2.3.4"})
    seen = answer.json()["headers"]
    assert "x-unknown" not in seen
    assert "forwarded" not in seen
    assert seen["x-shop-trace"] == "2"
    assert seen["x-shop-client"] == "127.0.0.1"
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_metrics_count_what_happened(chain: Chain) -> None:
    chain.get("/products")
    chain.get("/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--")
    blocked = (
        'microgateway_http_downstream_rq_threats_blocked_total{block_subtype="SQL",block_type="deny_rules"'
    )
    eventually(lambda: chain.metric(blocked) >= 1, "the block to be counted")
    assert chain.metric('envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="inbound_8080"}') >= 2
    assert chain.metric("microgateway_config_ready") == 1


def test_the_correlation_id_is_logged(chain: Chain) -> None:
    chain.get("/products", headers={"X-Correlation-Id": "c-42"})
    eventually(
        lambda: any(
            event.get("airlock", {}).get("http", {}).get("request", {}).get("correlation_id") == "c-42"
            for event in chain.engine.events()
        ),
        "an access line with the correlation id",
    )
