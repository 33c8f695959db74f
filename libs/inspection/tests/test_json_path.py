from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.json_path import compile_json_path
from microgateway_inspection.parsing.json import flatten, location_text, nodes

_DOCUMENT = flatten(
    {"store": {"book": [{"title": "A", "tags": ["x", "y"]}, {"title": "B"}, {"title": "C"}], "a b": {"c": 1}}}
)


def _selected(path: str) -> list[str]:
    test = compile_json_path(path)
    return [location_text(node.location) for node in nodes(_DOCUMENT) if test(node.location)]


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", ["$"]),
        ("$.store.book[0].title", ["$.store.book[0].title"]),
        ("$['store'][\"book\"][-1].title", ["$.store.book[2].title"]),
        (
            "$.store.book[*].title",
            ["$.store.book[0].title", "$.store.book[1].title", "$.store.book[2].title"],
        ),
        ("$.*", ["$.store"]),
        ("$..title", ["$.store.book[0].title", "$.store.book[1].title", "$.store.book[2].title"]),
        ("$..tags[1]", ["$.store.book[0].tags[1]"]),
        ("$..['c']", ["$.store['a b'].c"]),
        ("$.store['a b'].c", ["$.store['a b'].c"]),
        ("$.store.book[0:2]", ["$.store.book[0]", "$.store.book[1]"]),
        ("$.store.book[::2]", ["$.store.book[0]", "$.store.book[2]"]),
        ("$.store.book[::-1]", ["$.store.book[0]", "$.store.book[1]", "$.store.book[2]"]),
        ("$.store.book[-2:]", ["$.store.book[1]", "$.store.book[2]"]),
        ("$.store.book[::0]", []),
        ("$.store.book[0, 2]", ["$.store.book[0]", "$.store.book[2]"]),
        ("$.store.book['title']", []),
        ("$.store[0]", []),
        ("$ .store [ 'book' ] [ 1 ]", ["$.store.book[1]"]),
        ("$.store.book[9]", []),
        ("$.st\\u006fre", None),
        ("$['st\\u006fre']", ["$.store"]),
    ],
)
def test_selects(path: str, selected: list[str] | None) -> None:
    if selected is None:
        with pytest.raises(ValueError, match="JSONPath"):
            compile_json_path(path)
    else:
        assert _selected(path) == selected


def test_descendants_include_every_level() -> None:
    assert len(_selected("$..*")) == len(list(nodes(_DOCUMENT))) - 1


@pytest.mark.parametrize(
    "path",
    [
        "",
        "store",
        "$.",
        "$[",
        "$[?(@.a)]",
        "$[01]",
        "$['a",
        "$.a b",
        "$[1:2:3:4]",
        "$[]",
        "$['\\q']",
        "$[-0]",
    ],
)
def test_what_cannot_be_read_is_named(path: str) -> None:
    with pytest.raises(ValueError, match=r"expected .* at position"):
        compile_json_path(path)


@given(st.text("$.*[]'\"0123-:, ab\\u?", max_size=20))
def test_reads_or_refuses(path: str) -> None:
    for each in (path, "$" + path):
        try:
            test = compile_json_path(each)
        except ValueError:
            continue
        test(("a",))
