"""`microgateway explain` on the example shop; what it proposes is what resources say."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from microgateway_cli import explain
from microgateway_inspection.kit.placing import Where, place

ROOT = Path(__file__).resolve().parents[3]
SHOP = ROOT / "examples/shop"
ATTACK = "1' union select password from users --"

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    def run_with(*arguments: str, manifests: Path = SHOP) -> int:
        parser = argparse.ArgumentParser()
        explain.add_arguments(parser)
        parsed = parser.parse_args([str(manifests), "--cache-dir", str(ROOT / "build"), *arguments])
        code: int = parsed.run(parsed)
        return code

    return run_with


def test_a_request_that_passes(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--curl", "curl http://shop.example/items?page=2") == 0
    text = capsys.readouterr().out
    assert "verdict          PASSED" in text
    assert "secured by ContentSecurity shop/shop" in text


def test_a_request_that_is_blocked(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--curl", f'curl http://shop.example/items --data-urlencode "q={ATTACK}"') == 1
    text = capsys.readouterr().out
    assert "BLOCKED with 400: SQL" in text
    assert "# DenyRules shop/shop: add to spec.request.builtIn.exceptions" in text


def test_a_file(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "request.http"
    file.write_text("GET /health?q=<script> HTTP/1.1\nHost: a\n\n")
    assert run("--request", str(file)) == 0
    assert "unsecured" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["curl 'http://a/health?q=<script>'", "$ curl \\\n  http://a/health"])
def test_a_command_as_text_or_in_a_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = tmp_path / "command"
    file.write_text(command)
    for given in (command, str(file)):
        assert run("--request", given) == 0
        assert "unsecured" in capsys.readouterr().out


def test_standard_input(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"http": {"request": {"method": "GET"}}, "url": {"path": "/../../etc/passwd"}}
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(line).encode())))
    assert run("--request", "-") == 1
    seen = capsys.readouterr()
    assert "BLOCKED with 400" in seen.out
    assert "neither query nor body" in seen.err


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_machines_read_it_too(
    run: Run, capsys: pytest.CaptureFixture[str], output: str, load: Callable[[str], Any]
) -> None:
    assert run("-o", output, "--curl", "curl http://shop.example/?coupon=a_b") == 1
    document = load(capsys.readouterr().out)
    assert document["verdict"] == "blocked"
    assert document["remedy"]["kind"] == "not offered"
    assert [each["step"] for each in document["steps"]][:2] == ["route", "parsing"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--curl", "wget a"), "begins with curl"),
        (("--curl", "curl a", "--port", "1"), r"expected a port of shop/shop (8080), got 1"),
        (
            ("--curl", "curl a", "--gateway", "a/b"),
            "expected a gateway of the manifests (shop/shop), got a/b",
        ),
        (("--request", "/no/such/file"), "No such file"),
    ],
)
def test_bad_input_says_why(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("microgateway explain: ")
    assert message in error


@pytest.mark.parametrize("where", list(Where))
def test_what_is_proposed_works_when_it_is_written_down(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], where: Where
) -> None:
    """The proposal goes into the manifests as it is printed, and the same request passes."""
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    request = tmp_path / "request.http"
    sent = place(ATTACK, where)
    target = f"{sent.path}{'?' if sent.query else ''}{sent.query}"
    head = [f"{sent.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.headers)]
    length = f"content-length: {len(sent.body)}"
    request.write_bytes("\r\n".join([*head, length, "", ""]).encode() + sent.body)

    assert run("-o", "json", "--request", str(request), manifests=folder) == 1
    changes = json.loads(capsys.readouterr().out)["remedy"]["changes"]
    rules = folder / "deny-rules.yaml"
    manifest = yaml.safe_load(rules.read_text())
    for change in changes:
        assert (change["resource"], change["action"]) == ("DenyRules shop/shop", "append")
        assert change["where"] == "spec.request.builtIn.exceptions"
        manifest["spec"]["request"]["builtIn"]["exceptions"].append(change["value"])
    rules.write_text(yaml.safe_dump(manifest))

    assert run("--request", str(request), manifests=folder) == 0
    assert "no threat: exceptions[1]" in capsys.readouterr().out
