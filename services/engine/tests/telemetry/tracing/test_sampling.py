"""Which traces are recorded."""

from __future__ import annotations

from microgateway_engine.telemetry.tracing.context import NoParent, Parent
from microgateway_engine.telemetry.tracing.sampling import is_sampled
from microgateway_engine.telemetry.tracing.settings import Sampler

LOW, HIGH = "f" * 16 + "0" * 15 + "1", "0" * 16 + "f" * 16
YES, NO = Parent(HIGH, "1" * 16, 1, ""), Parent(LOW, "1" * 16, 0, "")


def test_a_parent_decides_where_it_is_heeded() -> None:
    assert is_sampled(Sampler(0.0, heeds_parent=True), HIGH, YES)
    assert not is_sampled(Sampler(1.0, heeds_parent=True), LOW, NO)


def test_and_nowhere_else() -> None:
    assert not is_sampled(Sampler(0.0, heeds_parent=False), HIGH, YES)
    assert is_sampled(Sampler(1.0, heeds_parent=False), LOW, NO)


def test_the_ratio_is_one_of_ids() -> None:
    half = Sampler(0.5, heeds_parent=True)
    assert is_sampled(half, LOW, NoParent())
    assert not is_sampled(half, HIGH, NoParent())
    assert is_sampled(Sampler(1.0, heeds_parent=True), HIGH, NoParent())
    assert not is_sampled(Sampler(0.0, heeds_parent=True), "0" * 32, NoParent())
