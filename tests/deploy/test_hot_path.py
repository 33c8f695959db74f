"""What scripts/compile_hot_path.py lists can be compiled without becoming something else (decision 0022)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from chain import ROOT
from scripts.compile_hot_path import COMPILED

FOLDERS = {
    "microgateway_inspection": ROOT / "libs/inspection/src",
    "microgateway_engine": ROOT / "services/engine/src",
}
SOURCES = [
    FOLDERS[package] / package / f"{module}.py" for package, modules in COMPILED.items() for module in modules
]


def classes(source: Path) -> list[ast.ClassDef]:
    return [each for each in ast.walk(ast.parse(source.read_text())) if isinstance(each, ast.ClassDef)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parent.name}/{source.stem}")
def test_structs_of_msgspec_are_elsewhere(source: Path) -> None:
    """The compiler takes their options away, `frozen` among them."""
    assert not [each.name for each in classes(source) for base in each.bases if ast.unparse(base) == "Struct"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parent.name}/{source.stem}")
def test_enums_have_no_constructor(source: Path) -> None:
    """Members are made before the compiled class is there."""
    enums = [each for each in classes(source) if any(ast.unparse(base) == "Enum" for base in each.bases)]
    made = [each.name for each in enums for part in each.body if getattr(part, "name", "") == "__init__"]
    assert made == []
