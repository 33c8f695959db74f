from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.parsing.document import Json
from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.json import (
    Index,
    location_text,
    nodes,
    parse_json,
    parse_json_lines,
    scalar_text,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


def _strings(value: Json) -> list[str]:
    """Every name and every string, by plain recursion."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in _strings(each))]
    return []


@given(_DOCUMENTS, st.booleans())
def test_finds_every_text_that_json_loads_finds(document: Json, ascii_only: bool) -> None:
    read = parse_json(json.dumps(document, ensure_ascii=ascii_only).encode())
    assert sorted(read.names + read.values) == sorted(_strings(document))


@given(_DOCUMENTS)
def test_nodes_come_in_the_order_of_the_texts(document: Json) -> None:
    read = parse_json(json.dumps(document).encode())
    found = list(nodes(read))
    assert [node.key for node in found if node.named] == read.names
    assert [node.value for node in found if isinstance(node.value, str)] == read.values


@given(_DOCUMENTS)
def test_locations_lead_to_their_values(document: Json) -> None:
    for node in nodes(parse_json(json.dumps(document).encode())):
        value: Json = document
        for step in node.location:
            if isinstance(step, Index):
                assert isinstance(value, list)
                value = value[step.position]
            else:
                assert isinstance(value, dict)
                value = value[step]
        assert value == node.value


def test_measures() -> None:
    read = parse_json(b'{"a": [1, 2, {"b": [[]]}], "c": {}, "d": 1}')
    assert (read.depth, read.keys, read.elements) == (5, 3, 3)


@pytest.mark.parametrize("body", [b'"x"', b"1", b"null", b"true"])
def test_a_scalar_has_no_depth(body: bytes) -> None:
    assert parse_json(body).depth == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b"{} x",
        b"[1,]",
        b"{'a': 1}",
        b"NaN",
        b"[Infinity]",
        b"01",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"a\nb"',
        b'"\\ud800"',
        b"// x\n1",
        b"1e999",
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_malformed(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_json(body)
    assert refused.value.subtype == "json_malformed"


@pytest.mark.parametrize("bomb", [b"[" * 100_000, b'{"a":' * 50_000, b"[" * 20_000 + b"]" * 20_000])
def test_a_nesting_bomb_is_refused_and_breaks_nothing(bomb: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_json(bomb)
    assert refused.value.subtype in ("json_too_deep", "json_malformed")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": "x:y", "a": 2}',
        b'[{"b": {"a": 1, "a": {"c": ":"}}}]',
        b'{"a": {"x": 1}, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": "\\u003a", "a": 2}',
        b'{"a": ":", "a": ""}',
        b'{"a:b": 1, "a:b": 2}',
        b'{"a:b": ":", "c": 1, "c": "\\n"}',
        b'{"a::": 1, "c": 1, "c": 2}',
    ],
)
def test_a_name_twice_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_json(body)
    assert refused.value.subtype == "json_duplicate_key"


@pytest.mark.parametrize(
    "body", [b'{"a:b": ":::", "c": "\\u003a"}', b'{"a": {"a": {"a": 1}}}', b'[{"a": 1}, {"a": 1}]']
)
def test_names_that_do_not_repeat_pass(body: bytes) -> None:
    parse_json(body)


def test_location_text() -> None:
    assert location_text(()) == "$"
    assert location_text(("items", Index(0, 2), "note")) == "$.items[0].note"
    assert location_text(("a b", "it's")) == "$['a b']['it\\'s']"


def test_scalar_text() -> None:
    values: list[Json] = ["x", 1, 1.5, True, None, [], {}]
    assert [scalar_text(each) for each in values] == ["x", "1", "1.5", "true", "null", "", ""]


def test_a_document_a_line() -> None:
    read = parse_json_lines(b'{"a": "x"}\n{"a": "\\u003a"}\r\n\n[1]\n')
    assert (read.names, read.values, read.depth, read.elements) == (["a", "a"], ["x", ":"], 2, 3)


@pytest.mark.parametrize(
    ("body", "subtype"),
    [
        (b'{"a": 1}\n{', "json_malformed"),
        (b'{"a":\n1}', "json_malformed"),
        (b'{"a": 1, "a": 2}\n{}', "json_duplicate_key"),
        (b'{}\n{"a": "\\u003a", "a": 2}\n', "json_duplicate_key"),
        (b"1\n" + b"[" * 20_000 + b"]" * 20_000, "json_too_deep"),
    ],
)
def test_lines_that_cannot_be_read(body: bytes, subtype: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_json_lines(body)
    assert refused.value.subtype == subtype
