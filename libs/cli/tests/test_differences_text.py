from __future__ import annotations

from typing import Any

import pytest

from microgateway_cli.differences_text import MOST_LINES, differences, problems

LIMITS = {"kind": "Limits", "namespace": "shop", "name": "strict"}
DEFAULTS = {"kind": "Parser", "namespace": "", "name": ""}
NOBODY = {"kind": "", "namespace": "", "name": ""}


def difference(change: str, origin: dict[str, str] = NOBODY, **ends: Any) -> dict[str, Any]:
    return {"change": change, "path": "a.b", "origin": origin, **ends}


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (difference("changed", LIMITS, old="a", new="b"), "~ a.b: a → b   (Limits shop/strict)"),
        (difference("changed", DEFAULTS, old=1, new=2), "~ a.b: 1 → 2   (Parser (defaults))"),
        (difference("changed", old="", new=None), '~ a.b: "" → null'),
        (difference("changed", old=True, new=[]), "~ a.b: true → []"),
        (difference("added", new="GET"), "+ a.b: GET"),
        (difference("removed", old={}), "- a.b: {}"),
    ],
)  # fmt: skip
def test_a_small_difference_is_a_line(found: dict[str, Any], line: str) -> None:
    assert list(differences([found], 0)) == [line]


def test_a_large_value_is_shown_below_as_yaml() -> None:
    found = difference("changed", LIMITS, old={"x": 1}, new={"x": [2]})
    assert list(differences([found], 0)) == [
        "~ a.b   (Limits shop/strict)",
        "-   x: 1",
        "+   x:",
        "+   - 2",
    ]


def test_a_very_large_one_is_cut_and_so_are_very_many() -> None:
    lines = list(differences([difference("added", new=list(range(MOST_LINES + 3)))], 5))
    assert len(lines) == MOST_LINES + 3
    assert lines[-2:] == ["+   … 3 lines more", "and 5 more differences"]


def test_nothing_steers_the_terminal() -> None:
    nasty = "\x1b[2J"
    lines = [
        *differences([difference("changed", {**LIMITS, "name": nasty}, old=nasty, new={nasty: nasty})], 0),
        *problems([{"severity": "error", "message": nasty}]),
    ]
    assert lines
    assert "\x1b" not in "".join(lines)
