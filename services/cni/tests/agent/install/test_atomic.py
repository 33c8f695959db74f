from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from microgateway_cni.agent.install import atomic


def test_a_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert atomic.write(path, b"one", 0o600)
    inode = path.stat().st_ino
    assert not atomic.write(path, b"one", 0o600)
    assert path.stat().st_ino == inode
    assert atomic.write(path, b"one", 0o644)
    assert atomic.write(path, b"two", 0o644)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another user")
def test_a_rewritten_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    path.chmod(0o640)
    os.chown(path, 1234, 5678)
    assert atomic.rewrite(path, b"two")
    there = path.stat()
    assert (there.st_mode & 0o777, there.st_uid, there.st_gid) == (0o640, 1234, 5678)
    assert not atomic.rewrite(path, b"two")


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_in_the_middle_leaves_the_file_whole(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "10-net.conflist"
    path.write_bytes(b"the primary's")
    crashing = f"""
import os, pathlib, signal, sys
def crash(*_): os.kill(os.getpid(), signal.SIGKILL)
{moment} = crash
from microgateway_cni.agent.install import atomic
atomic.write(pathlib.Path(sys.argv[1]), b"ours" * 10_000, 0o644)
"""
    done = subprocess.run([sys.executable, "-c", crashing, str(path)], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"the primary's"
    (aside,) = set(tmp_path.iterdir()) - {path}
    assert aside.suffix not in (".conf", ".conflist", ".json")
    atomic.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.write(tmp_path / "directory", b"", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["directory"]


def test_a_link_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "link"
    assert atomic.link(path, "one")
    assert not atomic.link(path, "one")
    assert atomic.link(path, "two")
    assert str(path.readlink()) == "two"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert atomic.remove(tmp_path / "file")
    assert not atomic.remove(tmp_path / "file")
