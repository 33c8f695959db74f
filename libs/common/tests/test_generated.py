"""Generated files are written, or named when they are not current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microgateway_common.generated import write_or_check

SCRIPTS = Path(__file__).parents[3] / "scripts"


def run(monkeypatch: pytest.MonkeyPatch, root: Path, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["generate", *arguments])
    return write_or_check({root / "folder/a.txt": "new\n", root / "b.txt": "same\n"}, "Write files.", root)


def test_a_check_names_what_differs_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.txt").write_text("same\n")
    assert run(monkeypatch, tmp_path, "--check") == 1
    assert capsys.readouterr().err == "folder/a.txt is not current\n"
    assert not (tmp_path / "folder").exists()


def test_what_was_written_is_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path) == 0
    assert capsys.readouterr().out == "wrote folder/a.txt\nwrote b.txt\n"
    assert (tmp_path / "folder/a.txt").read_text() == "new\n"
    assert run(monkeypatch, tmp_path, "--check") == 0
    assert run(monkeypatch, tmp_path) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("script", ["generate_crds.py", "generate_reference.py"])
def test_what_is_generated_in_the_repository_is_current(script: str) -> None:
    command = [sys.executable, str(SCRIPTS / script), "--check"]
    check = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (check.returncode, check.stderr) == (0, "")
