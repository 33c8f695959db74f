"""The properties that fuzzing tests hold for what it begins with, and the script finds a broken one.

`make fuzz` searches for inputs that break them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = _ROOT / "scripts/fuzz.py"


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"loaded_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TARGETS: list[Path] = _load(_SCRIPT).targets()


def test_there_are_targets() -> None:
    assert {each.stem for each in _TARGETS} >= {"decoding", "parsing", "policy", "http1", "exchange"}


@pytest.mark.parametrize("target", _TARGETS, ids=lambda each: each.stem)
def test_seeds_break_nothing(target: Path) -> None:
    module = _load(target)
    assert module.INSTRUMENT
    for seed in (*module.SEEDS, b"", b"\0", b"\xff" * 40):
        for end in (len(seed), len(seed) // 2, len(seed) * 3 // 4):
            module.check(seed[:end])


def test_one_input_can_be_run_again(tmp_path: Path) -> None:
    broken = tmp_path / "target.py"
    broken.write_text("def check(data: bytes) -> None:\n    assert data != b'x', 'broken'\n")
    outcomes = {}
    for data in (b"x", b"y"):
        file = tmp_path / data.decode()
        file.write_bytes(data)
        command = [sys.executable, str(_SCRIPT), "--reproduce", str(broken), str(file)]
        outcomes[data] = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcomes[b"x"].returncode != 0
    assert "AssertionError: broken" in outcomes[b"x"].stderr
    assert outcomes[b"y"].returncode == 0
