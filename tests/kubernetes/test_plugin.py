"""`kubectl microgateway`, run by a real kubectl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from chain import BIN
from guarded import AUDIENCE, BANK, SHOP, Guarded

pytestmark = [
    pytest.mark.slow,
    pytest.mark.kubernetes,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH"),
]


def run(*command: str, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """first: a folder before all others on PATH."""
    path = f"{BIN}:{os.environ['PATH']}"
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": path if first is None else f"{first}:{path}", "HOME": "/nonexistent"},
    )  # fmt: skip


def test_kubectl_finds_it_by_its_name() -> None:
    assert str(BIN / "kubectl-microgateway") in run("kubectl", "plugin", "list").stdout
    told = run("kubectl", "microgateway", "status", "--help")
    assert (told.returncode, told.stdout.startswith("usage: kubectl microgateway status")) == (0, True)


def test_it_is_the_same_command(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(guarded.token("shopkeeper", AUDIENCE))
    arguments = (
        "status",
        "--server",
        guarded.process.url,
        "--token-file",
        str(tmp_path / "token"),
        "-o",
        "json",
    )
    by_kubectl, by_name = (
        run(*words, *arguments) for words in (("kubectl", "microgateway"), ("microgateway",))
    )
    assert json.loads(by_kubectl.stdout)["gateways"] == json.loads(by_name.stdout)["gateways"]
    assert by_kubectl.returncode == by_name.returncode == 1  # the engine of the test has no configuration


def test_without_a_server_it_goes_to_the_cluster_of_the_kubeconfig(guarded: Guarded, tmp_path: Path) -> None:
    """No kubelet runs here: kubectl says what it looks for, and the way there is a stand-in's."""
    config = ("--kubeconfig", str(guarded.cluster.kubeconfig), "--context", "test")
    told = run("kubectl", "microgateway", "status", *config)
    assert told.returncode == 2
    assert "microgateway-config-api" in told.stderr
    assert "not found" in told.stderr

    port = guarded.process.url.rpartition(":")[2]
    stand_in = tmp_path / "kubectl"
    stand_in.write_text(f"#!/bin/sh\necho 'Forwarding from 127.0.0.1:{port} -> 8090'\nexec sleep 60\n")
    stand_in.chmod(0o755)
    told = run("kubectl-microgateway", "status", *config, first=tmp_path)
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == [f"{BANK}/main-0", f"{SHOP}/main-0"]
