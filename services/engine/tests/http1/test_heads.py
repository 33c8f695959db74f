from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.http.fields import MAX_FIELDS
from microgateway_engine.http.messages import NO_BODY, STREAMED, UNTIL_CLOSE, Length
from microgateway_engine.http1 import heads
from microgateway_engine.http1.heads import (
    connection_options,
    parse_fields,
    parse_request_head,
    parse_response_head,
    write_request_head,
    write_response_head,
)


def head(*lines: bytes) -> bytes:
    return b"\r\n".join(lines)


def refused(data: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_request_head(data)
    return caught.value


def test_a_request_head_is_read_with_names_in_lower_case_and_values_stripped() -> None:
    parsed = parse_request_head(head(b"GET /a?b HTTP/1.1", b"Host: x", b"X-Some:  v \t"))
    assert (parsed.method, parsed.target, parsed.version) == ("GET", b"/a?b", "HTTP/1.1")
    assert parsed.headers == [(b"host", b"x"), (b"x-some", b"v")]
    assert parsed.framing == NO_BODY
    assert parsed.keep_alive


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"close", False),
        (b"HTTP/1.1", b"Keep-Alive, Close", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"keep-alive", True),
        (b"HTTP/1.9", b"", True),
    ],
)
def test_persistence_follows_version_and_connection_options(
    version: bytes, connection: bytes, kept: bool
) -> None:
    fields = [b"Host: x"] + ([b"Connection: " + connection] if connection else [])
    assert parse_request_head(head(b"GET / " + version, *fields)).keep_alive is kept


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1.10", 400),
        (b"GET / http/1.1", 400),
        (b"G(T / HTTP/1.1", 400),
        (b"A" * 40 + b" / HTTP/1.1", 400),
        (b" / HTTP/1.1", 400),
        (head(b"GET / HTTP/1.1", b"Host : x"), 400),
        (head(b"GET / HTTP/1.1", b" folded"), 400),
        (head(b"GET / HTTP/1.1", b"Host: x", b"\tfolded"), 400),
        (head(b"GET / HTTP/1.1", b"nocolon"), 400),
        (head(b"GET / HTTP/1.1", b": empty name"), 400),
        (head(b"GET / HTTP/1.1", b"A: b\x00c"), 400),
        (head(b"GET / HTTP/1.1", b"A: b\rc"), 400),
        (head(b"GET / HTTP/1.1", b"A: b\nc"), 400),
        (head(b"GET / HTTP/1.1", "Ä: b".encode()), 400),
        (head(b"GET / HTTP/1.1", *[b"A: b"] * (MAX_FIELDS + 1)), 431),
        (head(b"POST / HTTP/1.1", b"Content-Length: 1", b"Content-Length: 1"), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: 1", b"Transfer-Encoding: chunked"), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: +1"), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: 1, 1"), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: 0x1"), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: "), 400),
        (head(b"POST / HTTP/1.1", "Content-Length: ²".encode("latin-1")), 400),
        (head(b"POST / HTTP/1.1", b"Content-Length: " + b"9" * 30), 400),
        (head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked"), 400),
        (head(b"POST / HTTP/1.1", b"Transfer-Encoding: gzip, chunked"), 501),
        (head(b"POST / HTTP/1.1", b"Transfer-Encoding: xchunked"), 501),
        (head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(data: bytes, status: int) -> None:
    assert refused(data).status == status


@pytest.mark.parametrize(
    ("method", "lines", "framing"),
    [
        ("GET", [b"HTTP/1.1 200 OK", b"Content-Length: 5"], Length(5)),
        ("GET", [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 5"], Length(5)),
        ("GET", [b"HTTP/1.1 200 OK", b"Transfer-Encoding: Chunked"], STREAMED),
        ("GET", [b"HTTP/1.1 200 OK"], UNTIL_CLOSE),
        ("HEAD", [b"HTTP/1.1 200 OK", b"Content-Length: 5"], NO_BODY),
        ("GET", [b"HTTP/1.1 204 No Content"], NO_BODY),
        ("GET", [b"HTTP/1.1 304 Not Modified", b"Content-Length: 5"], NO_BODY),
        ("GET", [b"HTTP/1.1 200"], UNTIL_CLOSE),
    ],
)
def test_a_response_is_framed_by_method_status_and_headers(
    method: str, lines: list[bytes], framing: object
) -> None:
    assert parse_response_head(head(*lines), method).framing == framing


@pytest.mark.parametrize(
    "lines",
    [
        [b"HTTP/1.1 20 OK"],
        [b"HTTP/1.1 099 Low"],
        [b"HTTP/1.1 600 High"],
        [b"HTTP/2 200 OK"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 6"],
        [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"HTTP/1.1 200 OK", b"Content-Length: five"],
        [b"HTTP/1.1 200 OK", b"A: b\x00"],
    ],
)
def test_a_response_that_breaks_the_protocol_is_a_bad_gateway(lines: list[bytes]) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_response_head(head(*lines), "GET")
    assert caught.value.status == 502


def test_connection_options_are_compared_in_lower_case() -> None:
    assert connection_options(b"Close , X-Mine") == {b"close", b"x-mine"}


_token = st.text("abcdefgh-", min_size=1, max_size=12).map(str.encode)
_value = st.text("abc 123:;,=", max_size=20).map(lambda text: text.strip().encode())


@given(st.lists(st.tuples(_token, _value), max_size=8))
def test_what_is_written_is_read_back(fields: list[tuple[bytes, bytes]]) -> None:
    request = parse_request_head(write_request_head("PUT", b"/x", b"shop", fields, b"a: b\r\n")[:-4])
    assert (request.method, request.target) == ("PUT", b"/x")
    assert request.headers == [(b"host", b"shop"), *fields, (b"a", b"b")]
    response = parse_response_head(write_response_head(201, b"Created", fields, b"")[:-4], "PUT")
    assert (response.status, response.reason, response.headers) == (201, b"Created", fields)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        parse_request_head(data)


def test_a_line_that_was_read_before_is_read_the_same() -> None:
    lines = [b"X-Some:  v \t", b"x-some: w", b"X-Long: " + b"v" * 1000]
    assert parse_fields(lines, 400) == parse_fields(lines, 502)
    assert parse_fields(lines, 400)[:2] == [(b"x-some", b"v"), (b"x-some", b"w")]


def test_a_bad_line_stays_bad() -> None:
    for _ in range(2):
        with pytest.raises(ProtocolError) as caught:
            parse_fields([b"Good: 1", b"Bad : 2"], 400)
        assert caught.value.status == 400


def test_lines_remembered_are_bounded_in_number_and_length() -> None:
    for number in range(3000):
        parse_fields([b"X-Number: %d" % number, b"X-Long-%d: " % number + b"v" * 300], 400)
        assert len(heads._fields) <= heads._MAX_REMEMBERED
    assert max(map(len, heads._fields)) <= heads._MAX_REMEMBERED_LENGTH
    assert parse_fields([b"X-Number: 1"], 400) == [(b"x-number", b"1")]
