from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_compiler.operator_config_file import OperatorConfigError, read_operator_config

HEAD = "apiVersion: config.airlock.com/v1alpha1\nkind: OperatorConfig\nmetadata: {name: microgateway}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "operator.yaml"
    path.write_text(text)
    return path


def test_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, f"# ours\n{HEAD}spec: {{watchNamespaces: [shop]}}\n")
    assert read_operator_config(path).spec.watch_namespaces == ("shop",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{HEAD}spec: {{sidecar: {{mode: auto}}}}",
            "spec.sidecar.mode: expected one of Auto, Native, Container",
        ),
        (f"{HEAD}spec: {{sidecar: {{engine: {{imag: x}}}}}}", "did you mean image?"),
        (
            f"{HEAD}spec: {{sidecar: {{engine: {{resources: {{limits: {{cpu: lots}}}}}}}}}}",
            "spec.sidecar.engine.resources.limits.cpu: expected a quantity such as 500m or 128Mi",
        ),
        (
            f"{HEAD}spec: {{watchNamespaces: [Shop]}}",
            "operator.yaml:1: spec.watchNamespaces[0]: expected text",
        ),
        ("kind: OperatorConfig", "apiVersion: expected"),
        ("a: [", "operator.yaml:1"),
        (f"{HEAD}---\n{HEAD}", "expected one OperatorConfig, got 2 documents"),
        ("", "expected one OperatorConfig, got 0 documents"),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OperatorConfigError) as raised:
        read_operator_config(write(tmp_path, text))
    assert message in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_operator_config(tmp_path / "none.yaml")
