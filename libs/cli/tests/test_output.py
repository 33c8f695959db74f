from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from microgateway_cli.output import ago, printable, show, show_each, table

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_column_is_as_wide_as_its_widest_cell_and_never_empty() -> None:
    assert table(("POD", "STATE"), [("shop/shop-0", "in_sync"), ("a", "")]) == (
        "POD           STATE\nshop/shop-0   in_sync\na             -\n"
    )


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert printable("Zürich") == "Zürich"
    assert "\x1b" not in table(("A",), [("\x1b]0;title\x07",)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200_000, "2d")],
)
def test_ages_are_told_as_kubectl_does(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_machines_get_data_and_people_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"pods": ["a"], "match": "\x1b"}
    show(data, "json", lambda: "text\n")
    assert json.loads(capsys.readouterr().out) == data
    show(data, "yaml", lambda: "text\n")
    assert yaml.safe_load(capsys.readouterr().out) == data
    show(data, "table", lambda: "text\n")
    assert capsys.readouterr().out == "text\n"


def test_one_by_one_each_is_a_line_of_json_or_a_document_of_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        show_each({"number": number}, "json", str)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"number": 1},
        {"number": 2},
    ]
    for number in (1, 2):
        show_each({"number": number}, "yaml", str)
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [{"number": 1}, {"number": 2}]
