from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_config_api.settings import ByCluster, Everybody, from_arguments


@pytest.fixture(autouse=True)
def _no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("MICROGATEWAY_ACCESS", raising=False)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What it says."""
    with pytest.raises(SystemExit) as ended:
        from_arguments(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("listen", ["127.0.0.1:8090", "127.9.9.9:1", "[::1]:8090", "localhost:8090"])
def test_on_the_loopback_nobody_is_asked_unless_it_is_said(listen: str) -> None:
    assert from_arguments(["--listen", listen]).access == Everybody()
    server = ("--access", "kubernetes", "--api-server", "https://10.96.0.1")
    assert isinstance(from_arguments(["--listen", listen, *server]).access, ByCluster)


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", "[::]:8090", "10.0.0.1:8090", "localhost.example:8090"])
def test_anywhere_else_it_has_to_be_said(capsys: pytest.CaptureFixture[str], listen: str) -> None:
    assert "expected --access kubernetes, or --access local" in refused(capsys, "--listen", listen)
    assert from_arguments(["--listen", listen, "--access", "local"]).access == Everybody()


def test_in_a_pod_the_api_server_is_the_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    monkeypatch.setenv("MICROGATEWAY_ACCESS", "kubernetes")
    account = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    assert from_arguments(["--listen", "0.0.0.0:8090"]).access == ByCluster(
        "https://[fd00::1]:6443", account / "ca.crt", account / "token"
    )


@pytest.mark.parametrize("server", [(), ("--api-server", "http://10.96.0.1")])
def test_tokens_are_never_sent_in_the_clear(
    capsys: pytest.CaptureFixture[str], server: tuple[str, ...]
) -> None:
    assert "expected to run in a pod" in refused(capsys, "--access", "kubernetes", *server)


def test_a_mode_that_there_is_not_is_refused_also_from_a_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "expected kubernetes or local, got 'none'" in refused(capsys, "--access", "none")
    monkeypatch.setenv("MICROGATEWAY_ACCESS", "open")
    assert "got 'open'" in refused(capsys)
