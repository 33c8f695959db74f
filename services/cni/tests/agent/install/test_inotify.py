from __future__ import annotations

import os
import time
from pathlib import Path

from microgateway_cni.agent.install.inotify import Watcher


def waited(watcher: Watcher, wake: int, seconds: float) -> float:
    started = time.monotonic()
    watcher.wait(seconds, wake)
    return time.monotonic() - started


def test_a_change_before_the_wait_ends_it_at_once(tmp_path: Path) -> None:
    quiet, _ = os.pipe()
    with Watcher([tmp_path, tmp_path / "missing"]) as watcher:
        (tmp_path / "file").write_text("one")
        assert waited(watcher, quiet, 5) < 2
        assert waited(watcher, quiet, 0.1) >= 0.1
        (tmp_path / "file").rename(tmp_path / "other")
        assert waited(watcher, quiet, 5) < 2
        (tmp_path / "other").unlink()
        assert waited(watcher, quiet, 5) < 2


def test_the_wait_ends_when_told(tmp_path: Path) -> None:
    quiet, wake = os.pipe()
    with Watcher([tmp_path]) as watcher:
        os.write(wake, b"x")
        assert waited(watcher, quiet, 5) < 2
