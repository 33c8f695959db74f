"""The rest is shown on a real API server: tests/kubernetes/test_check.py."""

from __future__ import annotations

import pytest

from microgateway_cli.check.definitions import contains


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        ({"type": "object", "added": 1}, {"type": "object"}, True),
        ({"type": "object"}, {"type": "object", "properties": {}}, True),
        ({"type": "object"}, {"type": "object", "minimum": 0}, False),
        ({"items": {"maxLength": 5}}, {"items": {"maxLength": 6}}, False),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, False),
        (None, {"type": "object"}, False),
    ],
)
def test_what_a_server_adds_or_drops_makes_no_other_definition(
    whole: object, part: object, expected: bool
) -> None:
    assert contains(whole, part) is expected
