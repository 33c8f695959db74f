"""Who the client is. X-Forwarded-For is read from right to left: what stands left may be invented."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.gateway import (
    ConnectionAddress,
    ForwardedHops,
    ForwardedRanges,
    HeaderAddress,
    RemoteAddress,
)
from microgateway_engine.config.client import client_address

PEER = "192.0.2.1"


def found(source: RemoteAddress, *forwarded: str, name: str = "x-forwarded-for") -> str | None:
    headers = [(name.encode(), value.encode("latin-1")) for value in forwarded]
    return client_address(source)([(b"host", b"shop"), *headers], PEER)


def test_the_connection_is_believed_whatever_headers_say() -> None:
    assert found(ConnectionAddress(), "198.51.100.1") == PEER


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        (1, ["198.51.100.1"], "198.51.100.1"),
        (1, ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        (2, ["203.0.113.9, 198.51.100.1, 10.0.0.1"], "198.51.100.1"),
        (2, ["203.0.113.9, 198.51.100.1", "10.0.0.1"], "198.51.100.1"),
        (3, ["198.51.100.1, 10.0.0.2,10.0.0.1"], "198.51.100.1"),
        (1, [], PEER),
        (2, ["198.51.100.1"], PEER),
        (1, [""], PEER),
        (1, [" , ,"], PEER),
        (1, ["198.51.100.1, , "], "198.51.100.1"),
        (1, ["198.51.100.1, unknown"], PEER),
        (1, ["2001:db8::1"], "2001:db8::1"),
        (1, ["[2001:db8::1]:443"], "2001:db8::1"),
        (1, ["[2001:db8::1]"], "2001:db8::1"),
        (1, ["198.51.100.1:5000"], "198.51.100.1"),
        (1, ['"[2001:DB8:0::1]:443"'], "2001:db8::1"),
        (1, ["198.51.100.256"], PEER),
        (1, ["198.51.100.01"], PEER),
        (1, ["fe80::1%eth0"], PEER),
        (1, ["fe80::1%<script>"], PEER),
        (1, ["\xe9"], PEER),
        (1, ["_hidden"], PEER),
    ],
)
def test_hops_are_counted_from_the_right(trusted: int, forwarded: list[str], expected: str) -> None:
    assert found(ForwardedHops(trusted), *forwarded) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["203.0.113.9, 198.51.100.1, 10.0.0.1"], "198.51.100.1"),
        (["198.51.100.1, 10.0.0.2, 10.0.0.1"], "198.51.100.1"),
        (["198.51.100.1", "10.0.0.2", "fd00::1"], "198.51.100.1"),
        (["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        (["10.0.0.3, 10.0.0.2, 10.0.0.1"], "10.0.0.3"),
        (["198.51.100.1, junk, 10.0.0.1"], "10.0.0.1"),
        (["198.51.100.1, junk"], PEER),
        (["2001:db8::1, [fd00::2]:80, 10.0.0.1:1234"], "2001:db8::1"),
        ([], PEER),
    ],
)
def test_the_first_from_the_right_outside_the_trusted_ranges(forwarded: list[str], expected: str) -> None:
    assert found(ForwardedRanges(("10.0.0.0/8", "fd00::/8")), *forwarded) == expected


def test_a_range_may_have_host_bits() -> None:
    assert found(ForwardedRanges(("10.1.2.3/8",)), "198.51.100.1, 10.9.9.9") == "198.51.100.1"


def test_a_range_that_is_none_is_refused_when_the_configuration_is_made_ready() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        client_address(ForwardedRanges(("10.0.0.0/33",)))


@pytest.mark.parametrize(
    ("values", "required", "expected"),
    [
        (["198.51.100.1"], True, "198.51.100.1"),
        (["198.51.100.1:80"], True, "198.51.100.1"),
        (["junk", "198.51.100.1"], True, "198.51.100.1"),
        ([], True, None),
        (["junk"], True, None),
        ([""], True, None),
        (["198.51.100.1, 198.51.100.2"], True, None),
        ([], False, PEER),
        (["junk"], False, PEER),
    ],
)
def test_a_header_names_the_client(values: list[str], required: bool, expected: str | None) -> None:
    assert found(HeaderAddress("X-Client-IP", required), *values, name="x-client-ip") == expected


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=30), max_size=4))
def test_whatever_comes_the_answer_is_an_address(values: list[str]) -> None:
    for source in (
        ForwardedHops(1),
        ForwardedRanges(("10.0.0.0/8",)),
        HeaderAddress("X-Forwarded-For", False),
    ):
        address = found(source, *values)
        assert address is not None
        assert str(ipaddress.ip_address(address)) == address
