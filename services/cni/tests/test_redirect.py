"""The text of the transactions. What they do in a kernel is in test_apply.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni.redirect import TABLE, Redirect, install, remove

GOLDEN = Path(__file__).parent / "golden"
PORT = st.integers(1, 65535)
REDIRECTS = st.builds(
    Redirect,
    inbound_port=PORT,
    check_port=PORT,
    engine_ports=st.frozensets(PORT, max_size=4),
    excluded_ports=st.frozensets(PORT, max_size=20),
    engine_uid=st.none() | st.integers(0, 2**32 - 2),
)


@pytest.mark.parametrize(
    ("name", "transaction"),
    [
        ("default", install(Redirect())),
        (
            "excluded-ports-and-engine-uid",
            install(Redirect(inbound_port=15378, excluded_ports=frozenset({9090, 8081}), engine_uid=1001)),
        ),
        ("delete", remove()),
    ],
)
def test_the_transaction_is_the_golden_one(name: str, transaction: str) -> None:
    assert transaction == (GOLDEN / f"{name}.nft").read_text()


@given(REDIRECTS)
def test_every_rule_has_a_comment(redirect: Redirect) -> None:
    rules = [
        line for line in install(redirect).splitlines() if line.startswith("\t\t") and "hook" not in line
    ]
    assert len(rules) >= 6
    assert all(rule.count(' comment "') == 1 and rule.endswith('"') for rule in rules)


@given(REDIRECTS)
def test_only_our_own_table_is_named(redirect: Redirect) -> None:
    tables = [line for line in install(redirect).splitlines() if "table" in line.split(" ")]
    assert tables == [f"add table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]


@given(REDIRECTS)
def test_braces_balance_and_no_set_is_empty(redirect: Redirect) -> None:
    text = install(redirect)
    assert text.count("{") == text.count("}")
    assert "{ }" not in text


@given(REDIRECTS)
def test_both_families_are_redirected_for_netcheck(redirect: Redirect) -> None:
    text = install(redirect)
    for destination in ("ip daddr 127.0.0.1", "ip6 daddr ::1"):
        rule = f"{destination} tcp dport {redirect.check_port} redirect to :{redirect.inbound_port} comment"
        assert text.count(rule) == 1


@given(st.permutations([8081, 9090, 80, 443]))
def test_the_text_does_not_depend_on_the_order_of_ports(ports: list[int]) -> None:
    assert install(Redirect(excluded_ports=frozenset(ports))) == install(
        Redirect(excluded_ports=frozenset({80, 443, 8081, 9090}))
    )
