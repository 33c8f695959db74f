"""What blocks look like in a terminal. The command asks a real config-api in tests/config_api."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

import pytest

from microgateway_cli import blocks, explain_block

BLOCK: dict[str, Any] = {
    "time": "2026-01-01T00:00:00.120000Z",
    "mode": "block",
    "gateway": "shop/webshop",
    "pod": "shop/webshop-0",
    "generation": 7,
    "client": "192.0.2.7",
    "host": "shop.example",
    "method": "GET",
    "path": "/products\x1b[2J",
    "why": "SQL (SQL-010: a union)",
    "request_id": "r0",
    "threats": [
        {
            "type": "deny_rules",
            "rule_key": "SQL",
            "place": {"type": "Parameter", "name": "q", "part": "name"},
            "decoding": ["url", "html"],
            "matched": "union",
        },
        {"type": "limits"},
    ],
    "omitted": 2,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", timedelta(seconds=30)), ("5m", timedelta(minutes=5)), ("2h", timedelta(hours=2))],
)
def test_durations_are_short(text: str, expected: timedelta) -> None:
    assert blocks._ago(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5d", "5 m", "1.5h", "٣m", "9999999h"])
def test_what_is_no_duration_says_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a duration such as"):
        blocks._ago(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1.5"])
def test_what_is_no_number_says_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number"):
        blocks._number(text)


def test_a_line_steers_no_terminal() -> None:
    line = blocks._line(blocks._row(BLOCK))
    assert line.isprintable()
    assert line.startswith("2026-01-01T00:00:00Z")
    assert line.endswith("SQL (SQL-010: a union)                                         r0")


def test_an_engine_without_a_sane_clock_has_no_time() -> None:
    assert blocks.moment(None) == "-"


def test_an_explanation_says_who_decided_and_what_was_found() -> None:
    found = {
        "block": BLOCK,
        "causes": [{"resource": "DenyRules shop/web", "field": "spec.request", "reason": "SQL (a union)"}],
        "policy": "",
        "remedy": {"kind": "not offered", "reason": "the gateway has no configuration now"},
    }
    lines = list(explain_block._text(found))
    assert all(line.replace("\n", "").isprintable() for line in lines)
    text = "\n".join(lines)
    for part in (
        "blocked 2026-01-01T00:00:00Z",
        "says             DenyRules shop/web, spec.request",
        "found            SQL in Parameter q (its name) after url → html: union",
        "and 2 threats more",
        "No change is proposed: the gateway has no configuration now.",
    ):
        assert part in text


def test_what_passes_by_now_is_said() -> None:
    assert "lets this through" in "".join(explain_block._remedy({"kind": "none"}))
