"""A real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

#: As root Chromium has no sandbox; the others keep it from calling home.
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    *(("--no-sandbox",) if os.geteuid() == 0 else ()),
)

expect.set_options(timeout=60_000)  # milliseconds; of a busy machine


@contextmanager
def chromium() -> Generator[Browser]:
    """Skips the test where there is none. Until it is closed this thread has a running event loop."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


def serious_findings(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds that keeps somebody from using the page."""
    found = Axe().run(page).response["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
