"""JSONPaths are those of RFC 9535 without filters."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from microgateway_common.resources.json_path import JsonPath

ADAPTER: TypeAdapter[str] = TypeAdapter(JsonPath)


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "$.a",
        "$.a_1.b",
        "$.*",
        "$[*]",
        "$[0]",
        "$[-1]",
        "$[1:2]",
        "$[::2]",
        "$[5:1:-2]",
        "$['a b']",
        '$["a b"]["c"]',
        "$['it\\'s']",
        "$['\\u00e4']",
        "$['a',0,1:2,*]",
        "$..a",
        "$..*",
        "$..[0]",
        "$ .a [ 0 ]",
        "$.\u00e4\u00f6",
        "$.items[*].note",
    ],
)
def test_a_json_path_is_accepted(path: str) -> None:
    assert ADAPTER.validate_python(path) == path


@pytest.mark.parametrize(
    ("path", "expected", "got"),
    [
        ("a", "a JSONPath that starts with $", '"a"'),
        ("$.a[?(@.b)]", "a JSONPath without filter expressions", '"[?(@.b)]" at character 4'),
        ("$..[0, ?@.b]", "a JSONPath without filter expressions", '"..[0, ?@.b]" at character 2'),
        ("$.a-b", "a JSONPath segment such as .name, ['name'], [0] or [*]", '"-b" at character 4'),
        ("$.", "a JSONPath segment such as .name, ['name'], [0] or [*]", '"." at character 2'),
        ("$[01]", "a JSONPath segment such as .name, ['name'], [0] or [*]", '"[01]" at character 2'),
        ("$['a]", "a JSONPath segment such as .name, ['name'], [0] or [*]", '"[\'a]" at character 2'),
        ("$.1", "a JSONPath segment such as .name, ['name'], [0] or [*]", '".1" at character 2'),
        ("$ ", "a JSONPath segment such as .name, ['name'], [0] or [*]", '" " at character 2'),
    ],
)
def test_what_is_no_json_path_is_refused_with_the_place(path: str, expected: str, got: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ADAPTER.validate_python(path)
    assert raised.value.errors()[0]["ctx"] == {"expected": expected, "got": got}
