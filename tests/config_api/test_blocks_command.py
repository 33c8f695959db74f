"""`microgateway blocks` and `microgateway explain REQUEST-ID` ask a real config-api."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
import yaml
from chain import BIN, PATIENCE, eventually

from .conftest import Site

pytestmark = pytest.mark.slow

ATTACK = "/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--"
SCRIPT = "/cart?note=%3Cscript%3Ealert(1)%3C/script%3E"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(site: Site) -> Run:
    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [str(BIN / "microgateway"), command, *arguments, "--server", site.url]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    return run


def attack(site: Site, path: str = ATTACK) -> str:
    """The id that a blocked client is shown."""
    answer = site.chain.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    return str(answer.json()["request_id"])


def kept(run: Run, request_id: str) -> None:
    eventually(lambda: run("explain", request_id).returncode != 2, "the block to be kept")


def test_blocks_are_rows_the_newest_last(site: Site, run: Run) -> None:
    first, second = attack(site), attack(site, SCRIPT)
    kept(run, second)
    told = run("blocks")
    assert told.returncode == 0, told.stderr
    head, *rows = told.stdout.splitlines()
    assert head.split() == ["TIME", "MODE", "GATEWAY", "CLIENT", "REQUEST", "WHY", "REQUEST-ID"]
    assert [row.split()[-1] for row in rows[-2:]] == [first, second]
    assert "XSS (XSS-010" in rows[-1]


def test_machines_get_json_and_yaml(site: Site, run: Run) -> None:
    kept(run, attack(site))
    found = json.loads(run("blocks", "--limit", "1", "-o", "json").stdout)["blocks"]
    assert [each["threats"][0]["rule_key"] for each in found] == ["SQL"]
    assert yaml.safe_load(run("blocks", "--limit", "1", "-o", "yaml").stdout)["blocks"] == found


def test_others_are_left_out(site: Site, run: Run) -> None:
    kept(run, attack(site))
    for arguments in (
        ("--namespace", "elsewhere"), ("--rule-key", "LDAP"), ("--mode", "log-only"), ("--gateway", "a/b"),
    ):  # fmt: skip
        told = run("blocks", *arguments)
        assert (told.returncode, len(told.stdout.splitlines())) == (0, 1), arguments
    assert len(run("blocks", "--rule-key", "SQL", "--since", "10m", "--limit", "1").stdout.splitlines()) == 2


def test_who_follows_sees_each_block_as_it_comes(site: Site) -> None:
    words = [
        str(BIN / "microgateway"),
        "blocks",
        "--follow",
        "--limit",
        "1",
        "-o",
        "json",
        "--server",
        site.url,
    ]
    request_id = attack(site)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            while json.loads(following.stdout.readline())["request_id"] != request_id:
                pass
            ids = [attack(site, path) for path in (ATTACK, SCRIPT, ATTACK)]
            assert [json.loads(following.stdout.readline())["request_id"] for _ in ids] == ids
        finally:
            following.terminate()
            following.wait(PATIENCE)


def test_a_block_is_explained_with_its_exception(site: Site, run: Run) -> None:
    request_id = attack(site)
    kept(run, request_id)
    told = run("explain", request_id)
    assert told.returncode == 1
    assert "because          SQL (SQL-010" in told.stdout
    assert "DenyRules shop/shop, spec.request.builtIn.settings" in told.stdout
    assert "# DenyRules shop/shop: add to spec.request.builtIn.exceptions" in told.stdout
    offered = yaml.safe_load(told.stdout.partition("lifts what was found:")[2])
    (exception,) = offered["spec"]["request"]["builtIn"]["exceptions"]
    assert exception["ruleKeys"] == ["SQL"]
    as_json = json.loads(run("explain", request_id, "-o", "json").stdout)
    assert as_json["remedy"]["changes"][0]["value"] == exception


def test_what_cannot_be_explained_says_why(run: Run) -> None:
    told = run("explain", "no-such-request")
    assert told.returncode == 2
    assert "expected that of a request that was blocked" in told.stderr
    told = run("explain", "examples/shop")
    assert told.returncode == 2
    assert "expected --request or --curl besides manifests" in told.stderr


def test_without_an_answer_it_says_so() -> None:
    words = [str(BIN / "microgateway"), "blocks", "--server", "http://127.0.0.1:1"]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "expected the config-api" in told.stderr
