"""From a block, as it comes, to why, and to an exception that lets the request through."""

from __future__ import annotations

import re
import time

import pytest
import yaml
from browser import serious_findings
from playwright.sync_api import Locator, Page, ViewportSize, expect

from .conftest import Site, picture

pytestmark = pytest.mark.slow

PHONE = ViewportSize(width=375, height=720)
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

ATTACK = "/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--"


def attack(site: Site, path: str = ATTACK) -> str:
    """The request id that a blocked client is shown."""
    answer = site.chain.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    found = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.text)
    assert found is not None
    return found[0]


def rows(page: Page) -> Locator:
    return page.get_by_role("region", name="Blocks").get_by_role("row")


def open_blocks(page: Page) -> None:
    page.get_by_role("link", name="Blocks", exact=True).click()
    expect(page.get_by_role("heading", name="Recent blocks")).to_be_visible()


def test_a_block_appears_by_itself_and_leads_to_an_exception(page: Page, site: Site) -> None:
    open_blocks(page)
    request_id = attack(site, "/cart?note=%3Cscript%3Ealert(1)%3C/script%3E")
    link = rows(page).nth(1).get_by_role("link", name="GET /cart")
    expect(link).to_be_visible()
    request_id = attack(site)
    link = page.locator(f'a[href="#/blocks/{request_id}"]')
    expect(link).to_be_visible()
    expect(rows(page).nth(1)).to_contain_text("SQL")
    expect(rows(page).nth(1)).to_contain_text("in Parameter q (value)")
    picture(page, "blocks")
    link.click()
    expect(page.get_by_role("heading", name="Why was this request blocked?")).to_be_visible()
    expect(page.locator(".note.bad")).to_contain_text("SQL")
    expect(page.locator(".note.bad")).to_contain_text("DenyRules shop/shop")
    picture(page, "block")

    exception = yaml.safe_load(page.locator("main pre").first.inner_text())[0]
    rules = site.chain.manifests / "deny-rules.yaml"
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
        assert site.chain.get(ATTACK).status_code == 200
        page.reload()
        expect(page.get_by_text("The configuration of now lets this through.")).to_be_visible()
    finally:
        rules.write_text(before)


def test_lists_are_narrowed_without_losing_the_field(page: Page, site: Site) -> None:
    attack(site)
    open_blocks(page)
    expect(rows(page).nth(1)).to_be_visible()
    field = page.get_by_label("Rule key or limit")
    field.fill("LDAP")
    field.press("Enter")
    expect(page.get_by_text("No blocks.")).to_be_visible()
    expect(field).to_be_focused()
    attack(site)
    field.fill("SQL")
    field.press("Enter")
    expect(rows(page).nth(1)).to_contain_text("SQL")
    page.get_by_label("What became of it").select_option("logged only")
    expect(page.get_by_text("No blocks.")).to_be_visible()
    expect(field).to_have_value("SQL")


def test_a_request_id_is_looked_up(page: Page, site: Site) -> None:
    request_id = attack(site)
    open_blocks(page)
    expect(page.locator(f'a[href="#/blocks/{request_id}"]')).to_be_visible()
    page.get_by_label("Request id").fill(f" {request_id} ")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("definition").first).to_have_text(request_id)


def test_what_clients_send_is_never_markup(page: Page, site: Site) -> None:
    open_blocks(page)
    request_id = attack(site, "/<img%20src=x>?q=<img/src=x/onerror=alert(1)>&<b>=<script>alert(1)</script>")
    link = page.locator(f'a[href="#/blocks/{request_id}"]')
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    assert page.locator("main img, main b, main script").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out(page: Page, site: Site, theme: str) -> None:
    while page.get_by_role("button", name="Theme").inner_text() != f"Theme: {theme}":
        page.get_by_role("button", name="Theme").click()
    request_id = attack(site)
    open_blocks(page)
    link = page.locator(f'a[href="#/blocks/{request_id}"]')
    expect(link).to_be_visible()
    assert serious_findings(page) == []
    link.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    assert serious_findings(page) == []


def test_the_keyboard_is_enough_and_a_new_block_takes_nothing_away(page: Page, site: Site) -> None:
    request_id = attack(site)
    open_blocks(page)
    link = page.locator(f'a[href="#/blocks/{request_id}"]')
    expect(link).to_be_visible()
    link.focus()
    another = attack(site)
    expect(page.locator(f'a[href="#/blocks/{another}"]')).to_be_visible()
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    expect(page.locator("main")).to_be_focused()


def test_it_fits_a_phone(page: Page, site: Site) -> None:
    page.set_viewport_size(PHONE)
    request_id = attack(site, "/" + "a" * 200 + ATTACK)
    open_blocks(page)
    link = page.locator(f'a[href="#/blocks/{request_id}"]')
    expect(link).to_be_visible()
    assert not page.evaluate(WIDE)
    picture(page, "blocks-phone")
    link.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    assert not page.evaluate(WIDE)
