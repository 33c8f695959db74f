from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import ROOT, Chain


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """The shop, protected and ready."""
    with Chain(tmp_path, ROOT / "examples" / "shop") as started:
        yield started
