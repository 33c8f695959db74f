from __future__ import annotations

import argparse
import io
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from microgateway_cli import explain_injection, inject
from microgateway_cli.manifests import NoManifestsError

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {sidecar.microgateway.airlock.com/inject: "true"}}
    spec:
      containers:
        - {name: web, image: web:1, livenessProbe: {httpGet: {port: 8080}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
"""


def run(module: ModuleType, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    given = parser.parse_args(arguments)
    code: int = given.run(given)
    return code


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "deploy.yaml"
    path.write_text(DEPLOYMENT)
    return path


def test_every_document_comes_back_and_injecting_again_changes_nothing(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(inject, ["-f", str(manifest)]) == 0
    once = capsys.readouterr().out
    deployment, service = yaml.safe_load_all(once)
    names = [each["name"] for each in deployment["spec"]["template"]["spec"]["initContainers"]]
    assert names == ["airlock-microgateway-network-validator", "airlock-microgateway-engine"]
    assert service == list(yaml.safe_load_all(DEPLOYMENT))[1]

    manifest.write_text(once)
    assert run(inject, ["-f", str(manifest)]) == 0
    assert capsys.readouterr().out == once


def test_standard_input_and_an_older_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(DEPLOYMENT.encode())))
    assert run(inject, ["-f", "-", "--server-version", "1.28"]) == 0
    deployment, _ = yaml.safe_load_all(capsys.readouterr().out)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in containers] == ["airlock-microgateway-engine", "web"]


def test_what_is_refused_is_said_and_left_out(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text(DEPLOYMENT.replace("spec:\n      cont", "spec:\n      hostNetwork: true\n      cont"))
    assert run(inject, ["-f", str(manifest)]) == 1
    output = capsys.readouterr()
    assert [each["kind"] for each in yaml.safe_load_all(output.out)] == ["Service"]
    assert output.err.startswith("error: Deployment shop/web: spec.hostNetwork: expected false, got true")


def test_what_is_not_there_is_said(tmp_path: Path, manifest: Path) -> None:
    with pytest.raises(NoManifestsError, match="nothing there"):
        run(inject, ["-f", str(tmp_path / "none.yaml")])
    with pytest.raises(NoManifestsError, match="expected"):
        run(inject, ["-f", str(manifest), "--operator-config", str(manifest)])


def test_explained(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(explain_injection, ["-f", str(manifest)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Deployment shop/web: gets the gateway",
        "  engine: native sidecar, image microgateway/engine:dev, user 13378",
        "  probe: livez of web goes through the engine",
    ]


def test_a_pod_of_a_cluster_is_explained(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "uid": "1f2e",
            "labels": {"sidecar.microgateway.airlock.com/inject": "true"},
        },
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    manifest.write_text(yaml.safe_dump(pod))
    assert run(explain_injection, ["-f", str(manifest)]) == 1
    assert "Pod shop/web-1: asks for the gateway and runs without it" in capsys.readouterr().out

    assert run(inject, ["-f", str(manifest)]) == 0
    manifest.write_text(capsys.readouterr().out)
    assert run(explain_injection, ["-f", str(manifest)]) == 0
    assert capsys.readouterr().out.startswith("Pod shop/web-1: has the gateway\n")
    assert run(explain_injection, ["-f", str(manifest), "--image-tag", "2"]) == 0
    assert "has the gateway of another template" in capsys.readouterr().out
