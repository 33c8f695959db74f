"""`microgateway validate` and `compile`: the exact object and field, exit code 1; the good ones 0."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml
from chain import BIN, ROOT

from microgateway_common.ir.gateway import GatewayConfig

GATEWAY = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: SidecarGateway
metadata: {name: good, namespace: shop}
spec: {applications: [{containerPort: 8080}]}
"""


def microgateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "microgateway"), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def resource(kind: str, spec: str, name: str = "bad") -> str:
    return (
        f"apiVersion: microgateway.airlock.com/v1alpha1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            resource("SidecarGateway", "{applications: [{containerport: 8080}]}"),
            "SidecarGateway shop/bad: spec.applications[0].containerport: "
            "expected one of the known fields (did you mean containerPort?), got containerport",
        ),
        (
            resource("Limits", "{request: {limited: {json: {keyCount: many}}}}"),
            "Limits shop/bad: spec.request.limited.json.keyCount: expected an integer, got string",
        ),
        (
            resource(
                "DenyRules",
                "{request: {custom: {rules: [{ruleKey: A, blockData: {path: {matcher: {regex: '('}}}}]}}}",
            ),
            "DenyRules shop/bad: spec.request.custom.rules[0].blockData.path.matcher.regex: "
            "expected a regular expression in RE2 syntax",
        ),
        (
            resource(
                "SidecarGateway", "{applications: [{routes: [{secured: {contentSecurityRef: {name: nix}}}]}]}"
            ),
            "SidecarGateway shop/bad: spec.applications[0].routes[0].secured.contentSecurityRef.name: "
            "expected a ContentSecurity named nix in namespace shop, got none",
        ),
    ],
    ids=["unknown field", "wrong type", "bad regex", "dangling reference"],
)
@pytest.mark.parametrize("neighbour", ["", GATEWAY + "---\n"], ids=["alone", "beside a good one"])
def test_the_fault_is_named(tmp_path: Path, document: str, expected: str, neighbour: str) -> None:
    path = tmp_path / "manifests.yaml"
    path.write_text(neighbour + document)
    done = microgateway("validate", str(path))
    assert done.returncode == 1
    assert f"error: {expected}" in done.stdout
    assert done.stdout.count("error:") == 1
    assert done.stderr == ""
    if neighbour:
        compiled = yaml.safe_load(microgateway("compile", str(path)).stdout)
        assert "shop/good" in compiled


@pytest.mark.parametrize("path", ["examples/shop", "examples/shop/gateway.yaml"])
def test_the_good_ones(path: str) -> None:
    done = microgateway("validate", str(ROOT / path))
    if path.endswith("shop"):
        assert (done.returncode, done.stdout) == (0, "1 gateway, 0 errors, 0 warnings\n")
    else:
        assert done.returncode == 1  # alone, its references lead nowhere
        assert "expected a ContentSecurity named shop" in done.stdout


def test_a_gateway_with_defaults_alone_is_good(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(GATEWAY)
    assert microgateway("validate", str(path)).returncode == 0


def test_what_compile_prints_is_the_ir() -> None:
    done = microgateway("compile", str(ROOT / "examples/shop"), "--output", "json")
    assert done.returncode == 0
    configurations = msgspec.json.decode(done.stdout, type=dict[str, GatewayConfig])
    assert [route.path_prefix for route in configurations["shop/shop"].applications[0].routes] == [
        "/health",
        "/",
    ]


@pytest.mark.parametrize("arguments", [["validate"], ["validate", "/nowhere"], ["nonsense"], []])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert microgateway(*arguments).returncode == 2


def test_a_gateway_that_is_not_there() -> None:
    done = microgateway("compile", str(ROOT / "examples/shop"), "--gateway", "shop/none")
    assert done.returncode == 1
    assert "shop/shop" in done.stderr
