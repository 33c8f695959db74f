from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from microgateway_cni import programs


def test_a_program_of_the_machine_is_found_by_its_path() -> None:
    assert programs.find("sh") in (["/bin/sh"], ["/usr/bin/sh"])
    assert programs.find("no-such-program") == []


def test_in_a_bundle_its_own_programs_come_first_with_their_own_loader(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "nft").touch()
    folder = str(tmp_path)
    assert programs.find("nft") == [f"{folder}/loader", "--library-path", folder, f"{folder}/tools/nft"]
    assert programs.find("sh") in (["/bin/sh"], ["/usr/bin/sh"])
    assert "LD_LIBRARY_PATH" not in programs.environment()


def test_outside_a_bundle_the_environment_is_ours_with_the_directories_of_roots_tools() -> None:
    assert programs.environment() == {**os.environ, "PATH": programs.DIRECTORIES}
    assert programs.DIRECTORIES.endswith("/usr/sbin:/sbin")
