"""Manifests in the style of the 4.x manual, applied as they are: each setting does what it is
documented to."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chain import eventually
from kube_api_server import KubeApiServer
from kube_chain import Engine, KubeChain

from microgateway_common.resources.registry import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

NAMESPACE = "webshop"
SQL = "' UNION SELECT password FROM users--"
MARKUP = "<script>fetch('//evil')</script>"
COMMAND = "; cat /etc/passwd"

_number = itertools.count()


class Webshop:
    """Sends requests to the engine, and finds what it logs of them."""

    def __init__(self, engine: Engine, client: httpx.Client) -> None:
        self._engine = engine
        self._client = client

    def send(self, method: str, path: str, **options: Any) -> tuple[httpx.Response, dict[str, Any]]:
        """The answer, and the line of the access log. The request's id is ours: Telemetry allows it."""
        request_id = f"webshop-{next(_number)}"
        headers = {**options.pop("headers", {}), "X-Request-Id": request_id}
        answer = self._client.request(method, path, headers=headers, **options)

        def find() -> dict[str, Any] | None:
            return next(
                (each for each in self._engine.events() if each.get("request_id") == request_id), None
            )

        return answer, eventually(find, f"the access line of {method} {path}")

    def cause(self, method: str, path: str, **options: Any) -> str:
        """Block type and subtype of a refusal; "passed" for what the application answered."""
        answer, line = self.send(method, path, **options)
        block = line.get("block")
        if block is None:
            assert answer.status_code in (200, 201)
            return "passed"
        assert answer.status_code == 400
        return f"{block['block_type']} {block['block_subtype']}"

    def logged(self, method: str, path: str, **options: Any) -> set[str]:
        """Rule keys that were logged only, of a request that passed."""
        answer, line = self.send(method, path, **options)
        assert answer.status_code == 200
        return {each["rule_key"] for each in line.get("log_only") or ()}


@pytest.fixture(scope="module")
def webshop(cluster: KubeApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webshop]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    with KubeChain(cluster, tmp_path_factory.mktemp("webshop"), NAMESPACE) as chain:
        chain.apply_example("manual-style")
        chain.apply(chain.pod("webshop-0", app="webshop"))
        chain.reconciler()
        engine = chain.engine("webshop-0")
        engine.await_ready()
        for kind, resource in KINDS.items():
            chain.cluster.kubectl(
                "wait", "-n", NAMESPACE, f"{resource.PLURAL}/webshop", "--for=condition=Programmed",
                "--timeout=120s",
            )  # fmt: skip
            assert chain.read(kind, "webshop")["status"]["status"] == "Active"
        with httpx.Client(base_url=f"http://127.0.0.1:{engine.port}", timeout=30) as client:
            yield Webshop(engine, client)


def test_an_override_to_log_only_logs_and_passes_where_it_applies(webshop: Webshop) -> None:
    assert "XSS" in webshop.logged("GET", "/echo", params={"text": MARKUP})
    assert webshop.cause("POST", "/echo", json={"text": MARKUP}).startswith("deny_rules ")


def test_an_override_to_unfiltered_finds_nothing_where_it_applies(webshop: Webshop) -> None:
    assert webshop.logged("POST", "/echo", json={"text": COMMAND}) == set()
    assert webshop.cause("GET", "/echo", params={"text": COMMAND}) == "deny_rules UNIXCMD"


def test_an_exception_lets_exactly_its_data_through(webshop: Webshop) -> None:
    assert webshop.cause("GET", "/reports/sales", params={"statement": SQL}) == "passed"
    assert webshop.cause("GET", "/reports/sales", params={"other": SQL}) == "deny_rules SQL"
    assert webshop.cause("GET", "/products", params={"statement": SQL}) == "deny_rules SQL"
    assert webshop.cause("POST", "/reports/sales", params={"statement": SQL}) == "deny_rules SQL"
    assert webshop.cause("GET", "/reports/sales", params={"statement": COMMAND}) == "deny_rules UNIXCMD"


def test_custom_rules_block_or_log(webshop: Webshop) -> None:
    assert webshop.cause("GET", "/Internal/state") == "deny_rules INTERNAL_PATH"
    assert webshop.cause("GET", "/international") == "passed"
    assert webshop.logged("GET", "/echo", headers={"User-Agent": "Wget/1.21"}) == {"SCRIPTED_CLIENT"}


NESTED: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": 1}}}}}


