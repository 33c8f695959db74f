"""`microgateway status` asks a real config-api."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from chain import BIN, eventually

from .conftest import Site, pod_without_engine

pytestmark = pytest.mark.slow


def status(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "microgateway"), "status", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_engine_in_sync_is_a_row_and_exit_code_0(site: Site) -> None:
    told = status("--server", site.url)
    assert told.returncode == 0, told.stderr
    head, row = told.stdout.splitlines()
    assert head.split() == ["POD", "GATEWAY", "STATE", "GENERATION", "AGE", "HEARD", "VERSION"]
    assert row.split()[:4] == ["shop/shop-0", "shop/shop", "in_sync", str(site.chain.generation())]


def test_machines_get_json_and_yaml(site: Site) -> None:
    as_json = json.loads(status("--server", site.url, "-o", "json").stdout)
    assert [each["pod"] for each in as_json["engines"]] == ["shop-0"]
    assert (
        yaml.safe_load(status("--server", site.url, "-o", "yaml").stdout)["gateways"] == as_json["gateways"]
    )


def test_others_are_left_out(site: Site) -> None:
    told = status("--server", site.url, "--namespace", "elsewhere")
    assert (told.returncode, len(told.stdout.splitlines())) == (0, 1)


def test_a_gateway_in_error_is_exit_code_1(site: Site) -> None:
    limits = site.chain.manifests / "limits.yaml"
    before = limits.read_text()
    try:
        limits.write_text(before.replace("nestingDepth: 20", "nestingDepth: deep"))
        told = eventually(lambda: _not_fine(site), "the error to show")
        assert told.returncode == 1
        assert "gateway shop/shop: Error" in told.stdout
    finally:
        limits.write_text(before)


def test_a_pod_without_engine_is_exit_code_1(site: Site) -> None:
    with pod_without_engine(site):
        told = eventually(lambda: _not_fine(site), "the pod to show")
    assert told.stdout.splitlines()[-1] == (
        "gateway shop/shop: Error, 0 of 1 pods not in sync, 1 pods without engine, 0 errors, 0 warnings"
    )


def test_pods_without_an_engine_that_speaks_are_rows_too(site: Site) -> None:
    labels = "{app: shop, sidecar.microgateway.airlock.com/inject: 'true'}"
    head = "apiVersion: v1\nkind: Pod\nmetadata: "
    pods = site.chain.manifests / "more-pods.yaml"
    pods.write_text(
        f"{head}{{name: late, namespace: shop, labels: {labels}}}\n---\n"
        f"{head}{{name: bare, namespace: shop, uid: '1', labels: {labels}}}\n"
        "spec: {containers: [{name: app, image: app}]}\n"
    )
    try:
        told = eventually(lambda: _not_fine(site), "the pods to show")
        assert told.returncode == 1
        rows = {line.split()[0]: line.split()[1:3] for line in told.stdout.splitlines()}
        assert rows["shop/late"] == ["shop/shop", "silent"]
        assert rows["shop/bare"] == ["shop/shop", "unprotected"]
        missing = json.loads(status("--server", site.url, "-o", "json").stdout)["missing"]
        assert [each["pod"] for each in missing] == ["late", "bare"]
    finally:
        pods.unlink()
    eventually(lambda: status("--server", site.url).returncode == 0, "the pods to go")


def _not_fine(site: Site) -> subprocess.CompletedProcess[str] | None:
    told = status("--server", site.url)
    return told if told.returncode else None


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "nonsense"])
def test_without_an_answer_it_says_so_and_exits_with_2(server: str) -> None:
    told = status("--server", server)
    assert told.returncode == 2
    assert "expected the config-api" in told.stderr
