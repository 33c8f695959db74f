"""Requests as they go over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cli.requests.errors import RequestInputError
from microgateway_cli.requests.http_message import read_http_message
from microgateway_inspection.explain.explain import Received


def read(data: bytes) -> Received:
    return read_http_message(data, "192.0.2.1")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_reads_head_and_body(end: bytes) -> None:
    request = read(end.join([b"POST /a?b=c HTTP/1.1", b"Host: x", b"X-A:  1 ", b"", b"body", b""]))
    assert request == Received("POST", b"/a?b=c", [(b"host", b"x"), (b"x-a", b"1")], b"body", "192.0.2.1")


def test_content_length_counts() -> None:
    assert read(b"POST / HTTP/1.1\nContent-Length: 3\n\nabc\n").body == b"abc"
    assert read(b"POST / HTTP/1.1\nContent-Length: 4\n\nabc\n").body == b"abc\n"


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (b"http://a/b?c#d", b"/b?c"),
        (b"https://a", b"/"),
        (b"http://a?b=/c", b"/?b=/c"),
        (b"*", b"*"),
        (b"/a#b", b"/a"),
    ],
)
def test_targets(target: bytes, origin: bytes) -> None:
    assert read(b"GET %b HTTP/1.1\n" % target).target == origin


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a request line"),
        (b"GET /", "expected a request line"),
        (b"G{T / HTTP/1.1", "expected a method"),
        (b"GET a HTTP/1.1", "starts with /"),
        (b"GET / HTTP/1.1\nno colon\n\n", "line 2: expected a header"),
        (b"GET / HTTP/1.1\nA: 1\n folded: 2\n\n", "line 3: expected a header"),
        (b"POST / HTTP/1.1\nContent-Length: 5\n\nabc", "got 3"),
        (b"POST / HTTP/1.1\nContent-Length: x\n\nabc", "Content-Length"),
        (b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n", "Transfer-Encoding"),
    ],
)
def test_what_is_no_request_says_why(data: bytes, message: str) -> None:
    with pytest.raises(RequestInputError, match=message):
        read(data)


@given(st.binary(max_size=80))
def test_nothing_else_is_raised(data: bytes) -> None:
    try:
        read(data)
    except RequestInputError:
        return
