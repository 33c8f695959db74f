"""Nothing that sees requests uses an expression that can backtrack: attackers would choose how long it takes.

Hyperscan and RE2 are linear. Modules of the standard library that run `re` inside are not, or not certainly.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (ROOT / "libs/inspection/src", ROOT / "services/engine/src")

#: Modules, and what they run expressions on.
BACKTRACKING = {
    "re": "whatever it is given",
    "regex": "whatever it is given",
    "fnmatch": "names",
    "glob": "names",
    "html": "text to unescape",
    "html.parser": "markup",
    "http.cookies": "Cookie headers",
    "http.cookiejar": "Set-Cookie headers",
    "email": "header fields",
    "string": "templates",
    "textwrap": "text",
    "xml.sax": "markup",
    "difflib": "pairs of texts, in quadratic time",
}


def _imports(tree: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Module and names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ()
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, tuple(alias.name for alias in node.names)


def _is_backtracking(module: str, names: tuple[str, ...]) -> bool:
    if module == "html.entities" or (module == "html" and names == ("escape",)):
        return False  # a table; a replacement of characters
    modules = (module, *(f"{module}.{name}" for name in names))
    return any(each == known or each.startswith(f"{known}.") for each in modules for known in BACKTRACKING)


def _files() -> list[Path]:
    return sorted(file for source in SOURCES for file in source.rglob("*.py"))


def test_there_is_something_to_check() -> None:
    assert len(_files()) > 60


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_backtracking(file: Path) -> None:
    found = [
        module
        for module, names in _imports(ast.parse(file.read_text("utf-8")))
        if _is_backtracking(module, names)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["import re", "from re import compile", "import os, fnmatch", "def f():\n    from http import cookies"],
)
def test_the_check_sees_them(source: str) -> None:
    assert any(_is_backtracking(module, names) for module, names in _imports(ast.parse(source)))
