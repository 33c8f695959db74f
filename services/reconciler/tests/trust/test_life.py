from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from microgateway_reconciler.trust.life import (
    Introducing,
    Life,
    Policy,
    Retiring,
    Settled,
    accepted,
    advance,
)

POLICY = Policy(lifetime=100, overlap=10)


def test_one_key_and_the_next() -> None:
    keys = (str(number).encode() for number in itertools.count(2))
    life: Life = Settled(b"1", 0)
    seen = []
    for now in range(0, 240, 10):
        life = advance(life, POLICY, now, lambda: next(keys))
        seen.append(life)
    assert seen[9] == Settled(b"1", 0)
    assert seen[10] == Introducing(b"1", b"2", 100)
    assert seen[11] == Retiring(b"2", b"1", 110)
    assert seen[12] == seen[20] == Settled(b"2", 110)
    assert seen[21] == Introducing(b"2", b"3", 210)


@given(st.lists(st.floats(0.1, 300), min_size=2, max_size=60), st.floats(0, 9.9))
def test_who_is_an_overlap_behind_still_accepts_what_is_used(steps: list[float], lag: float) -> None:
    """However irregularly somebody looks: a key in use now was accepted already a moment ago, and one that
    was in use a moment ago is accepted now."""
    numbers = itertools.count(2)
    life: Life = Settled(b"1", 0)
    history: list[tuple[float, Life]] = [(0.0, life)]
    now = 0.0
    for step in steps:
        now += step
        life = advance(life, POLICY, now, lambda: str(next(numbers)).encode())
        history.append((now, life))
        behind = [each for at, each in history if at <= max(0, now - lag)][-1]
        assert accepted(life)[0] in accepted(behind)
        assert accepted(behind)[0] in accepted(life)


def test_nothing_due_is_the_same_object() -> None:
    life = Settled(b"1", 0)
    assert advance(life, POLICY, 99, bytes) is life
