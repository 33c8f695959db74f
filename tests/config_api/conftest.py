"""A real Chromium on the page of a real chain, with manifests of the tests' own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import yaml
from browser import chromium
from chain import BIN, ROOT, Chain, Service, eventually
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect

from microgateway_cli.processes import free_port

DESKTOP = ViewportSize(width=1280, height=900)

#: UPDATE_SCREENSHOTS=1 writes those of the documentation anew.
SCREENSHOTS = ROOT / "docs/images"


@dataclass(frozen=True, slots=True)
class Site:
    """chain: whose manifests a test may change. url: of the page."""

    chain: Chain
    url: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    port = free_port()
    with Chain(folder, ROOT / "examples/shop") as chain:
        config_api = Service(
            "config-api",
            [
                str(BIN / "microgateway-config-api"),
                "--listen",
                f"127.0.0.1:{port}",
                "--cache-dir",
                str(ROOT / "build"),
            ],
            folder / "config-api.log",
            {"MICROGATEWAY_REDIS": chain.redis.url},
        )  # fmt: skip
        config_api.start()
        url = f"http://127.0.0.1:{port}/"
        eventually(lambda: _in_sync(url), "the engine to be in sync")
        yield Site(chain, url)
        config_api.close()


@contextmanager
def pod_without_engine(site: Site) -> Iterator[None]:
    """A pod of the shop that an API server made before there was a webhook."""
    pod = yaml.safe_load((ROOT / "examples/shop/pod.yaml").read_text())
    pod["metadata"] |= {"name": "shop-old", "uid": "2f1e"}
    manifest = site.chain.manifests / "old.yaml"
    manifest.write_text(yaml.safe_dump(pod))
    try:
        yield
    finally:
        manifest.unlink()


def _in_sync(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}api/v1/engines", trust_env=False)
    except httpx.TransportError:
        return False
    items = answer.json().get("items", ())
    return any(each["sync"]["state"] == "in_sync" for each in items)


# Not longer: while Playwright runs, this thread has a running event loop, and other tests cannot have theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(site: Site, browser: Browser) -> Iterator[Page]:
    """The fleet in a window of its own, in which any request off the site is an error."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    strangers: list[str] = []
    complaints: list[str] = []

    def seen(request: Request) -> None:
        if not request.url.startswith(site.url):
            strangers.append(request.url)

    page.on("request", seen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(site.url)
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    yield page
    context.close()
    assert strangers == []
    assert complaints == []


#: Where a test keeps its manifests concerns nobody who looks at a picture.
WITHOUT_FOLDERS = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.data = texts.currentNode.data.replace(/\\/\\S*\\/manifests\\//g, "manifests/");
  }
}"""


def picture(page: Page, name: str) -> None:
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        SCREENSHOTS.mkdir(exist_ok=True)
        page.evaluate(WITHOUT_FOLDERS)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
