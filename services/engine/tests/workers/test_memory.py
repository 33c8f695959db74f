from __future__ import annotations

import os
from pathlib import Path

from microgateway_engine.workers.memory import shared_out


def test_what_processes_share_counts_once(tmp_path: Path) -> None:
    for pid, pss in ((1, 100), (2, 50)):
        (tmp_path / str(pid)).mkdir()
        text = f"55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  999 kB\nPss:  {pss} kB\nPss_Anon:  1 kB\n"
        (tmp_path / str(pid) / "smaps_rollup").write_text(text)
    assert shared_out([1, 2, 3], tmp_path) == 150 * 1024


def test_this_process() -> None:
    assert 1_000_000 < shared_out([os.getpid()]) < 10_000_000_000
