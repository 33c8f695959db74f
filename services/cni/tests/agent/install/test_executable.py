from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from microgateway_cni.agent.install import executable


def bundle(path: Path, says: str) -> Path:
    (path / "lib").mkdir(parents=True)
    plugin = path / "microgateway-cni"
    plugin.write_text(f'#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/lib/word"; echo {says}\n')
    plugin.chmod(0o755)
    (path / "lib" / "word").write_text("says ")
    return path


def said(directory: Path) -> str:
    return subprocess.run([directory / "microgateway-cni"], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bridge").write_text("the primary's")
    return tmp_path / "bin"


def test_a_file_is_copied_and_runs(tmp_path: Path, binaries: Path) -> None:
    source = tmp_path / "plugin"
    source.write_text("#!/bin/sh\necho one\n")
    assert executable.install(source, binaries)
    assert not executable.install(source, binaries)
    assert said(binaries) == "one\n"


def test_a_folder_is_installed_behind_a_link_and_upgraded(tmp_path: Path, binaries: Path) -> None:
    assert executable.install(bundle(tmp_path / "1", "one"), binaries)
    assert not executable.install(tmp_path / "1", binaries)
    assert said(binaries) == "says one\n"
    assert executable.install(bundle(tmp_path / "2", "two"), binaries)
    assert said(binaries) == "says two\n"
    # The older one may still be running.
    assert len(list(binaries.glob(".microgateway-cni-*"))) == 2


def test_an_old_folder_goes_after_an_hour(
    tmp_path: Path, binaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable.install(bundle(tmp_path / "1", "one"), binaries)
    executable.install(bundle(tmp_path / "2", "two"), binaries)
    monkeypatch.setattr(executable, "_KEEP_SECONDS", -1.0)
    executable.install(tmp_path / "2", binaries)
    assert len(list(binaries.glob(".microgateway-cni-*"))) == 1
    assert said(binaries) == "says two\n"


@pytest.mark.parametrize("damage", ["rm lib/word", "echo x >> lib/word", "chmod 644 microgateway-cni"])
def test_a_damaged_folder_is_put_right(tmp_path: Path, binaries: Path, damage: str) -> None:
    executable.install(bundle(tmp_path / "1", "one"), binaries)
    subprocess.run(["sh", "-c", damage], cwd=(binaries / "microgateway-cni").resolve().parent, check=True)
    assert executable.install(tmp_path / "1", binaries)
    assert said(binaries) == "says one\n"


def test_a_copy_that_was_cut_off_is_made_anew(tmp_path: Path, binaries: Path) -> None:
    (binaries / ".microgateway-cni-incomplete" / "lib").mkdir(parents=True)
    executable.install(bundle(tmp_path / "1", "one"), binaries)
    assert said(binaries) == "says one\n"


def test_uninstalling_leaves_what_is_not_ours(tmp_path: Path, binaries: Path) -> None:
    executable.install(bundle(tmp_path / "1", "one"), binaries)
    executable.uninstall(binaries)
    executable.uninstall(binaries)
    assert [path.name for path in binaries.iterdir()] == ["bridge"]


def test_a_folder_without_the_plugin_is_named(tmp_path: Path, binaries: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected a folder with microgateway-cni in it"):
        executable.install(tmp_path / "empty", binaries)
