from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml

from microgateway_cli.tokens import (
    GivenToken,
    KubeconfigToken,
    TokenError,
    Tokens,
    add_arguments,
    tokens,
)


def asked(*words: str) -> Tokens:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return tokens(parser.parse_args(words))


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MICROGATEWAY_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def kubeconfig(folder: Path, user: dict[str, object]) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": user}],
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    return path


def test_a_file_goes_before_the_environment_and_that_before_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked() == KubeconfigToken(None, None)
    monkeypatch.setenv("MICROGATEWAY_TOKEN", "from-environment\n")
    assert asked() == GivenToken("from-environment")
    (tmp_path / "token").write_text("from-file\n")
    assert asked("--token-file", str(tmp_path / "token")) == GivenToken("from-file")


def test_a_token_shows_in_no_representation() -> None:
    assert "hunter2" not in repr(GivenToken("hunter2"))


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "na\u00efve"])
def test_what_is_no_token_is_refused_without_telling_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(TokenError) as error:
        asked("--token-file", str(tmp_path / "token"))
    assert str(tmp_path / "token") in str(error.value)
    assert content == "" or content not in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="absent"):
        asked("--token-file", str(tmp_path / "absent"))


def test_a_kubeconfig_has_a_token_or_a_plugin_that_makes_one_or_none(tmp_path: Path) -> None:
    assert KubeconfigToken(kubeconfig(tmp_path, {"token": "t0ken"}), None).read() == "t0ken"
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\necho \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
        ' "status": {"token": "made"}}\'\n'
    )
    plugin.chmod(0o755)
    run = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "interactiveMode": "Never",
    }
    assert KubeconfigToken(kubeconfig(tmp_path, {"exec": run}), None).read() == "made"
    assert KubeconfigToken(kubeconfig(tmp_path, {}), None).read() is None


def test_a_kubeconfig_or_context_that_was_named_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert KubeconfigToken(None, None).read() is None
    with pytest.raises(TokenError, match="kubeconfig"):
        KubeconfigToken(tmp_path / "absent", None).read()
    with pytest.raises(TokenError, match="elsewhere"):
        KubeconfigToken(kubeconfig(tmp_path, {}), "elsewhere").read()
