"""The page, as people use it."""

from __future__ import annotations

import time

import pytest
import yaml
from browser import serious_findings
from playwright.sync_api import Page, ViewportSize, expect

from .conftest import Site, picture, pod_without_engine

pytestmark = pytest.mark.slow

PHONE = ViewportSize(width=375, height=720)

ATTACK = "/products?q=' UNION SELECT password FROM users--"


def explain(page: Page, target: str) -> None:
    page.get_by_role("link", name="Explain").click()
    page.get_by_label("Path and query").fill(target)
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible(timeout=15_000)


def test_the_fleet_at_a_glance(page: Page) -> None:
    expect(page.get_by_text("1 of 1pods in sync")).to_be_visible()
    row = page.get_by_role("region", name="Gateways").get_by_role("row", name="shop/shop")
    expect(row).to_contain_text("Active")
    expect(page.get_by_role("region", name="Engines")).to_contain_text("in sync")
    expect(page.get_by_text("live", exact=False).first).to_be_visible()
    picture(page, "fleet")


def test_a_change_is_shown_by_itself(page: Page, site: Site) -> None:
    limits = site.chain.manifests / "limits.yaml"
    before = limits.read_text()
    try:
        limits.write_text(before.replace("nestingDepth: 20", "nestingDepth: deep"))
        expect(page.get_by_text("nestingDepth").first).to_be_visible()
        picture(page, "fleet-with-a-problem")
    finally:
        limits.write_text(before)
    expect(page.get_by_text("nestingDepth")).to_have_count(0)


def test_a_pod_without_engine_is_seen_in_the_fleet_and_named_at_its_gateway(page: Page, site: Site) -> None:
    with pod_without_engine(site):
        row = page.get_by_role("region", name="Gateways").get_by_role("row", name="shop/shop")
        expect(row).to_contain_text("1 of 1, 1 without an engine")
        page.get_by_role("link", name="shop/shop").click()
        pods = page.get_by_role("region", name="Pods without an engine")
        expect(pods).to_contain_text("shop/shop-old")
    expect(pods).to_have_count(0)


def test_a_gateway_shows_its_configuration_as_a_tree_that_stays_open(page: Page, site: Site) -> None:
    page.get_by_role("link", name="shop/shop").click()
    tree = page.locator(".tree")
    tree.locator("summary", has_text="applications").first.click()
    expect(tree.get_by_text("8080").first).to_be_visible()
    picture(page, "gateway")
    limits = site.chain.manifests / "limits.yaml"
    before = limits.read_text()
    generation = site.chain.generation()
    try:
        limits.write_text(before.replace("nestingDepth: 20", "nestingDepth: 21"))
        while site.chain.generation() == generation:
            time.sleep(0.01)
        page.wait_for_timeout(500)
        expect(tree.get_by_text("8080").first).to_be_visible()
    finally:
        limits.write_text(before)


def test_from_a_block_to_an_exception_that_lets_it_through(page: Page, site: Site) -> None:
    explain(page, ATTACK)
    expect(page.locator(".note.bad")).to_contain_text("blocked")
    expect(page.get_by_text("SQL").first).to_be_visible()
    picture(page, "explain")
    offered = page.locator("section pre").first.inner_text()
    exception = yaml.safe_load(offered)[0]
    assert exception["ruleKeys"]

    rules = next(
        path for path in site.chain.manifests.glob("*.yaml") if "kind: DenyRules" in path.read_text()
    )
    before = rules.read_text()
    documents = list(yaml.safe_load_all(before))
    for each in documents:
        if each["kind"] == "DenyRules":
            built_in = each["spec"].setdefault("request", {}).setdefault("builtIn", {})
            built_in.setdefault("exceptions", []).append(exception)
    try:
        generation = site.chain.generation()
        rules.write_text(yaml.safe_dump_all(documents))
        while site.chain.generation() == generation:
            time.sleep(0.01)
        page.get_by_role("button", name="Explain").click()
        expect(page.locator(".note.good")).to_contain_text("passed", timeout=15_000)
    finally:
        rules.write_text(before)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out(page: Page, theme: str) -> None:
    while page.get_by_role("button", name="Theme").inner_text() != f"Theme: {theme}":
        page.get_by_role("button", name="Theme").click()
    assert serious_findings(page) == []
    picture(page, f"fleet-{theme}")
    page.get_by_role("link", name="shop/shop").click()
    expect(page.get_by_role("heading", name="Conditions")).to_be_visible()
    assert serious_findings(page) == []
    explain(page, ATTACK)
    assert serious_findings(page) == []


def test_the_keyboard_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in ("Fleet", "Blocks", "Explain"):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Explain")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Path and query")).to_be_visible()
    expect(page.locator("main")).to_be_focused()


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    picture(page, "phone")
    explain(page, ATTACK)
    assert not page.evaluate(wide)


def test_names_are_never_markup(page: Page, site: Site) -> None:
    stray = site.chain.manifests / "stray.yaml"
    try:
        stray.write_text("kind: <img src=x onerror=alert(1)>\napiVersion: v1\nmetadata: {name: a}\n")
        page.wait_for_timeout(1000)
        assert page.locator("main img").count() == 0
    finally:
        stray.unlink()
