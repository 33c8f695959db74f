"""Edits arrive whole, one revision after the other."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.reload import FIRST, HEADER, Editor


def test_each_edit_is_a_new_file_with_the_next_revision(tmp_path: Path) -> None:
    manifests, drafts = tmp_path / "manifests", tmp_path / "drafts"
    manifests.mkdir()
    drafts.mkdir()
    editor = Editor(manifests, drafts)

    assert editor.begin() == FIRST
    saved = manifests / "header-rewrites.yaml"
    assert _header(saved) == {"name": HEADER, "value": FIRST}

    with saved.open() as reader:  # who has the old file open reads it to its end
        assert [editor.edit(), editor.edit()] == ["revision-1", "revision-2"]
        assert FIRST in reader.read()
    assert _header(saved) == {"name": HEADER, "value": "revision-2"}
    assert not list(drafts.iterdir())


def _header(manifest: Path) -> object:
    return yaml.safe_load(manifest.read_text())["spec"]["response"]["add"]["custom"][0]["headers"][0]
