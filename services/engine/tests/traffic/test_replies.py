"""Responses of the gateway itself."""

from __future__ import annotations

import json
from http import HTTPStatus

import h11
import pytest

from microgateway_engine.http1.heads import write_response_head
from microgateway_engine.traffic.replies import REASONS, Reply, reply


def read(answer: Reply, method: str = "GET") -> tuple[h11.Response, bytes]:
    """As a strict client reads it; nothing may be left over."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "shop")]))
    client.send(h11.EndOfMessage())
    head = write_response_head(answer.status, REASONS[answer.status], answer.headers, b"")
    client.receive_data(head + answer.body)
    response, body = client.next_event(), b""
    assert isinstance(response, h11.Response)
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data == (b"", False)
    return response, body


@pytest.mark.parametrize("status", REASONS)
@pytest.mark.parametrize("accept", [b"", b"*/*", b"text/html", b"application/json", b"\xff\0"])
def test_every_reply_is_a_whole_response_with_the_request_id(status: int, accept: bytes) -> None:
    response, body = read(reply(status, "id-1", accept, without_body=False))
    headers = dict(response.headers)
    assert response.status_code == status
    assert headers[b"x-request-id"] == b"id-1"
    assert headers[b"cache-control"] == b"no-store"
    assert b"connection" not in headers
    assert b"id-1" in body


@pytest.mark.parametrize("status", REASONS)
def test_reasons_are_the_registered_ones(status: int) -> None:
    assert REASONS[status].decode() in {
        HTTPStatus(status).phrase,
        {413: "Content Too Large", 414: "URI Too Long"}.get(status, ""),
    }


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (b"", b"text/plain; charset=utf-8"),
        (b"*/*", b"text/plain; charset=utf-8"),
        (b"image/png", b"text/plain; charset=utf-8"),
        (b"text/html,application/xhtml+xml,*/*;q=0.8", b"text/html; charset=utf-8"),
        (b"TEXT/HTML", b"text/html; charset=utf-8"),
        (b"application/json", b"application/problem+json"),
        (b"application/problem+json", b"application/problem+json"),
    ],
)
def test_it_has_the_form_the_client_asked_for(accept: bytes, content_type: bytes) -> None:
    response, body = read(reply(400, "id-1", accept, without_body=False))
    assert dict(response.headers)[b"content-type"] == content_type
    if content_type == b"application/problem+json":
        assert json.loads(body) == {
            "type": "about:blank",
            "status": 400,
            "title": "Bad Request",
            "request_id": "id-1",
        }


def test_an_id_cannot_become_markup() -> None:
    _, body = read(reply(400, "a<script>b", b"text/html", without_body=False))
    assert b"<script>" not in body


def test_head_gets_the_length_and_no_body() -> None:
    with_body, body = read(reply(404, "id-1", b"", without_body=False))
    without, nothing = read(reply(404, "id-1", b"", without_body=True), "HEAD")
    assert without.headers == with_body.headers
    assert dict(without.headers)[b"content-length"] == b"%d" % len(body)
    assert nothing == b""
