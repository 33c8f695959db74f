"""Rows of h2load's log, and what they add up to."""

from __future__ import annotations

import pytest

from bench import Void
from bench.dataplane.h2load import Steady, steady


def test_answers_are_counted_with_their_latencies() -> None:
    rows = "".join(f"{1_000_000 + 10_000 * each}\t200\t{each}000\n" for each in range(1, 101))
    assert steady("peer", rows, counted=2) == Steady(100, 2, 50.0, 99.0)


def test_without_a_duration_the_starts_give_it() -> None:
    rows = "1000000\t200\t500\n3000000\t200\t700\n"
    assert steady("peer", rows, counted=0) == Steady(2, 2.0, 0.5, 0.7)


@pytest.mark.parametrize("status", [0, -1])
def test_requests_under_way_at_the_end_do_not_count(status: int) -> None:
    rows = f"1\t200\t500\n2\t200\t700\n3\t{status}\t100\n"
    assert steady("peer", rows, counted=1).requests == 2


def test_another_status_makes_it_void() -> None:
    with pytest.raises(Void, match="peer: expected 200 for each request, got 502"):
        steady("peer", "1\t200\t500\n2\t502\t700\n", counted=1)


def test_no_answers_make_it_void() -> None:
    with pytest.raises(Void, match="peer: expected answers, got 0"):
        steady("peer", "", counted=1)
