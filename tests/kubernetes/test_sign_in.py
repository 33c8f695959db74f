"""The page where the config-api asks who somebody is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import chromium, serious_findings
from chain import eventually
from guarded import AUDIENCE, BANK, HOME, SHOP, Guarded
from playwright.sync_api import Browser, Page, Request, expect
from viewers import create_account

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

#: Seconds until what the API server said is asked again, and some.
FORGETTING = 30.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def sent() -> list[Request]:
    """Whatever the page has asked for."""
    return []


@pytest.fixture
def page(guarded: Guarded, browser: Browser, sent: list[Request]) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("request", lambda request: sent.append(request))  # noqa: PLW0108 - it writes to what it gets
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(guarded.process.url)
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    yield page
    context.close()
    assert errors == []


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_token_opens_what_its_owner_may_see_and_follows_it_live(
    page: Page, guarded: Guarded, sent: list[Request]
) -> None:
    assert serious_findings(page) == []
    token = guarded.token("shopkeeper", AUDIENCE)
    sign_in(page, token)
    expect(page.get_by_role("region", name="Gateways")).to_contain_text(f"{SHOP}/main")
    expect(page.get_by_role("banner")).to_contain_text("shopkeeper")
    expect(page.locator("#connection")).to_contain_text("live")
    assert BANK not in page.locator("body").inner_text()
    assert serious_findings(page) == []

    with page.expect_response(lambda answer: "/api/v1/gateways" in answer.url):
        guarded.change(SHOP)
    assert all(token not in each.url for each in sent)
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie").find(token) == -1
    page.get_by_role("link", name=f"{SHOP}/main").click()
    expect(page.get_by_role("heading", name="Conditions")).to_be_visible()


def test_signing_out_forgets_the_token(page: Page, guarded: Guarded) -> None:
    token = guarded.token("overseer", AUDIENCE)
    sign_in(page, token)
    expect(page.get_by_role("region", name="Gateways")).to_contain_text(f"{BANK}/main")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_wrong_token_is_refused_with_the_reason(page: Page) -> None:
    sign_in(page, "rubbish")
    expect(page.get_by_role("alert")).to_contain_text("one that it does not know")
    assert page.evaluate("sessionStorage.length") == 0


def test_who_may_see_nothing_is_told_which_right_is_missing(page: Page, guarded: Guarded) -> None:
    sign_in(page, guarded.token("nobody", AUDIENCE))
    expect(page.get_by_text("expected the right to list sidecargateways")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_an_open_page_closes_when_its_token_is_void(page: Page, guarded: Guarded) -> None:
    create_account(guarded.cluster, HOME, "leaver", [SHOP])
    sign_in(page, guarded.token("leaver", AUDIENCE))
    expect(page.get_by_role("region", name="Gateways")).to_contain_text(f"{SHOP}/main")
    guarded.cluster.kubectl("delete", "serviceaccount", "-n", HOME, "leaver")

    def closed() -> bool:
        guarded.change(SHOP)
        page.wait_for_timeout(500)
        return page.get_by_role("heading", name="Who are you?").is_visible()

    eventually(closed, "the page to ask again", FORGETTING)
    assert SHOP not in page.locator("main").inner_text()
