from __future__ import annotations

import gc

import pytest

from microgateway_engine import main, start


def test_the_collector_works_again_when_the_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []
    monkeypatch.setattr(main, "main", lambda: seen.append((gc.isenabled(), gc.get_freeze_count() > 0)))
    try:
        start.main()
    finally:
        gc.unfreeze()
    assert seen == [(True, True)]
