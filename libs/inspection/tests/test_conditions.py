"""Conditions hold when all of their parts do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.matching import (
    ALWAYS,
    AnyString,
    Contains,
    Exact,
    HasHeader,
    HeaderMatch,
    InRanges,
    Prefix,
    Regex,
    RequestConditions,
)
from microgateway_inspection.conditions import compile_conditions, is_always
from microgateway_inspection.request import Request


def request(method: str = "POST", path: str = "/api/users", remote_ip: str = "10.1.2.3") -> Request:
    headers = [(b"content-type", b"Application/JSON; charset=utf-8"), (b"x-tenant", b"Acme")]
    return Request(method, path, b"", headers, remote_ip)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (ALWAYS, True),
        (RequestConditions(invert=True), False),
        (RequestConditions(methods=("GET", "POST")), True),
        (RequestConditions(methods=("GET",)), False),
        (RequestConditions(path=Prefix("/api/", False)), True),
        (RequestConditions(path=Exact("/api", False)), False),
        (RequestConditions(media_type=Exact("application/json", False)), True),
        (RequestConditions(media_type=Exact("", False)), False),
        (RequestConditions(header=HasHeader(HeaderMatch(Exact("X-Tenant", False), AnyString()))), True),
        (RequestConditions(header=HasHeader(HeaderMatch(AnyString(), Contains("cme", False)))), True),
        (RequestConditions(header=HasHeader(HeaderMatch(AnyString(), Exact("acme", False)))), False),
        (RequestConditions(remote_ip=InRanges(("10.0.0.0/8",), False)), True),
        (RequestConditions(remote_ip=InRanges(("10.0.0.0/8",), True)), False),
        (RequestConditions(methods=("POST",), path=Prefix("/api", False)), True),
        (RequestConditions(methods=("POST",), path=Prefix("/web", False)), False),
        (RequestConditions(methods=("POST",), path=Prefix("/web", False), invert=True), True),
        (RequestConditions(methods=("POST",), path=Prefix("/api", False), invert=True), False),
    ],
)
def test_conditions_hold_when_all_parts_do(conditions: RequestConditions, holds: bool) -> None:
    assert compile_conditions(conditions)(request()) is holds


@pytest.mark.parametrize(
    ("ranges", "address", "inside"),
    [
        (("192.0.2.0/24",), "192.0.2.255", True),
        (("192.0.2.0/24",), "192.0.3.0", False),
        (("192.0.2.7",), "192.0.2.7", True),
        (("192.0.2.99/24",), "192.0.2.1", True),
        (("192.0.2.0/24",), "::ffff:192.0.2.1", True),
        (("::ffff:192.0.2.0/120",), "192.0.2.1", True),
        (("::ffff:192.0.2.0/120",), "::ffff:192.0.2.1", True),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("::/0",), "192.0.2.1", False),
        (("::/0",), "2001:db8::1", True),
        (("2001:db8::/32",), "2001:db8:ffff::", True),
        (("2001:db8::/32", "10.0.0.0/8"), "10.0.0.1", True),
        (("2001:db8::/32", "10.0.0.0/8", "10.1.0.0/16"), "11.0.0.1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0", "::/0"), "not an address", False),
        (("0.0.0.0/0", "::/0"), "", False),
    ],
)
def test_a_client_is_in_a_range(ranges: tuple[str, ...], address: str, inside: bool) -> None:
    matches = compile_conditions(RequestConditions(remote_ip=InRanges(ranges, False)))
    excludes = compile_conditions(RequestConditions(remote_ip=InRanges(ranges, True)))
    assert matches(request(remote_ip=address)) is inside
    assert excludes(request(remote_ip=address)) is not inside


def test_what_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"expected a CIDR range such as 10\.0\.0\.0/8, got '10\.0\.0\.0/33'"
    ):
        compile_conditions(RequestConditions(remote_ip=InRanges(("10.0.0.0/33",), False)))
    with pytest.raises(ValueError, match=r"expected an RE2 regular expression, got '\('"):
        compile_conditions(RequestConditions(path=Regex("(", False)))


def test_only_no_conditions_hold_always() -> None:
    assert is_always(ALWAYS)
    assert is_always(RequestConditions())
    assert not is_always(RequestConditions(methods=("GET",)))
    assert not is_always(RequestConditions(invert=True))


addresses = st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address))


@given(st.lists(st.tuples(addresses, st.integers(0, 128)), min_size=1, max_size=5), addresses)
def test_ranges_agree_with_the_standard_library(
    ranges: list[tuple[IPv4Address | IPv6Address, int]], address: IPv4Address | IPv6Address
) -> None:
    networks = [
        ip_network(f"{start}/{min(length, start.max_prefixlen)}", strict=False) for start, length in ranges
    ]
    expected = any(ip_address(address) in network for network in networks)
    condition = InRanges(tuple(str(network) for network in networks), False)
    matches = compile_conditions(RequestConditions(remote_ip=condition))
    assert matches(request(remote_ip=str(address))) is expected
