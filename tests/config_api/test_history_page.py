"""Who changed what at a gateway, what is different since, and what a change would do."""

from __future__ import annotations

import pytest
from browser import serious_findings
from chain import ROOT, eventually
from playwright.sync_api import Locator, Page, ViewportSize, expect

from .conftest import Site, picture

pytestmark = pytest.mark.slow

PHONE = ViewportSize(width=375, height=720)
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

LIMITS = (ROOT / "examples/shop/limits.yaml").read_text()


def set_depth(site: Site, depth: int) -> None:
    """And wait for the engine to serve it."""
    before = site.chain.generation()
    site.chain.write("limits.yaml", LIMITS.replace("nestingDepth: 20", f"nestingDepth: {depth}"))
    eventually(lambda: site.chain.generation() > before, "the changed limits to be served")


def rows(page: Page, region: str) -> Locator:
    return page.get_by_role("region", name=region).get_by_role("row")


def test_a_change_is_in_the_history_by_itself_and_leads_to_its_difference(page: Page, site: Site) -> None:
    page.get_by_role("link", name="shop/shop").click()
    page.get_by_role("link", name="The whole history").click()
    expect(page.get_by_role("heading", name="History of shop/shop")).to_be_visible()
    try:
        set_depth(site, 31)
        newest = rows(page, "History").nth(1)
        expect(newest).to_contain_text("changed Limits shop/shop")
        expect(newest).to_contain_text("limits.yaml")
        expect(newest).to_contain_text("live")
        picture(page, "history")
        assert serious_findings(page) == []
        newest.get_by_role("link", name="What is different").click()
        expect(page.get_by_role("heading", name="What is different at shop/shop")).to_be_visible()
        expect(page.locator("main")).to_be_focused()
        row = rows(page, "Differences").nth(1)
        expect(row).to_contain_text("content_securities.shop.limits.request.json.nesting_depth")
        expect(row).to_contain_text("Limits shop/shop")
        expect(row.get_by_role("cell").nth(1)).to_have_text("20")
        expect(row.get_by_role("cell").nth(2)).to_have_text("31")
        assert serious_findings(page) == []
        picture(page, "diff")
    finally:
        set_depth(site, 20)


def test_any_two_configurations_are_compared(page: Page, site: Site) -> None:
    try:
        set_depth(site, 32)
        set_depth(site, 33)
        page.get_by_role("link", name="shop/shop").click()
        page.get_by_role("link", name="The whole history").click()
        expect(rows(page, "History").nth(1)).to_contain_text("live")
        rows(page, "History").nth(1).get_by_role("link", name="What is different").click()
        depth = page.get_by_role("row", name="nesting_depth")
        expect(depth.get_by_role("cell").nth(1)).to_have_text("32")
        page.get_by_label("Before").select_option(index=2)
        expect(depth.get_by_role("cell").nth(1)).to_have_text("20")
        expect(rows(page, "History")).to_have_count(3)
        page.get_by_label("Before").select_option(index=0)
        expect(page.get_by_text("None.")).to_be_visible()
    finally:
        set_depth(site, 20)


def test_manifests_are_tried_and_nothing_is_applied(page: Page, site: Site) -> None:
    generation = site.chain.generation()
    page.get_by_role("link", name="Dry run").click()
    expect(page.get_by_role("link", name="Dry run")).to_have_attribute("aria-current", "page")
    page.get_by_label("Manifests").fill(LIMITS.replace("nestingDepth: 20", "nestingDepth: 34"))
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("heading", name="shop/shop changed")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("row", name="nesting_depth")).to_contain_text("34")
    assert serious_findings(page) == []
    picture(page, "dry-run")
    page.get_by_label("Manifests").fill(LIMITS.replace("nestingDepth: 20", "nestingDepth: deep"))
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("heading", name="shop/shop refused")).to_be_visible()
    expect(page.locator(".note.bad", has_text="nestingDepth")).to_be_visible()
    page.get_by_label("They are all there is").check()
    page.get_by_label("Manifests").fill(LIMITS)
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("heading", name="shop/shop gone")).to_be_visible()
    assert site.chain.generation() == generation


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out_on_a_phone(page: Page, site: Site, theme: str) -> None:
    while page.get_by_role("button", name="Theme").inner_text() != f"Theme: {theme}":
        page.get_by_role("button", name="Theme").click()
    try:
        set_depth(site, 35)
        page.set_viewport_size(PHONE)
        for place, heading in (
            ("history", "History of shop/shop"),
            ("diff/previous/current", "What is different at shop/shop"),
        ):
            page.evaluate(f"location.hash = '#/gateways/shop/shop/{place}'")
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            assert serious_findings(page) == []
            assert not page.evaluate(WIDE)
    finally:
        set_depth(site, 20)
