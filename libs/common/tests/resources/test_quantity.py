"""Quantities have the value Kubernetes gives them."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.resources.quantity import MAX_BYTES, PATTERN, Quantity, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("8192", 8192),
        ("+1", 1),
        ("-0", 0),
        ("1Ki", 1024),
        ("100Mi", 100 * 1024**2),
        ("1.5Ki", 1536),
        ("1.", 1),
        (".5k", 500),
        ("1k", 1000),
        ("1M", 10**6),
        ("1E", 10**18),
        ("1E3", 1000),
        ("1e3", 1000),
        ("1e+3", 1000),
        ("12e-1", 2),
        ("1m", 1),
        ("1001m", 2),
        ("1u", 1),
        ("1n", 1),
        ("7Ei", 7 * 1024**6),
        ("9223372036854775807", MAX_BYTES),
    ],
)
def test_bytes_of_a_quantity(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a quantity such as 100Mi"),
        (".", "a quantity such as 100Mi"),
        ("Mi", "a quantity such as 100Mi"),
        ("1 Mi", "a quantity such as 100Mi"),
        ("1mi", "a quantity such as 100Mi"),
        ("1K", "a quantity such as 100Mi"),
        ("1e1.5", "a quantity such as 100Mi"),
        ("1" * 65, "a quantity such as 100Mi"),
        ("\u0661", "a quantity such as 100Mi"),
        ("-1", "a quantity that is not negative"),
        ("-1n", "a quantity that is not negative"),
        ("8Ei", f"at most {MAX_BYTES} bytes"),
        ("1e99", "an exponent between -64 and 64"),
        ("0e999999999", "an exponent between -64 and 64"),
    ],
)
def test_what_is_no_quantity_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{expected}$"):
        Quantity.of(text)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, MAX_BYTES))
def test_integers_are_their_own_value(size: int) -> None:
    quantity = Quantity.of(str(size))
    assert quantity.bytes == size
    assert Quantity.of(str(quantity)) == quantity


@settings(deadline=None)  # the machine may be busy
@given(st.decimals(0, 1000, places=3), st.sampled_from(["Ki", "Mi", "k", "M", "", "m"]))
def test_fractions_are_rounded_up(number: Decimal, suffix: str) -> None:
    scales: dict[str, int | Fraction] = {
        "Ki": 1024,
        "Mi": 1024**2,
        "k": 1000,
        "M": 10**6,
        "": 1,
        "m": Fraction(1, 1000),
    }
    assert parse_bytes(f"{number}{suffix}") == math.ceil(Fraction(number) * scales[suffix])


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="0123456789+-.eEKMimkn ", max_size=12))
def test_whatever_is_accepted_passes_the_pattern_of_the_schema(text: str) -> None:
    try:
        parse_bytes(text)
    except ValueError:
        return
    assert re2.search(PATTERN, text)