@pytest.mark.parametrize(
    ("subtype", "method", "path", "options"),
    [
        ("general_path_length", "GET", "/" + "p" * 64, {}),
        ("general_body_size", "POST", "/uploads/x", {"content": b"x" * 2049}),
        ("parameter_count", "GET", "/echo?a=1&b=2&c=3&d=4&e=5", {}),
        ("parameter_name_length", "GET", f"/echo?{'n' * 17}=1", {}),
        ("parameter_value_length", "GET", f"/echo?a={'v' * 129}", {}),
        ("parameter_body_size", "POST", "/echo", {"data": {f"f{n}": "v" * 100 for n in range(11)}}),
        ("json_body_size", "POST", "/echo", {"json": [["v" * 60] * 4] * 5}),
        ("json_key_count", "POST", "/echo", {"json": {f"k{n}": n for n in range(7)}}),
        ("json_element_count", "POST", "/echo", {"json": list(range(9))}),
        ("json_key_length", "POST", "/echo", {"json": {"k" * 17: 1}}),
        ("json_value_length", "POST", "/echo", {"json": {"k": "v" * 65}}),
        ("json_nesting_depth", "POST", "/echo", {"json": NESTED}),
        ("multipart_body_size", "POST", "/echo", {"files": {"file": ("a.txt", b"v" * 2049)}}),
    ],
)
def test_each_limit_has_its_subtype(
    webshop: Webshop, subtype: str, method: str, path: str, options: dict[str, Any]
) -> None:
    assert webshop.cause(method, path, **options) == f"limits {subtype}"


def test_what_is_just_within_the_limits_passes(webshop: Webshop) -> None:
    assert webshop.cause("GET", "/" + "p" * 63) == "passed"
    assert webshop.cause("GET", f"/echo?{'n' * 16}={'v' * 128}&b=2&c=3&d=4") == "passed"
    fits = {"k" * 16: "v" * 64, "list": [1, 2], "a": {"b": {"c": 1}}}
    assert webshop.cause("POST", "/echo", json=fits) == "passed"


def test_an_exception_of_a_length_is_for_its_place(webshop: Webshop) -> None:
    long = "v" * 200
    assert webshop.cause("POST", "/articles", json={"description": long}) == "passed"
    assert webshop.cause("POST", "/articles", json={"title": long}) == "limits json_value_length"
    assert webshop.cause("POST", "/echo", json={"description": long}) == "limits json_value_length"
    assert webshop.cause("POST", "/echo", data={"comment": long}) == "passed"
    assert webshop.cause("GET", "/echo", params={"comment": long}) == "limits parameter_value_length"


def test_request_headers_are_allowed_removed_and_added(webshop: Webshop) -> None:
    sent = {"X-Unknown": "1", "Traceparent": "00-1-2-01", "X-Webshop-Cart": "7", "X-Webshop-Debug": "1",
            "Forwarded": "for=192.0.2.1", "X-Webshop-Client": "forged"}  # fmt: skip
    answer, line = webshop.send("GET", "/echo", headers=sent)
    seen = answer.json()["headers"]
    assert (seen["traceparent"], seen["x-webshop-cart"]) == ("00-1-2-01", "7")
    assert not {"x-unknown", "x-webshop-debug", "forwarded"} & set(seen)
    assert (seen["x-webshop-client"], seen["accept-language"]) == ("127.0.0.1", "en")
    # Integration: every action is logged.
    logged = {(each["action"], each["header"].lower()) for each in line["header_rewrites"]["request"]}
    assert {header for _, header in logged} >= {"x-unknown", "x-webshop-debug", "x-webshop-client"}

    answer, _ = webshop.send("GET", "/echo", headers={"Accept-Language": "de"})
    assert answer.json()["headers"]["accept-language"] == "de"


def test_response_headers_are_removed_and_added(webshop: Webshop) -> None:
    answer, _ = webshop.send("GET", "/account/orders")
    assert not {"server", "x-powered-by"} & set(answer.headers)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert {"content-security-policy", "strict-transport-security"} <= set(answer.headers)
    assert answer.headers["cache-control"] == "no-store"
    assert "cache-control" not in webshop.send("GET", "/echo")[0].headers


def test_parser_rules_decide_how_bodies_are_read(webshop: Webshop) -> None:
    deep = json.dumps(NESTED)
    text = {"Content-Type": "text/plain"}
    assert webshop.cause("POST", "/legacy/orders", content=deep, headers=text) == "limits json_nesting_depth"
    assert webshop.cause("POST", "/echo", content=deep, headers=text) == "passed"
    skipped = {"Content-Type": "application/json"}
    assert webshop.cause("PUT", "/uploads/file", content=deep, headers=skipped) == "passed"
    assert webshop.cause("PATCH", "/uploads/file", content=deep, headers=skipped) == (
        "limits json_nesting_depth"
    )
    # Without a Content-Type the default of the manifest decides.
    assert webshop.cause("POST", "/echo", content=deep) == "limits json_nesting_depth"


def test_telemetry_logs_the_correlation_id_in_the_format_that_was_asked_for(webshop: Webshop) -> None:
    _, line = webshop.send("GET", "/echo", headers={"X-Webshop-Trace": "t-42"})
    assert (line["correlation_id"], line["path"], line["status"]) == ("t-42", "/echo", 200)


def test_an_unsecured_route_is_not_inspected(webshop: Webshop) -> None:
    assert webshop.cause("GET", "/metrics", params={"q": SQL}) == "passed"
