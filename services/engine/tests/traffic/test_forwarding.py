"""Header fields that the gateway itself must get right."""

from __future__ import annotations

import pytest

from microgateway_engine.http.messages import NO_OPTIONS
from microgateway_engine.http1.heads import parse_request_head
from microgateway_engine.traffic.forwarding import add_forwarding, end_to_end, first

Fields = list[tuple[bytes, bytes]]


def test_fields_of_one_connection_go_no_further() -> None:
    names = (
        b"connection proxy-connection keep-alive te transfer-encoding upgrade trailer expect "
        b"content-length host"
    ).split()
    kept: Fields = [(b"cookie", b"a"), (b"x-a", b"1"), (b"x-a", b"2")]
    fields = [(name, b"x") for name in names] + kept
    assert end_to_end(fields, NO_OPTIONS) == kept


@pytest.mark.parametrize(
    "connection",
    [
        [b"x-hop"],
        [b"X-Hop"],
        [b"close, x-hop"],
        [b"keep-alive,x-hop ,"],
        [b"\tx-hop\t"],
        [b"x-none", b"x-hop"],
        [b"close", b"x-none", b"x-hop"],
    ],
)
def test_fields_that_connection_names_go_no_further(connection: list[bytes]) -> None:
    lines = [b"GET / HTTP/1.1", b"X-Hop: 1", b"X-End: 2", b"X-Hop: 3"]
    lines += [b"Connection: " + value for value in connection]
    head = parse_request_head(b"\r\n".join(lines))
    assert end_to_end(head.headers, head.connection) == [(b"x-end", b"2")]


def test_the_first_value_of_a_header() -> None:
    fields = [(b"a", b"1"), (b"b", b"2"), (b"b", b"3")]
    assert first(fields, b"b") == b"2"
    assert first(fields, b"c") is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            [],
            [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"http"), (b"x-request-id", b"id")],
        ),
        (
            [(b"x-forwarded-for", b"10.0.0.1"), (b"a", b"b"), (b"x-forwarded-for", b"10.0.0.2")],
            [
                (b"a", b"b"),
                (b"x-forwarded-for", b"10.0.0.1, 10.0.0.2, 192.0.2.7"),
                (b"x-forwarded-proto", b"http"),
                (b"x-request-id", b"id"),
            ],
        ),
        (
            [(b"x-forwarded-proto", b"https"), (b"x-request-id", b"theirs"), (b"x-request-id", b"again")],
            [
                (b"x-forwarded-proto", b"https"),
                (b"x-forwarded-for", b"192.0.2.7"),
                (b"x-request-id", b"id"),
            ],
        ),
    ],
)
def test_the_application_learns_whom_a_request_came_from(before: Fields, after: Fields) -> None:
    add_forwarding(before, "192.0.2.7", b"http", "id")
    assert before == after
