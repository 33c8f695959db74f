"""Time formats render as strftime and Envoy would."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.time_formats import time_format

#: 2023-11-14T22:13:20.123456789Z
MOMENT = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", "2023-11-14T22:13:20.123Z"),
        ("%Y-%m-%dT%T.%3f%z", "2023-11-14T22:13:20.123+0000"),
        ("%s.%6f", "1700000000.123456"),
        ("%f %Ef %9f", "123456789 123456789 123456789"),
        ("%H:%M:%E3S%Ez", "22:13:20.123+00:00"),
        ("%E*S", "20.123456789"),
        ("%F %R 100%%", "2023-11-14 22:13 100%"),
        ("%a, %d %b %Y", "Tue, 14 Nov 2023"),
    ],
)
def test_a_format_renders_in_utc(text: str, rendered: str) -> None:
    assert time_format(text)(MOMENT) == rendered


@pytest.mark.parametrize("text", ["%", "%Q", "a%3", "%3S", "%*f", "%E", "%0f", "%E3Y", "%Ä"])
def test_what_is_no_directive_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time directive"):
        time_format(text)


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_the_default_agrees_with_isoformat(seconds: int, microseconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    expected = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert time_format("")(seconds * 10**9 + microseconds * 1000) == expected


@given(st.text(st.sampled_from("%E*39fSYz ")))
def test_any_text_is_a_format_or_a_value_error(text: str) -> None:
    try:
        render = time_format(text)
    except ValueError:
        return
    assert isinstance(render(MOMENT), str)
