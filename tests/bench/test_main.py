"""What the command line asks for."""

from __future__ import annotations

import pytest

from bench.__main__ import PARTS, parse


def test_all_parts_by_default() -> None:
    options = parse([])
    assert options.parts == PARTS
    assert not options.quick


def test_parts_run_in_their_order() -> None:
    assert parse(["--only", "kubernetes", "--only", "dataplane"]).parts == ("dataplane", "kubernetes")


def test_a_quick_look_is_bounded() -> None:
    options = parse(["--quick"])
    assert (options.rounds.rounds, options.rounds.seconds, options.quick) == (1, 1, True)
    assert options.longest < parse([]).longest


@pytest.mark.parametrize("arguments", [["--only", "everything"], ["--rounds", "0"]])
def test_nonsense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert "error: argument" in capsys.readouterr().err
