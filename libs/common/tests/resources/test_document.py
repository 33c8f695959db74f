"""What is not JSON is found before any model sees it."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.resources.document import MAX_DEPTH, MAX_VALUES, json_errors
from microgateway_common.resources.errors import FieldError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
    max_leaves=20,
)


@settings(deadline=None)  # the machine may be busy
@given(JSON)
def test_json_has_no_errors(value: Any) -> None:
    assert json_errors(value) == []
    json.dumps(value).encode()


@pytest.mark.parametrize(
    ("value", "expected", "got"),
    [
        (math.nan, "a finite number", "nan"),
        (-math.inf, "a finite number", "-inf"),
        (2**63, "an integer of 64 bits", "a larger one"),
        pytest.param(10**5000, "an integer of 64 bits", "a larger one", id="huge"),
        ("\ud800", "Unicode text", "a surrogate code point"),
        (datetime.date(2026, 1, 1), "a JSON value (text in quotes where YAML sees something else)", "date"),
        (b"x", "a JSON value (text in quotes where YAML sees something else)", "bytes"),
        ({1}, "a JSON value (text in quotes where YAML sees something else)", "set"),
    ],
)
def test_values_that_json_does_not_have(value: object, expected: str, got: str) -> None:
    assert json_errors({"a": [value]}) == [FieldError("a[0]", expected, got)]


@pytest.mark.parametrize(
    ("key", "got"),
    [
        (1, '"1" (integer)'),
        (True, '"True" (boolean)'),
        (None, '"None" (null)'),
        ((1, 2), "tuple"),
        pytest.param(10**5000, "integer", id="huge"),
        ("\ud800", "a surrogate code point"),
    ],
)
def test_keys_that_are_no_text(key: object, got: str) -> None:
    assert json_errors({"a": {key: "b"}}) == [FieldError("a", "keys that are strings", got)]


def test_an_alias_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    (error,) = json_errors({"a": loop})
    assert (error.expected, error.got) == (f"at most {MAX_DEPTH} levels", "more")


def test_aliases_that_multiply_end() -> None:
    laughs: list[Any] = ["ha"] * 10
    for _ in range(20):
        laughs = [laughs] * 10
    assert json_errors(laughs) == [FieldError("", f"at most {MAX_VALUES} values", "more")]
