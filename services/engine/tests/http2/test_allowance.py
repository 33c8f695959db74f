"""How often a peer may do what brings nothing."""

from __future__ import annotations

from microgateway_engine.http2.allowance import Allowance


def test_a_burst_is_allowed_and_then_a_rate() -> None:
    allowance = Allowance(burst=3, rate=1, now=0)
    assert [allowance.take(1, 0) for _ in range(4)] == [True, True, True, False]
    assert allowance.take(1, 2)
    assert not allowance.take(1, 2)


def test_what_is_useful_earns_no_more_than_a_burst() -> None:
    allowance = Allowance(burst=2, rate=0, now=0)
    allowance.take(2, 0)
    allowance.give(100)
    assert [allowance.take(1, 0) for _ in range(3)] == [True, True, False]


def test_time_earns_no_more_than_a_burst() -> None:
    allowance = Allowance(burst=2, rate=1, now=0)
    assert [allowance.take(1, 1000) for _ in range(3)] == [True, True, False]
