"""Fixtures of the acceptance tests: the sandbox with its page, and a real browser."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize, sync_playwright

from sandbox.town import Town, open_town
from tests.acceptance.slack_page import SlackPage
from tests.conftest import leave_out

MANIFEST = Path(__file__).parent.parent.parent / "manifest.yml"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root Chromium has no sandbox; nothing it does by itself may reach for the network.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZE: ViewportSize = {"width": 1280, "height": 800}


def _chromium(playwright: Playwright) -> str:
    named = os.environ.get("POSTINO_CHROMIUM")
    if named:
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    own = playwright.chromium.executable_path
    if found is None and not Path(own).exists():
        leave_out("There is no Chromium: install the package chromium, or run `playwright install chromium`.")
    return found or own


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real Chromium: POSTINO_CHROMIUM, the system's, or Playwright's own."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=_chromium(playwright), args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def served_town() -> Iterator[Town]:
    """The sandbox and its page, served once for all tests."""
    with open_town(manifest=MANIFEST) as town:
        yield town


@pytest.fixture
def town(served_town: Town) -> Town:
    """The sandbox as new: Postino's manifest, one Mailchimp account with an empty audience."""
    served_town.reset()
    return served_town


@pytest.fixture
def browser_page(browser: Browser, caplog: pytest.LogCaptureFixture) -> Iterator[Page]:
    """A browser tab; fails if the page's script or its server reported an error."""
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    with browser.new_context(viewport=SIZE, accept_downloads=True) as context:
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
    wrong += [
        record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR and record.name == "nicegui"
    ]
    assert wrong == []


@pytest.fixture
def slack_page(town: Town, browser_page: Page) -> SlackPage:
    """Ada, an administrator, before the channel #marketing."""
    slack = SlackPage(browser_page, town.page_url)
    slack.open()
    return slack
