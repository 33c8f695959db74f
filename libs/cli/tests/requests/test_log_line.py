"""Access log lines, as far as they carry the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from microgateway_cli.requests.errors import RequestInputError
from microgateway_cli.requests.log_line import is_log_line, read_log_line
from microgateway_inspection.explain.explain import Received

LINE: dict[str, Any] = {
    "@timestamp": "2026-01-01T00:00:00Z",
    "http": {"request": {"method": "POST", "mime_type": "application/json", "referrer": "https://a/"}},
    "url": {"path": "/a/b", "domain": "shop.example"},
    "network": {"forwarded_ip": "198.51.100.7"},
    "user_agent": {"original": "agent"},
    "airlock": {"http": {"request": {"accept_language": "de"}}},
}


def test_reads_what_there_is() -> None:
    data = json.dumps(LINE).encode()
    assert is_log_line(data)
    assert read_log_line(data, "192.0.2.1") == Received(
        "POST",
        b"/a/b",
        [
            (b"host", b"shop.example"),
            (b"content-type", b"application/json"),
            (b"referer", b"https://a/"),
            (b"user-agent", b"agent"),
            (b"accept-language", b"de"),
        ],
        b"",
        "198.51.100.7",
    )


def test_what_is_missing_is_left_out() -> None:
    line = {"http": {"request": {"method": "GET"}}, "url": {"path": "/"}}
    assert read_log_line(json.dumps(line).encode(), "192.0.2.1") == Received(
        "GET", b"/", [], b"", "192.0.2.1"
    )


@pytest.mark.parametrize("data", [b"{", b'{"a": 1}', b'{"http": 1, "url": []}', b"{" * 100_000, b"{\xff"])
def test_what_is_no_line_says_so(data: bytes) -> None:
    with pytest.raises(RequestInputError):
        read_log_line(data, "192.0.2.1")


def test_a_request_is_no_log_line() -> None:
    assert not is_log_line(b"GET / HTTP/1.1")
