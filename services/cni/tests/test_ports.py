from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni.ports import parse_port, parse_ports

PORTS = st.frozensets(st.integers(1, 65535))
BLANKS = st.text(" \t", max_size=2)


@given(PORTS, BLANKS, BLANKS)
def test_every_list_of_ports_is_read_back(ports: frozenset[int], before: str, after: str) -> None:
    assert parse_ports(",".join(f"{before}{port}{after}" for port in ports)) == ports


@given(st.text() | st.text("0123456789,- "))
def test_any_text_is_ports_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(1 <= port <= 65535 for port in parse_ports(text))


@pytest.mark.parametrize(
    "text", ["8081-9090", "0", "65536", "-1", "+80", "8_0", "٨٠", "http", "", "8" * 5000]
)
def test_what_is_not_one_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a port number"):
        parse_port(text)


@pytest.mark.parametrize("text", ["8081,", ",8081", "8081,,9090", "8081 9090", "8081;9090"])
def test_a_list_with_a_gap_or_another_separator_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a port number"):
        parse_ports(text)
