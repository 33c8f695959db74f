from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_compiler.yaml_values import MAX_DEPTH, NothingThere, YamlError, read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: text", "text"),
        ("a: '5'", "5"),
        ("a: 5", 5),
        ("a: -0x1F", -31),
        ("a: 010", 8),
        ("a: 0o10", 8),
        ("a: 08", 8),
        ("a: 1_000", 1000),
        ("a: 1.5", 1.5),
        ("a: 1e3", 1000),
        ("a: 60Ki", "60Ki"),
        ("a: 1:30", "1:30"),
        ("a: 2026-01-31", "2026-01-31"),
        ("a: yes", True),
        ("a: Off", False),
        ("a: y", "y"),
        ("a: ~", None),
        ("a:", None),
        ("a: !!str 5", "5"),
        ("a: |\n  line\n", "line\n"),
        ("a: {b: [1, {c: 2}]}", {"b": [1, {"c": 2}]}),
    ],
)
def test_scalars_are_what_kubernetes_takes_them_for(text: str, value: Any) -> None:
    assert read_value(text).root == {"a": value}


def test_keys_are_strings_whatever_they_look_like() -> None:
    assert read_value("1: a\ntrue: b\n~: c").root == {"1": "a", "true": "b", "~": "c"}


def test_aliases_and_merge_keys_are_expanded() -> None:
    text = "base: &base {x: 1, y: 2}\nsame: *base\nmore:\n  <<: *base\n  y: 3\nboth: {<<: [*base, {z: 4}]}"
    assert read_value(text).root == {
        "base": {"x": 1, "y": 2},
        "same": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "both": {"x": 1, "y": 2, "z": 4},
    }


@pytest.mark.parametrize("text", ["", "\n", "# nothing", "---\n", "~"])
def test_an_empty_document_is_nothing(text: str) -> None:
    if text == "~":
        assert read_value(text).root is None
    else:
        with pytest.raises(NothingThere):
            read_value(text)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a: [1", 1, "YAML"),
        ("a: 1\nb: 2\na: 3", 3, "each key once"),
        ("a: *b", 1, "an alias of a finished anchor"),
        ("a: &a [*a]", 1, "an alias of a finished anchor"),
        ("[a]: 1", 1, "a string as key"),
        ("a: !custom 1", 1, "no YAML tag"),
        ("a: !!python/object:os.system {}", 1, "no YAML tag"),
        ("a: .inf", 1, "a finite number"),
        ("a: 1e999", 1, "a number in the range of a double"),
        ("a: " + "9" * 5000, 1, "a number"),
        ("a: 1\nb: \x07", 2, "printable text"),
        ("a: 1\nb: \ud800", 2, "Unicode text"),
        ("a: {<<: 1}", 1, "a mapping, or a list of mappings, to merge"),
        ("a: 1\n---\nb: 2", 3, "one document"),
    ],
)
def test_what_is_refused_has_a_line_and_an_expectation(text: str, line: int, expected: str) -> None:
    with pytest.raises(YamlError) as caught:
        read_value(text)

    assert (caught.value.line, caught.value.expected) == (line, expected)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(opening: str) -> None:
    with pytest.raises(YamlError, match=f"at most {MAX_DEPTH} levels"):
        read_value(opening * 50_000)


def test_a_billion_laughs_are_refused_before_they_are_counted() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="after expansion of aliases"):
        read_value("\n".join(lines))


def test_the_same_alias_many_times_counts_each_time() -> None:
    big = "big: &big [" + "1, " * 999 + "1]\n"
    assert len(read_value(big + "all: [" + "*big, " * 399 + "*big]").root["all"]) == 400
    with pytest.raises(YamlError):
        read_value(big + "all: [" + "*big, " * 600 + "*big]")


_texts = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc"]), max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150)
@given(_json)
def test_json_is_yaml(value: Any) -> None:
    assert read_value(json.dumps({"it": value})).root == {"it": value}


@settings(max_examples=300)
@given(st.text(alphabet="ab:-[]{}&*<>!|'\" \n\t#%,?~0.1\r\x00\ud800é", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(YamlError, NothingThere):
        read_value(text)
