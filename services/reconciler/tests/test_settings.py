from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_common.settings import RedisUrl
from microgateway_reconciler.kubernetes.target import (
    AllNamespaces,
    InCluster,
    Kubeconfig,
    Namespaces,
    NamespacesLabelled,
)
from microgateway_reconciler.settings import (
    KEY_LIFETIME,
    KEY_OVERLAP,
    FromDirectory,
    FromKubernetes,
    KeysInFolder,
    KeysInSecrets,
    NoKeys,
    parse,
)
from microgateway_reconciler.trust.keeper import Given
from microgateway_reconciler.trust.life import Policy

IN_CLUSTER = ["--source", "kubernetes", "--lease-namespace", "mgw"]


def from_kubernetes(*arguments: str) -> FromKubernetes:
    source = parse([*IN_CLUSTER, *arguments]).source
    assert isinstance(source, FromKubernetes)
    return source


def test_a_flag_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGATEWAY_TRUST", "unsigned")
    monkeypatch.setenv("MICROGATEWAY_REDIS", "redis://variable:1")
    monkeypatch.setenv("MICROGATEWAY_MANIFESTS", "/a:/b")

    settings = parse([])
    assert settings.redis == Given(RedisUrl("redis://variable:1"))
    assert settings.source == FromDirectory((Path("/a"), Path("/b")))
    settings = parse(["--redis", "redis://flag:1", "--manifests", "/c", "--manifests", "/d"])
    assert settings.redis == Given(RedisUrl("redis://flag:1"))
    assert settings.source == FromDirectory((Path("/c"), Path("/d")))


def test_keys_are_in_secrets_unless_told_otherwise() -> None:
    policy = Policy(KEY_LIFETIME, KEY_OVERLAP)
    assert parse(IN_CLUSTER).trust == KeysInSecrets("microgateway-keys", "microgateway-bootstrap", "", policy)
    assert parse([*IN_CLUSTER, "--trust", "unsigned"]).trust == NoKeys()
    bundled = parse([*IN_CLUSTER, "--redis-server-secret", "microgateway-redis"]).trust
    assert isinstance(bundled, KeysInSecrets)
    assert (bundled.redis_server, bundled.redis_reader) == ("microgateway-redis", "microgateway-redis-reader")
    folder = parse(["--manifests", "/a", "--trust", "folder", "--trust-dir", "/t", "--key-overlap", "2.5"])
    assert folder.trust == KeysInFolder(Path("/t"), Policy(KEY_LIFETIME, 2.5))


def test_namespaces_are_all_or_listed_or_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_kubernetes().scope == AllNamespaces()
    assert from_kubernetes("--namespaces", "b, a,,b").scope == Namespaces(("b", "a"))
    labels = "team in (a,b)"
    assert from_kubernetes("--namespace-selector", labels).scope == NamespacesLabelled(labels)
    monkeypatch.setenv("MICROGATEWAY_NAMESPACES", "shop")
    assert from_kubernetes().scope == Namespaces(("shop",))


def test_a_pod_uses_its_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("POD_NAME", "reconciler-x")
    (tmp_path / "namespace").write_text("mgw\n")
    source = parse(["--source", "kubernetes", "--service-account", str(tmp_path)]).source

    assert isinstance(source, FromKubernetes)
    assert source.access == InCluster(tmp_path)
    assert source.lease_namespace == "mgw"
    assert source.identity.startswith("reconciler-x_")


def test_each_process_has_an_identity_of_its_own() -> None:
    assert from_kubernetes().identity != from_kubernetes().identity


def test_outside_a_cluster_there_is_a_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert from_kubernetes("--context", "dev").access == Kubeconfig(None, "dev")
    assert from_kubernetes("--kubeconfig", "/k").access == Kubeconfig(Path("/k"), None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--manifests or MICROGATEWAY_MANIFESTS"),
        (["--manifests", "/a", "--log-level", "loud"], "expected one of trace"),
        (["--manifests", "/a", "--metrics-listen", "nowhere"], "expected HOST:PORT"),
        (["--source", "git"], "expected directory or kubernetes, got 'git'"),
        (["--source", "kubernetes"], "--lease-namespace or MICROGATEWAY_LEASE_NAMESPACE"),
        (["--manifests", "/a"], "--source directory needs --trust folder, or --trust unsigned"),
        (["--manifests", "/a", "--trust", "me"], "expected secrets, folder or unsigned, got 'me'"),
        (["--manifests", "/a", "--trust", "folder"], "--trust folder needs --trust-dir"),
        (["--manifests", "/a", "--trust", "secrets"], "--trust secrets needs --source kubernetes"),
        ([*IN_CLUSTER, "--key-overlap", "0"], "expected seconds, more than 0, got '0'"),
        (
            [*IN_CLUSTER, "--redis-server-secret", "r", "--redis-credentials", "/r"],
            "expected --redis-server-secret or --redis-credentials, got both",
        ),
        (
            [*IN_CLUSTER, "--redis-server-secret", "r", "--redis", "rediss+sentinel://a,b/mymaster"],
            "--redis-server-secret: expected the one Redis that is ours",
        ),
        ([*IN_CLUSTER, "--redis", "rediss://me:secret@redis"], "expected a URL without user and password"),
        ([*IN_CLUSTER, "--manifests", "/a"], "expected --source directory with it"),
        ([*IN_CLUSTER, "--namespaces", "a", "--namespace-selector", "b"], "got both"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MICROGATEWAY_MANIFESTS", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(SystemExit) as exit_:
        parse(arguments)

    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def write_config(folder: Path, spec: str) -> str:
    path = folder / "operator-config.yaml"
    path.write_text(f"apiVersion: config.airlock.com/v1alpha1\nkind: OperatorConfig\nspec: {spec}\n")
    return str(path)


def test_the_operator_config_names_the_namespaces_and_the_log_level(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = write_config(tmp_path, "{watchNamespaces: [shop, billing], logLevel: debug}")
    monkeypatch.setenv("MICROGATEWAY_OPERATOR_CONFIG", config)

    assert from_kubernetes().scope == Namespaces(("shop", "billing"))
    assert parse(IN_CLUSTER).log_level == "debug"
    assert from_kubernetes("--namespaces", "flag").scope == Namespaces(("flag",))
    assert from_kubernetes("--namespace-selector", "a=b").scope == NamespacesLabelled("a=b")
    assert parse([*IN_CLUSTER, "--log-level", "warn"]).log_level == "warn"

    labelled = write_config(tmp_path, "{watchNamespaceSelector: {matchLabels: {team: a}}}")
    assert from_kubernetes("--operator-config", labelled).scope == NamespacesLabelled("team=a")
    silent = write_config(tmp_path, "{watchNamespaces: [], watchNamespaceSelector: {}}")
    assert from_kubernetes("--operator-config", silent).scope == AllNamespaces()
    assert parse([*IN_CLUSTER, "--operator-config", silent]).log_level == "info"


def test_a_wrong_operator_config_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parse([*IN_CLUSTER, "--operator-config", write_config(tmp_path, "{watchNamespace: [a]}")])
    assert "did you mean watchNamespaces?" in capsys.readouterr().err
