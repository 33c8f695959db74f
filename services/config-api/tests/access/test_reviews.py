"""Answers that a good API server does not give; those it gives are in tests/kubernetes/test_access.py."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from certificates import authority, pem

from microgateway_config_api.access.identity import Identity, Right, Unknown
from microgateway_config_api.access.reviews import AUDIENCE, Reviews
from microgateway_config_api.problem_details import AccessUnknownError

USER = {"username": "jane", "groups": ["team"], "extra": {"scopes": ["a", "b"]}}
RIGHT = Right("list", "shop")


@dataclass
class Server:
    """answers: HTTP status and `status` of the review, one after the other; bytes are sent as they are."""

    url: str
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            found.asked.append(json.loads(self.rfile.read(length)))
            status, answer = found.answers.pop(0)
            body = answer if isinstance(answer, bytes) else json.dumps({"status": answer}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    ca = authority()
    (tmp_path / "ca.crt").write_bytes(pem(ca.certificate))
    certificate, key = ca.leaf("api", "127.0.0.1").files(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        found = Server(f"https://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        listening.shutdown()
        thread.join()


@pytest.fixture
async def reviews(server: Server, tmp_path: Path) -> AsyncIterator[Reviews]:
    (tmp_path / "token").write_text("ours\n")
    found = Reviews(server.url, tmp_path / "ca.crt", tmp_path / "token")
    yield found
    await found.close()


async def test_a_token_for_us_is_asked_for_first_and_its_owner_handed_back_whole(
    server: Server, reviews: Reviews
) -> None:
    server.answers = [
        (201, {"authenticated": True, "audiences": [AUDIENCE], "user": USER}),
        (201, {"allowed": True}),
    ]
    jane = await reviews.identify("t0ken")
    assert jane == Identity("jane", "", ("team",), (("scopes", ("a", "b")),))
    assert await reviews.may(jane, RIGHT)
    token, access = server.asked
    assert token["spec"] == {"token": "t0ken", "audiences": [AUDIENCE]}
    assert access["spec"]["extra"] == USER["extra"]
    assert access["spec"]["resourceAttributes"] == {
        "group": "microgateway.airlock.com", "resource": "sidecargateways", "verb": "list",
        "namespace": "shop", "name": "",
    }  # fmt: skip


async def test_an_authenticator_that_knows_no_audiences_does_not_count_as_ours(
    server: Server, reviews: Reviews
) -> None:
    """TokenReview: who leaves `audiences` out of the answer has not looked at them."""
    server.answers = [(201, {"authenticated": True, "user": USER}), (201, {"authenticated": False})]
    assert await reviews.identify("t0ken") == Unknown(expired=False)


async def test_expiry_is_told_apart(server: Server, reviews: Reviews) -> None:
    server.answers = [(201, {}), (201, {"error": "[invalid bearer token, Token has expired]"})]
    assert await reviews.identify("t0ken") == Unknown(expired=True)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"allowed": False},
        {"allowed": True, "denied": True},
        {"allowed": "true"},
        {"evaluationError": "role"},
    ],
)
async def test_only_a_plain_yes_allows(server: Server, reviews: Reviews, status: dict[str, Any]) -> None:
    server.answers = [(201, status)]
    assert not await reviews.may(Identity("jane"), RIGHT)


@pytest.mark.parametrize(
    "answer",
    [
        (201, b"<html>"),
        (201, b"{}"),
        (201, b'{"status": null}'),
        (200, {"authenticated": True, "audiences": [AUDIENCE], "user": USER}),
        (201, {"authenticated": True, "audiences": [AUDIENCE], "user": {}}),
        (403, b'{"reason": "Forbidden", "message": "t0ken"}'),
        (500, b"t0ken"),
        (302, b""),
    ],
)
async def test_anything_else_is_no_answer_and_repeats_no_token(
    server: Server, reviews: Reviews, answer: tuple[int, Any], caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [answer]
    with pytest.raises(AccessUnknownError) as error:
        await reviews.identify("t0ken")
    assert "t0ken" not in str(error.value) + caplog.text
    assert "TokenReview" in caplog.text
