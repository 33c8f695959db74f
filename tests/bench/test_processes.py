"""Processes end, and are counted while they run."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from bench import Void
from bench.accounting import cpu_seconds, cpu_use, family, memory
from bench.processes import accepts, await_true, free_address, require, running

CPU = min(os.sched_getaffinity(0))

needs_util_linux = pytest.mark.skipif(
    not all(map(shutil.which, ("taskset", "setpriv"))), reason="taskset and setpriv are not installed"
)

# The signal must wait to be taken, not end the parent before its child.
PARENT = """
import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("started", flush=True)
signal.sigwait([signal.SIGTERM])
child.kill()
"""


@needs_util_linux
def test_a_process_is_pinned_counted_with_its_children_and_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("parent", [sys.executable, "-c", PARENT], CPU, log) as process:
        await_true("a line", process, lambda: b"started" in log.read_bytes(), 10)
        assert os.sched_getaffinity(process.pid) == {CPU}
        members = family(process.pid)
        assert len(members) == 2
        before = cpu_seconds(process.pid)
        await_true("CPU time", process, lambda: cpu_seconds(process.pid) >= before + 0.1, 10)
        held = memory(process.pid)
        assert 0 < held.pss <= held.rss
    assert process.process.returncode == 0
    assert not Path(f"/proc/{process.pid}").exists()


@needs_util_linux
def test_a_process_that_ends_early_shows_its_last_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no such file')"
    with (
        pytest.raises(Void, match=r"broken: ended with 1\n    no such file"),
        running("broken", [sys.executable, "-c", code], CPU, tmp_path / "log") as process,
    ):
        await_true("never", process, lambda: False, 10)


@needs_util_linux
def test_patience_ends(tmp_path: Path) -> None:
    with (
        pytest.raises(Void, match=r"sleeper: expected a miracle within 0\.05 s"),
        running("sleeper", ["sleep", "60"], CPU, tmp_path / "log") as process,
    ):
        await_true("a miracle", process, lambda: False, 0.05)


def test_what_is_not_installed_is_named() -> None:
    require("sh")
    with pytest.raises(Void, match="expected no-such-program on PATH"):
        require("sh", "no-such-program")


def test_nobody_listens_on_a_free_address() -> None:
    assert not accepts(free_address())


def test_cpu_use_grows() -> None:
    before = cpu_use(CPU)
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    after = cpu_use(CPU)
    assert after.programs >= before.programs
    assert after.stolen >= before.stolen
    with pytest.raises(LookupError, match="cpu99999"):
        cpu_use(99999)
