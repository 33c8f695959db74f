"""docs/headers.md is what the compiler's lists make, and names each header of each list."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microgateway_common.ir.header_rewrites import HeaderAddition, HeaderGroup
from microgateway_common.ir.matching import AnyString
from microgateway_compiler.compile import headers

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/headers.md"
BUILT_IN = {
    name: each for name, each in vars(headers).items() if isinstance(each, HeaderGroup | HeaderAddition)
}


def test_it_is_current() -> None:
    script = ROOT / "scripts/generate_headers.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, check=False, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_names_every_header(name: str) -> None:
    text = PAGE.read_text("utf-8")
    match BUILT_IN[name]:
        case HeaderGroup(headers=matches):
            for each in matches:
                assert not isinstance(each.name, AnyString)
                assert f"`{each.name.value}`" in text
        case HeaderAddition(headers=(added,)):
            assert f"`{added.name}`" in text
