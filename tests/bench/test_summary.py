"""Medians, spreads, quantiles and ratios."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure import Sample
from bench.summary import Spread, quantile, ratios, rows, spread

numbers = st.lists(st.floats(0, 1e9), min_size=1, max_size=50)

A_SAMPLE = Sample(
    round=1,
    case="GET",
    peer="ours",
    rate=1000,
    p50=1,
    p99=2,
    cpu=100,
    busy=1,
    others=0,
    stolen=0,
    rss=50,
    pss=40,
)


def sample(number: int, peer: str, rate: float, cpu: float = 100.0, case: str = "GET") -> Sample:
    return dataclasses.replace(A_SAMPLE, round=number, case=case, peer=peer, rate=rate, cpu=cpu)


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(3.0, 1.0, 5.0)
    assert spread([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0)


def test_nothing_has_no_spread() -> None:
    with pytest.raises(ValueError, match="expected at least one value"):
        spread([])


@given(numbers)
def test_the_median_lies_between_the_extremes(values: list[float]) -> None:
    found = spread(values)
    assert found.lowest <= found.median <= found.highest


def test_a_quantile_is_one_of_the_values() -> None:
    hundred = [float(each) for each in range(100, 0, -1)]
    assert quantile(hundred, 0.5) == 50
    assert quantile(hundred, 0.99) == 99
    assert quantile(hundred, 1) == 100
    assert quantile([1.0, 2.0, 3.0], 0.99) == 3  # of few values, the largest


@given(numbers, st.floats(0.001, 1))
def test_so_many_values_do_not_exceed_a_quantile(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(each <= found for each in values) >= share * len(values)


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_quantile_of_nothing_or_beyond_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="expected values and a share"):
        quantile(values, share)


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was twice as fast in round 2: the ratio does not see it, a ratio of medians would.
    samples = [
        *(sample(1, "ours", 200, cpu=50), sample(1, "theirs", 100, cpu=100)),
        *(sample(2, "theirs", 200, cpu=60), sample(2, "ours", 400, cpu=20)),
        *(sample(3, "ours", 210, cpu=50), sample(3, "theirs", 100, cpu=200)),
    ]
    [found] = ratios(samples, "ours")
    assert (found.case, found.against) == ("GET", "theirs")
    assert found.rate == Spread(2.0, 2.0, 2.1)
    assert found.cpu == Spread(3.0, 2.0, 4.0)
    assert found.sober == 2.0


def test_a_peer_that_waited_for_the_load_does_not_flatter_us() -> None:
    [found] = ratios([sample(1, "ours", 100, cpu=100), sample(1, "theirs", 200, cpu=10)], "ours")
    assert found.rate.median == 0.5
    assert found.sober == 0.1


def test_ratios_need_both_in_every_round() -> None:
    with pytest.raises(ValueError, match="expected the same rounds of ours and theirs"):
        ratios([sample(1, "ours", 1), sample(1, "theirs", 1), sample(2, "theirs", 1)], "ours")


def test_rows_keep_the_order_of_the_cases() -> None:
    samples = [
        sample(1, "b", 1, case="JSON"),
        sample(1, "a", 1, case="JSON"),
        sample(1, "a", 1, case="GET"),
        sample(2, "a", 3, case="JSON"),
    ]
    assert [(each.case, each.peer, each.rate.median) for each in rows(samples)] == [
        ("JSON", "a", 2.0),
        ("JSON", "b", 1.0),
        ("GET", "a", 1.0),
    ]


def test_a_row_says_how_much_of_the_cpu_went_elsewhere_at_worst() -> None:
    quiet = sample(1, "a", 1)
    noisy = dataclasses.replace(quiet, round=2, others=0.25, stolen=0.125)
    [row] = rows([quiet, noisy])
    assert row.disturbed == 0.375
