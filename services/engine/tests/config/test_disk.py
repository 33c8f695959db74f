"""The last good bundle on disk: whole or not at all, and never a reason to fail."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from microgateway_engine.config.disk import FILE_NAME, LastGood, OnThread


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    disk = LastGood(tmp_path / "state" / "engine")
    assert disk.load() is None
    disk.save(b"one")
    disk.save(b"two")
    assert LastGood(tmp_path / "state" / "engine").load() == b"two"
    assert [path.name for path in (tmp_path / "state" / "engine").iterdir()] == [FILE_NAME]


def test_the_assignment_has_a_file_of_its_own(tmp_path: Path) -> None:
    disk = OnThread(LastGood(tmp_path))
    disk.save_assignment(b"assigned")
    disk.save(b"bundle")
    disk.forget()
    disk.close()
    assert (disk.load(), disk.load_assignment()) == (None, b"assigned")


def test_what_was_forgotten_is_gone(tmp_path: Path) -> None:
    disk = LastGood(tmp_path)
    disk.forget()
    disk.save(b"one")
    disk.forget()
    assert disk.load() is None
    assert list(tmp_path.iterdir()) == []


def test_half_a_write_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = LastGood(tmp_path)
    disk.save(b"whole")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    disk.save(b"half")
    assert disk.load() == b"whole"


def test_a_disk_that_cannot_be_used_is_reported_and_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no directory")
    disk = LastGood(tmp_path / "file" / "state")
    with caplog.at_level(logging.WARNING):
        disk.save(b"one")
        assert disk.load() is None
        disk.forget()
    assert "cannot write" in caplog.text
    assert "cannot read" in caplog.text
    assert str(tmp_path / "file") in caplog.text


def test_without_a_directory_nothing_is_kept() -> None:
    disk = LastGood(None)
    disk.save(b"one")
    assert disk.load() is None
    disk.forget()


def test_on_a_thread_writes_keep_their_order(tmp_path: Path) -> None:
    disk = OnThread(LastGood(tmp_path))
    disk.save(b"one")
    disk.forget()
    disk.save(b"two")
    disk.close()
    assert disk.load() == b"two"
