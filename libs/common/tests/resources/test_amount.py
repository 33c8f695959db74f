from __future__ import annotations

from fractions import Fraction

import pytest

from microgateway_common.resources.amount import parse_amount


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Fraction(1, 2)),
        ("0.5", Fraction(1, 2)),
        ("2", Fraction(2)),
        ("128Mi", Fraction(128 * 2**20)),
        ("1G", Fraction(10**9)),
        ("1.", Fraction(1)),
    ],
)
def test_an_amount(text: str, value: Fraction) -> None:
    assert parse_amount(text).value == value


@pytest.mark.parametrize("text", ["", "-1", "1 Gi", "much", "1e3", "1mi", "\uff19", "1\n"])
def test_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="expected a quantity such as 500m or 128Mi"):
        parse_amount(text)
