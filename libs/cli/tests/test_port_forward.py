"""With a stand-in for kubectl, whose own port-forward needs a kubelet; the real kubectl runs the plugin in
tests/kubernetes/test_plugin.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chain import eventually

from microgateway_cli.port_forward import PortForwardError, forwarded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def kubectl(folder: Path, script: str) -> None:
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$@" >{folder}/arguments\necho $$ >{folder}/pid\n{script}\n')
    program.chmod(0o755)


def test_the_port_that_kubectl_chose_is_used_until_the_end(folder: Path) -> None:
    kubectl(folder, "echo 'Forwarding from 127.0.0.1:4711 -> 8090'; exec sleep 60")
    with forwarded("mine", folder / "config", "there") as url:
        assert url == "http://127.0.0.1:4711"
        pid = int((folder / "pid").read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (folder / "arguments").read_text().split() == [
        "port-forward", "--address=127.0.0.1", "--namespace=mine", f"--kubeconfig={folder}/config",
        "--context=there", "deploy/microgateway-config-api", ":8090",
    ]  # fmt: skip


def test_many_connections_do_not_hold_it_up(folder: Path) -> None:
    lines = "i=0; while [ $i -lt 5000 ]; do echo 'Handling connection for 4711'; i=$((i+1)); done"
    kubectl(
        folder, f"echo 'Forwarding from 127.0.0.1:4711 -> 8090'; {lines}; touch {folder}/done; exec sleep 60"
    )
    with forwarded("mine", None, None):
        eventually((folder / "done").exists, "all lines to be read")


def test_why_there_is_no_way_is_said_in_kubectls_words(folder: Path) -> None:
    kubectl(folder, "echo 'Error from server (NotFound): deployments.apps not found' >&2; exit 1")
    with pytest.raises(PortForwardError, match="apps not found"), forwarded("mine", None, None):
        pass


def test_a_machine_without_kubectl_is_told_of_the_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PortForwardError, match="give --server"), forwarded("mine", None, None):
        pass
