"""Durations have the value Go gives them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.resources.duration import Duration, parse_nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("+5s", 5),
        ("5m", 300),
        ("1m30s", 90),
        ("1h0m0.5s", 3600.5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("100ms", 0.1),
        ("10us", 1e-5),
        ("10\u00b5s", 1e-5),
        ("10\u03bcs", 1e-5),
        ("7ns", 7e-9),
        ("30s1m", 90),
    ],
)
def test_seconds_of_a_duration(text: str, seconds: float) -> None:
    assert Duration.of(text).seconds == seconds


@pytest.mark.parametrize(
    "text", ["", "+", "5", "5x", "m", ".s", "1 m", " 1m", "1m ", "1d", "1s" * 33, "\u0661s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a duration such as 1m30s$"):
        Duration.of(text)


def test_negative_durations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^a duration that is not negative$"):
        Duration.of("-5s")


def test_durations_beyond_what_go_holds_are_refused() -> None:
    assert parse_nanoseconds("9223372036854775807ns") == 2**63 - 1
    with pytest.raises(ValueError, match="292 years"):
        parse_nanoseconds("9223372036854775808ns")


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_terms(hours: int, minutes: int, seconds: int, millis: int) -> None:
    duration = Duration.of(f"{hours}h{minutes}m{seconds}s{millis}ms")
    assert duration.seconds == (((hours * 60 + minutes) * 60 + seconds) * 1000 + millis) / 1000
    assert Duration.of(str(duration)) == duration
