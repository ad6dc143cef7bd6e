"""Fixtures of the acceptance tests: the sandbox with its page, and a real browser."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize, expect, sync_playwright

from sandbox.town import Town, open_town
from tests.acceptance.office import Office, at_work
from tests.acceptance.slack_page import SlackPage
from tests.conftest import leave_out
from tests.integration.slack_office import Office as Clockwork
from tests.integration.slack_office import open_office
from tests.integration.slack_world import Served

MANIFEST = Path(__file__).parent.parent.parent / "manifest.yml"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root Chromium has no sandbox; nothing it does by itself may reach for the network.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
expect.set_options(timeout=15_000)  # as long as a person at the page waits
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure stands what the page showed then."""
    report = yield
    page = getattr(item, "funcargs", {}).get("browser_page")
    if report.when == "call" and report.failed and page is not None:
        report.sections.append(("The page", page.locator("body").aria_snapshot()))
    return report


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


@pytest.fixture(scope="module")
def office(served_town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Postino at work in the sandbox, for all walks of a module: each finds what those before it have left."""
    with at_work(served_town, tmp_path_factory.mktemp("office")) as at:
        yield at


@pytest.fixture(scope="module")
def clockwork(served_town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clockwork]:
    """Postino in this process, so that its clock can be moved and its duties are done when a walk says so."""
    town = served_town
    served = Served(town.workspace, town.slack_url, town.world, town.mailchimp_url)
    with open_office(served, tmp_path_factory.mktemp("clockwork")) as clockwork:
        yield clockwork
    served.stop()


@pytest.fixture
def ada(office: Office | Clockwork, served_town: Town, browser_page: Page) -> SlackPage:
    """Ada, an administrator, before the channel #exports, with Postino at work and no modal open."""
    served_town.workspace.stacks.clear()
    slack = SlackPage(browser_page, served_town.page_url)
    browser_page.set_viewport_size({"width": 1280, "height": 1300})
    slack.open(channel="C0EXPORTS")
    return slack
