from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.rules.patterns import buffer_pattern, join


@pytest.mark.parametrize(
    ("pattern", "rewritten"),
    [
        (rb"a\s+b", rb"a[\t\x0B\f\r\x20]+b"),
        (rb"[\s/]x", rb"[\t\x0B\f\r\x20/]x"),
        (rb"[^'\s]", rb"[^\n'\t\x0B\f\r\x20]"),
        (rb"\W\D\S", rb"[^\n\w][^\n\d][^\n\t\x0B\f\r\x20]"),
        (rb"\[^a\]", rb"\[^a\]"),
        (rb"a\nb[\n]", rb"a\rb[\r]"),
        (rb"[a\]^]b", rb"[a\]^]b"),
    ],
)
def test_rewriting(pattern: bytes, rewritten: bytes) -> None:
    assert buffer_pattern(pattern) == rewritten


@pytest.mark.parametrize("pattern", [rb"[\W]", rb"[a\D]", rb"[^\S]", rb"a\x0A", rb"[\x0a]"])
def test_what_could_match_a_separator_is_refused(pattern: bytes) -> None:
    with pytest.raises(ValueError, match="could match a separator"):
        buffer_pattern(pattern)


@given(st.sampled_from([rb"\s+", rb"[^x]+", rb"\W+", rb"\D\S", rb".+", rb"[^\s]+"]), st.text("a1 \t'\n\r"))
def test_no_match_holds_a_line_feed(pattern: bytes, text: str) -> None:
    for found in re2.finditer(buffer_pattern(pattern), text.encode()):
        assert b"\n" not in found[0]


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=10))
def test_join_keeps_places(texts: list[bytes]) -> None:
    parts = join(texts).split(b"\n")
    assert parts == [text.replace(b"\n", b"\r") for text in texts]
