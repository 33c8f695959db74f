from __future__ import annotations

import json
from pathlib import Path

import pytest

from microgateway_cni.plugin import journal
from microgateway_cni.plugin.journal import Journal
from microgateway_cni.plugin.settings import Settings


def test_a_line_goes_to_stderr_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log"
    written = Journal(Settings(log_file=str(file)), {"container.id": "c0ffee"})
    written.info("started\nand more", **{"microgateway.cni.outcome": "pass"})
    (line,) = file.read_text().splitlines()
    assert capsys.readouterr().err == line + "\n"
    fields = json.loads(line)
    assert fields["message"] == "started\nand more"
    assert fields["container.id"] == "c0ffee"
    assert fields["microgateway.cni.outcome"] == "pass"
    assert fields["ecs"] == {"version": "8.5"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    Journal(Settings(log_file="", log_level="error"), {}).info("quiet")
    Journal(Settings(log_file="", log_level="off"), {}).error("quiet")
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_written_costs_only_the_line(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    for path in (tmp_path, tmp_path / "no" / "log", tmp_path / "link"):
        Journal(Settings(log_file=str(path)), {}).info("lost")
    assert not target.exists()


def test_a_large_file_moves_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_FILE_BYTES", 300)
    file = tmp_path / "log"
    written = Journal(Settings(log_file=str(file)), {})
    for _ in range(3):
        written.info("x" * 100)
    assert (tmp_path / "log.1").exists()
