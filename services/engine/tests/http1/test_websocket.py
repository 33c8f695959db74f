"""The opening handshake: what asks for it, and what agrees to it."""

from __future__ import annotations

import pytest

from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.http1.websocket import is_agreed, requested_key

#: RFC 6455 section 1.3.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

LINES = {
    "host": "Host: shop",
    "upgrade": "Upgrade: websocket",
    "connection": "Connection: Upgrade",
    "key": f"Sec-WebSocket-Key: {KEY.decode()}",
    "version": "Sec-WebSocket-Version: 13",
}


def key_of(line: str = "GET /chat HTTP/1.1", **changed: str) -> bytes:
    lines = [line, *filter(None, (LINES | changed).values())]
    return requested_key(parse_request_head("\r\n".join(lines).encode()))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"upgrade": "Upgrade: WebSocket", "connection": "Connection: keep-alive, UPGRADE"},
        {"upgrade": "Upgrade: h2c, websocket"},
        {"upgrade": "Upgrade: chat/1\r\nUpgrade: websocket"},
        {"version": "Sec-WebSocket-Version: 99"},  # the application says which versions it speaks
        {"length": "Content-Length: 0"},
    ],
)
def test_a_request_that_asks(changed: dict[str, str]) -> None:
    assert key_of(**changed) == KEY


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("POST /chat HTTP/1.1", {}),
        ("GET /chat HTTP/1.0", {}),
        ("GET /chat HTTP/1.1", {"upgrade": ""}),
        ("GET /chat HTTP/1.1", {"connection": ""}),
        ("GET /chat HTTP/1.1", {"connection": "Connection: keep-alive"}),
        ("GET /chat HTTP/1.1", {"upgrade": "Upgrade: h2c"}),
        ("GET /chat HTTP/1.1", {"upgrade": "Upgrade: websockets"}),
        ("GET /chat HTTP/1.1", {"key": ""}),
        ("GET /chat HTTP/1.1", {"key": "Sec-WebSocket-Key: c2hvcnQ="}),
        ("GET /chat HTTP/1.1", {"key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!="}),
        ("GET /chat HTTP/1.1", {"key": f"Sec-WebSocket-Key: {KEY.decode()}\r\nSec-WebSocket-Key: x"}),
        ("GET /chat HTTP/1.1", {"length": "Content-Length: 5"}),
        ("GET /chat HTTP/1.1", {"length": "Transfer-Encoding: chunked"}),
    ],
)
def test_a_request_that_does_not(line: str, changed: dict[str, str]) -> None:
    assert key_of(line, **changed) == b""


def test_an_answer_that_agrees() -> None:
    fields = [(b"upgrade", b"WebSocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", ACCEPT)]
    assert is_agreed(KEY, fields)
    for missing in range(3):
        assert not is_agreed(KEY, fields[:missing] + fields[missing + 1 :])
    assert not is_agreed(KEY, [*fields, fields[2]])
    assert not is_agreed(b"AAAAAAAAAAAAAAAAAAAAAA==", fields)
    assert not is_agreed(b"", fields)
