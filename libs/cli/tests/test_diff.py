from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from chain import BIN


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "microgateway"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["diff"], "expected a gateway, or manifests with -f"),
        (["diff", "shop/web", "-f", "x"], "expected a gateway, or manifests with -f"),
        (["diff", "shop"], "expected NAMESPACE/NAME"),
        (["diff", "shop/../x"], "expected"),
        (["diff", "shop/a/b"], "expected NAMESPACE/NAME"),
        (["diff", "shop/web?x"], "expected NAMESPACE/NAME"),
        (["history", "/web"], "expected NAMESPACE/NAME"),
        (["diff", "-f", "nothing-there"], "expected a file or folder of manifests"),
    ],
)
def test_wrong_usage_is_told_and_2(arguments: list[str], reason: str) -> None:
    told = run(*arguments, "--server", "http://127.0.0.1:1")
    assert told.returncode == 2
    assert reason in told.stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["no manifests", "no text"])
def test_a_folder_without_manifests_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.yaml").write_bytes(content)
    told = run("diff", "-f", str(tmp_path))
    assert told.returncode == 2
    assert str(tmp_path) in told.stderr
