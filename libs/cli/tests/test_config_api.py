"""Against a server that answers what a config-api should not, and asks for tokens; a real config-api
answers in tests/config_api."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from microgateway_cli.config_api import ConfigApi, ConfigApiError, RefusedError, ServerSentEvent
from microgateway_cli.tokens import GivenToken, KubeconfigToken, Tokens

NO_KUBECONFIG = GivenToken("t0ken")


@dataclass
class Server:
    """answer: status and body of every answer. token: without it the answer is 401; asks nobody when empty.
    seen: Authorization of each request."""

    url: str
    answer: tuple[int, bytes] = (200, b"{}")
    token: str = ""
    seen: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization")
            asked.seen.append(given)
            status, body = asked.answer
            if asked.token and given != f"Bearer {asked.token}":
                status, body = 401, problem(401, "unauthorized", "expected a bearer token, got none")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        asked = Server(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield asked
        listening.shutdown()
        thread.join()


def problem(status: int, kind: str, detail: str, **more: object) -> bytes:
    return json.dumps(
        {"type": f"urn:microgateway:error:{kind}", "status": status, "detail": detail, **more}
    ).encode()


def ask(server: Server, asking: Tokens = NO_KUBECONFIG) -> dict[str, object]:
    with ConfigApi(server.url, asking) as api:
        return api.get("gateways")


def kubeconfig(folder: Path) -> KubeconfigToken:
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "from-kubeconfig"}}],
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    return KubeconfigToken(path, None)


def test_a_given_token_is_sent_at_once(server: Server) -> None:
    ask(server, GivenToken("t0ken"))
    assert server.seen == ["Bearer t0ken"]


def test_that_of_a_kubeconfig_is_kept_from_who_does_not_ask(server: Server, tmp_path: Path) -> None:
    ask(server, kubeconfig(tmp_path))
    assert server.seen == [None]
    server.token = "from-kubeconfig"
    with ConfigApi(server.url, kubeconfig(tmp_path)) as api:
        api.get("gateways")
        api.get("gateways")
    assert server.seen[1:] == [None, "Bearer from-kubeconfig", "Bearer from-kubeconfig"]


def test_who_refuses_a_token_is_not_asked_forever(server: Server, tmp_path: Path) -> None:
    server.token = "another"
    with ConfigApi(server.url, kubeconfig(tmp_path)) as api, pytest.raises(RefusedError) as error:
        api.get("gateways")
    assert len(server.seen) == 2
    assert "from-kubeconfig" not in str(error.value)


def test_without_a_token_it_says_how_to_make_one(server: Server) -> None:
    server.token = "another"
    with pytest.raises(RefusedError, match="kubectl create token") as error:
        ask(server)
    assert (error.value.status, error.value.kind) == (401, "unauthorized")


def test_a_kubeconfig_token_never_leaves_this_machine_in_the_clear(tmp_path: Path) -> None:
    for url, may in (
        ("http://127.0.0.1:8090", True),
        ("http://[::1]:8090", True),
        ("http://localhost:8090", True),
        ("https://config-api.example", True),
        ("http://config-api.example", False),
        ("http://127.0.0.1.example", False),
    ):
        with ConfigApi(url, kubeconfig(tmp_path)) as api:
            assert api.sends_kubeconfig_tokens is may, url


def test_an_error_is_told_with_what_looks_alike(server: Server) -> None:
    server.answer = (
        404,
        problem(404, "unknown-gateway", "expected one, got shop/webshpo", near=["shop/webshop"]),
    )
    with pytest.raises(RefusedError, match="got shop/webshpo; there is shop/webshop") as error:
        ask(server)
    assert error.value.kind == "unknown-gateway"


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (200, b"[]"), (200, b"\xff"), (404, b"none"), (500, b"[]"), (302, b"")]
)
def test_who_is_no_config_api_is_said_to_be_none(server: Server, answer: tuple[int, bytes]) -> None:
    server.answer = answer
    with pytest.raises(ConfigApiError, match="expected the config-api"):
        ask(server)


@pytest.mark.parametrize("body", [b"{}", b'{"items": null, "total": 1}', b'{"items": [1]}'])
def test_a_list_that_is_none_is_refused(server: Server, body: bytes) -> None:
    server.answer = 200, body
    with ConfigApi(server.url, NO_KUBECONFIG) as api, pytest.raises(ConfigApiError, match="expected"):
        api.all("gateways")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "ftp://127.0.0.1"])
def test_a_server_that_cannot_be_asked_is_named(url: str) -> None:
    with pytest.raises(ConfigApiError, match="expected the"), ConfigApi(url, NO_KUBECONFIG) as api:
        api.get("gateways")


def test_events_are_read_as_the_standard_says(server: Server) -> None:
    server.answer = (
        200,
        (
            b": hello\n\nevent: changed\ndata:\n\nid: 7\nevent: block\ndata: {\ndata: }\n\n"
            b"data: last\n\ndata: cut"
        ),
    )
    with ConfigApi(server.url, NO_KUBECONFIG) as api:
        events = list(api.events("live"))
    assert events == [
        ServerSentEvent("changed", ""),
        ServerSentEvent("block", "{\n}", "7"),
        ServerSentEvent("message", "last", "7"),
    ]
