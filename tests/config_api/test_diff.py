"""`microgateway history` and `microgateway diff` ask a real config-api of a real chain."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from chain import BIN, ROOT, eventually

from .conftest import Site

pytestmark = pytest.mark.slow


def run(site: Site, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "microgateway"), *arguments, "--server", site.url]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)


LIMITS = (ROOT / "examples/shop/limits.yaml").read_text()


def limits(depth: int | str) -> str:
    return LIMITS.replace("nestingDepth: 20", f"nestingDepth: {depth}")


def newest(site: Site) -> int:
    """Generation of the newest entry."""
    entries = json.loads(run(site, "history", "shop/shop", "-o", "json").stdout)["entries"]
    return int(entries[0]["generation"])


def later(site: Site, generation: int) -> int | None:
    found = newest(site)
    return found if found > generation else None


@pytest.fixture
def changed(site: Site) -> Iterator[int]:
    """The generation in which the limits were changed, as history knows it."""
    before = eventually(lambda: newest(site), "a history")
    site.chain.write("limits.yaml", limits(21))
    generation = eventually(lambda: later(site, before), "the change in the history")
    yield generation
    site.chain.write("limits.yaml", LIMITS)
    eventually(lambda: site.chain.generation() > generation, "the old limits")


def test_the_history_names_who_changed_what(site: Site, changed: int) -> None:
    told = run(site, "history", "shop/shop")
    assert told.returncode == 0, told.stderr
    head, row, *_ = told.stdout.splitlines()
    assert head.split() == ["GENERATION", "AGE", "STATE", "CHANGE", "OBJECT", "BY"]
    assert row.split()[0] == str(changed)
    assert row.split()[2:5] == ["live", "changed", "Limits"]
    assert row.endswith("limits.yaml")


def test_the_last_change_is_shown_and_exit_code_1(site: Site, changed: int) -> None:
    told = run(site, "diff", "shop/shop")
    assert told.returncode == 1, told.stderr
    assert "~ content_securities.shop.limits.request.json.nesting_depth: 20 → 21   (Limits shop/shop)" in (
        told.stdout.splitlines()
    )
    assert f"{changed} changed Limits shop/shop by" in told.stdout
    back = json.loads(run(site, "diff", "shop/shop", str(changed), "previous", "-o", "json").stdout)
    assert [(each["old"], each["new"]) for each in back["differences"]] == [(21, 20)]
    same = run(site, "diff", "shop/shop", "current", "current")
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "no difference")


def test_manifests_are_tried_and_nothing_is_applied(site: Site) -> None:
    generation = site.chain.generation()
    told = run(site, "diff", "-f", "-", stdin=limits(33))
    assert told.returncode == 1, told.stderr
    assert told.stdout.splitlines()[0] == "gateway shop/shop changes"
    assert "nesting_depth: 20 → 33" in told.stdout
    refused = yaml.safe_load(run(site, "diff", "-f", "-", "-o", "yaml", stdin=limits("deep")).stdout)
    assert [each["verdict"] for each in refused["gateways"]] == ["refused"]
    unchanged = run(site, "diff", "-f", str(ROOT / "examples/shop"))
    assert (unchanged.returncode, unchanged.stdout) == (0, "gateway shop/shop unchanged\n")
    gone = run(site, "diff", "-f", "-", "--complete", stdin=limits(20))
    assert "gateway shop/shop goes" in gone.stdout
    assert site.chain.generation() == generation


def test_problems_name_file_and_line(site: Site) -> None:
    told = run(site, "diff", "-f", "-", stdin="a: [\n")
    assert told.returncode == 1
    assert told.stdout.startswith("error: standard input:1: ")


def test_what_is_not_there_is_told_and_exit_code_2(site: Site) -> None:
    told = run(site, "diff", "shop/shp")
    assert (told.returncode, told.stdout) == (2, "")
    assert "shop/shop" in told.stderr
    assert run(site, "diff", "shop/shop", "17").returncode == 2
