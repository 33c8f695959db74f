from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from microgateway_cni.kube.access import Access, AccessError, from_kubeconfig, in_cluster, to_kubeconfig


def test_a_kubeconfig_survives_its_file(tmp_path: Path) -> None:
    access = Access(urlsplit("https://[fd00::1]:6443"), "-----BEGIN CERTIFICATE-----\n", "/here/token")
    (tmp_path / "kubeconfig").write_bytes(to_kubeconfig(access, Path("/there/token")))
    assert from_kubeconfig(tmp_path / "kubeconfig") == access._replace(token_file="/there/token")


def test_what_the_kubelet_gives_a_pod_is_enough(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    (tmp_path / "token").write_text("secret\n")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = in_cluster(environment, tmp_path)
    assert access.url.geturl() == "https://[fd00::1]:443"
    assert access.token() == "secret"


def test_outside_a_cluster_the_variables_are_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="KUBERNETES_SERVICE_HOST and _PORT: expected"):
        in_cluster({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected a kubeconfig as JSON"),
        ("apiVersion: v1", "expected a kubeconfig as JSON"),
        ("[]", "expected one cluster with a server"),
        ('{"clusters": [{"cluster": {"server": "https://h"}}]}', "expected one cluster with a server"),
        (
            '{"clusters": [{"cluster": {"server": "ftp://h"}}], "users": [{"user": {"tokenFile": "t"}}]}',
            r"expected http\(s\)://HOST:PORT, got 'ftp://h'",
        ),
        (
            '{"clusters": [{"cluster": {"server": "https://h", "certificate-authority-data": "?"}}],'
            ' "users": [{"user": {"tokenFile": "t"}}]}',
            "certificate-authority-data: expected PEM in base64",
        ),
    ],
)
def test_a_bad_kubeconfig_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(AccessError, match=f"{tmp_path}/kubeconfig: {problem}"):
        from_kubeconfig(tmp_path / "kubeconfig")
