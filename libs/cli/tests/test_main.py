"""The command as a shell runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MICROGATEWAY = Path(sys.executable).parent / "microgateway"

MANY = "".join(
    f"""---
apiVersion: microgateway.airlock.com/v1alpha1
kind: Limits
metadata: {{name: limits-{number}, namespace: shop}}
spec: {{unknown: 1}}
"""
    for number in range(500)
)


@pytest.mark.parametrize("manifests", ["", MANY], ids=["a short output", "one larger than a buffer"])
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(manifests: str, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text(manifests or "kind: Nothing")
    reading, writing = os.pipe()
    os.close(reading)
    command = [str(MICROGATEWAY), "validate", str(tmp_path)]
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert done.stderr == ""
    assert done.returncode == 128 + signal.SIGPIPE


def test_without_a_command_it_names_them() -> None:
    done = subprocess.run([MICROGATEWAY], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "COMMAND" in done.stderr
