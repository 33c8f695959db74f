"""Applying the difference gives the second value, whatever the two are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from microgateway_webhook.injection.patch import difference

from .test_golden import apply_patch

named = st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional={"value": st.integers(0, 2)})
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 1)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(named, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b/c", "d~e"]), inner, max_size=3),
    ),
    max_leaves=12,
)
documents = st.dictionaries(st.sampled_from(["a", "b/c", "d~e"]), values)


@given(documents, documents)
def test_the_difference_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    assert apply_patch(before, difference(before, after)) == after


@given(documents)
def test_nothing_differs_from_itself(document: Any) -> None:
    assert difference(document, document) == []


def test_what_is_put_in_front_is_one_addition() -> None:
    before = {"list": [{"name": "b", "value": 1}, {"name": "c"}]}
    after = {"list": [{"name": "a"}, {"name": "b", "value": 2}, {"name": "c"}]}

    assert difference(before, after) == [
        {"op": "add", "path": "/list/0", "value": {"name": "a"}},
        {"op": "replace", "path": "/list/1/value", "value": 2},
    ]


def test_true_is_not_one() -> None:
    assert difference({"a": 1}, {"a": True}) == [{"op": "replace", "path": "/a", "value": True}]
