"""Field lists of HTTP/2 to messages and back. What is malformed is shown with a whole gateway, in
`traffic/downstream/test_http2.py` and `traffic/upstream/test_http2.py`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.messages import NO_BODY, STREAMED, Framing, Length
from microgateway_engine.http2.heads import (
    request_fields,
    request_head,
    response_fields,
    response_head,
    size_of,
    trailers,
    websocket_fields,
)

Fields = list[tuple[bytes, bytes]]

GET: Fields = [(b":method", b"GET"), (b":path", b"/a?b"), (b":scheme", b"http"), (b":authority", b"shop")]


def test_a_request_head_is_that_of_http_1() -> None:
    head = request_head([*GET, (b"x", b"1")], True, 1000)
    assert (head.method, head.target, head.version) == ("GET", b"/a?b", "HTTP/2")
    assert head.headers == [(b"host", b"shop"), (b"x", b"1")]
    assert head.framing is NO_BODY


@pytest.mark.parametrize(
    ("fields", "ended", "framing"),
    [
        ([], False, STREAMED),
        ([(b"content-length", b"5")], False, Length(5)),
        ([(b"content-length", b"0")], True, NO_BODY),
        ([(b"content-length", b"0")], False, Length(0)),
    ],
)
def test_where_a_request_ends(fields: Fields, ended: bool, framing: Framing) -> None:
    assert request_head([*GET, *fields], ended, 1000).framing == framing


def test_crumbs_become_one_cookie() -> None:
    head = request_head([*GET, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")], True, 1000)
    assert head.headers[1:] == [(b"x", b"y"), (b"cookie", b"a=1; b=2")]


def test_a_host_that_says_the_same_is_said_once() -> None:
    head = request_head([*GET, (b"host", b"shop")], True, 1000)
    assert head.headers == [(b"host", b"shop")]


def test_a_host_alone_is_enough() -> None:
    head = request_head([*GET[:3], (b"host", b"shop")], True, 1000)
    assert head.headers == [(b"host", b"shop")]


def test_the_limit_counts_as_in_http_1() -> None:
    assert request_head(GET, True, size_of(GET)).size == size_of(GET)
    with pytest.raises(ProtocolError) as refused:
        request_head(GET, True, size_of(GET) - 1)
    assert refused.value.status == 431


def test_connect_names_an_authority_and_nothing_else() -> None:
    head = request_head([(b":method", b"CONNECT"), (b":authority", b"shop:443")], False, 1000)
    assert (head.method, head.target) == ("CONNECT", b"shop:443")
    with pytest.raises(ProtocolError):
        request_head([(b":method", b"CONNECT"), *GET[1:]], False, 1000)


def test_a_request_for_websocket_is_a_get_that_opens_a_tunnel() -> None:
    fields = websocket_fields(b"https", b"shop", b"/chat", [(b"x", b"1")])
    head = request_head(fields, False, 1000, allow_connect=True)
    assert (head.method, head.target, head.opens_tunnel) == ("GET", b"/chat", True)
    assert head.headers == [(b"host", b"shop"), (b"x", b"1")]
    with pytest.raises(ProtocolError) as refused:
        request_head(fields, False, 1000)
    assert refused.value.status == 400
    assert not request_head(GET, True, 1000, allow_connect=True).opens_tunnel


@pytest.mark.parametrize(
    ("method", "status", "length", "ended", "framing"),
    [
        ("GET", b"200", None, False, STREAMED),
        ("GET", b"200", None, True, NO_BODY),
        ("GET", b"200", b"5", False, Length(5)),
        ("HEAD", b"200", b"5", True, NO_BODY),
        ("GET", b"304", b"5", True, NO_BODY),
    ],
)
def test_where_a_response_ends(
    method: str, status: bytes, length: bytes | None, ended: bool, framing: Framing
) -> None:
    fields = [(b":status", status)] + ([] if length is None else [(b"content-length", length)])
    assert response_head(fields, ended, method).framing == framing


def test_trailers_have_no_pseudo_fields() -> None:
    assert trailers([(b"x-sum", b"1")], 400) == ((b"x-sum", b"1"),)
    with pytest.raises(ProtocolError) as refused:
        trailers([(b":status", b"200")], 502)
    assert refused.value.status == 502


_name = st.text("abcdefgh-", min_size=1, max_size=12).map(str.encode)
_value = st.text("abc 123:;,=", max_size=20).map(lambda text: text.strip().encode())
_fields = st.lists(st.tuples(_name, _value), max_size=8)


@given(_fields)
def test_what_is_written_is_read_back(fields: Fields) -> None:
    written = request_fields("PUT", b"http", b"shop", b"/x", fields)
    read = request_head(written, True, 10_000)
    assert (read.method, read.target, read.headers) == ("PUT", b"/x", [(b"host", b"shop"), *fields])
    response = response_head(response_fields(201, fields), True, "GET")
    assert (response.status, response.headers) == (201, fields)


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=8), st.booleans())
def test_arbitrary_fields_are_taken_or_refused(fields: Fields, ended: bool) -> None:
    with contextlib.suppress(ProtocolError):
        head = request_head([*GET, *fields], ended, 10_000, allow_connect=True)
        text = b"".join(name + value for name, value in head.headers)
        assert not {0, 10, 13} & set(text)
    with contextlib.suppress(ProtocolError):
        response_head([(b":status", b"200"), *fields], ended, "GET")
