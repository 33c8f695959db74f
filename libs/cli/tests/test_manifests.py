from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_cli.manifests import NoManifestsError, all_problems, read_manifests

GATEWAY = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: SidecarGateway
metadata: {name: a}
spec: {applications: [{routes: [{secured: {contentSecurityRef: {name: nix}}}]}]}
"""


def test_folders_and_files_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "below" / "a.yaml").write_text(GATEWAY)
    (tmp_path / "folder" / ".hidden.yaml").write_text("[")
    (tmp_path / "single.txt").write_text(GATEWAY.replace("name: a", "name: b"))
    pipeline = read_manifests([tmp_path / "folder", tmp_path / "single.txt"])
    assert sorted(pipeline.outcomes) == ["default/a", "default/b"]


def test_each_problem_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GATEWAY + "---\n[")
    found = [str(problem) for problem in all_problems(read_manifests([path]))]
    assert len(found) == len(set(found)) == 2
    assert any("a.yaml:" in text for text in found)


@pytest.mark.parametrize("name", ["none", "empty"])
def test_nothing_to_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoManifestsError, match=name):
        read_manifests([tmp_path / name])
