"""An office that works with Postino: what the walks through the product begin with, and what they do again and again."""

from __future__ import annotations

import io
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FloatRect, Locator, expect

from bot.demonstrating import postino
from sandbox import demo_data
from sandbox.town import Town
from tests.acceptance.slack_page import SlackPage
from tests.block_kit import complaints

PROFILES = 2_000
AIR = 12
COLOURS = 256
"""Enough for text and a few icons, at a third of the size."""
REFRESHED = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0) - timedelta(days=4)
"""When the source was refreshed first: there is room for further refreshes before now."""


@dataclass(frozen=True)
class Office:
    """The sandbox as it is when Postino is at work in it, and the folder that Postino reads."""

    town: Town
    source: Path

    def stored(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """What Postino's database answers to an SQL question, asked from outside beside the running Postino."""
        file = self.source.parent / "home" / "postino.sqlite"
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(question, values).fetchall()


@contextmanager
def at_work(town: Town, folder: Path) -> Iterator[Office]:
    """Postino in a process of its own, reading demo data; at the end every message it sent must have been valid."""
    town.reset()
    demo_data.generate(folder / "source", profiles=PROFILES, refresh=REFRESHED)
    with postino(town.addresses(), folder):
        yield Office(town, folder / "source")
    assert complaints(town.workspace.emitted) == []


def keep_picture(slack: SlackPage, name: str, *parts: Locator) -> None:
    """A screenshot into the folder POSTINO_PICTURES, where pictures are wanted: of these parts, or of the whole page."""
    if "POSTINO_PICTURES" not in os.environ:
        return
    folder = Path(os.environ["POSTINO_PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    slack.page.mouse.move(0, 0)  # what it points at shows buttons that nobody asked for
    taken = slack.page.screenshot(clip=_around(slack, parts) if parts else None)
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    picture.save(folder / f"{name}.png", optimize=True)


def home_down_to(slack: SlackPage, text: str | None = None) -> tuple[Locator, Locator]:
    """For a picture: App Home from its tabs to its last part, or to the one with that text."""
    parts = slack.home.locator("> *")
    return slack.page.get_by_role("tablist"), (parts.filter(has_text=text) if text else parts).last


def _around(slack: SlackPage, parts: tuple[Locator, ...]) -> FloatRect:
    """The part of the window that shows all of them, with a little air below what stands in the page."""
    parts[-1].scroll_into_view_if_needed()
    boxes = [box for part in parts if (box := part.bounding_box())]
    size = slack.page.viewport_size
    assert boxes
    assert size
    left, top = max(0, min(box["x"] for box in boxes)), max(0, min(box["y"] for box in boxes))
    right = min(size["width"], max(box["x"] + box["width"] for box in boxes))
    air = 0 if slack.modal.count() else AIR
    bottom = min(size["height"], max(box["y"] + box["height"] for box in boxes) + air)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def set_up(slack: SlackPage, town: Town, *segments: str, name: str = "Coffee letter", key: bool = True) -> Locator:
    """The wizard from the command to the confirmation, with an API key or on the connection that is there."""
    slack.say("/postino-connect")
    modal = slack.wait_for_modal("Set up destination")
    expect(modal).to_contain_text("Step 1 of 4")
    slack.fill("Display name", name)
    if key:
        slack.click("Use an API key")
        expect(modal).to_contain_text("Mailchimp API key")
        slack.fill("Mailchimp API key", town.account.api_key)
    else:
        slack.choose("Connection", town.account.name)
        # Whoever is no administrator is told the connection's name instead of the account's.
        expect(modal).to_contain_text(re.compile(f"Connected to Mailchimp (as|with) {town.account.name}"))
    slack.tick("I agree")
    slack.submit()
    expect(modal).to_contain_text("Step 2 of 4", timeout=15_000)
    slack.choose("Audience", town.audience.name)
    slack.submit()
    expect(modal).to_contain_text("Step 3 of 4", timeout=15_000)
    slack.submit()
    expect(modal).to_contain_text("Step 4 of 4", timeout=15_000)
    for segment in segments:
        slack.choose("Segments", segment)
    slack.choose("Schedule", "Only by hand")
    slack.choose("Channel for notifications", "exports")
    expect(modal).to_contain_text("distinct profiles of at most 1,000,000", timeout=15_000)
    return modal


def save(slack: SlackPage) -> None:
    """The last step's button, and the confirmation."""
    slack.submit()
    slack.wait_for_modal("Destination saved")
    slack.click("Done")
    slack.wait_until_closed()


def share_with_everyone(slack: SlackPage) -> None:
    """From now on everybody in the workspace may use the one connection."""
    slack.say("/postino connections")
    slack.click("Sharing and ceiling…", within=slack.wait_for_message("1 connection to Mailchimp"))
    slack.wait_for_modal("Connection")
    slack.tick("Everyone in this workspace")
    slack.submit()
    expect(slack.modal).to_contain_text("Saved.")
    slack.click("Close")
    slack.wait_until_closed()


def wait_for_preview(slack: SlackPage, destination: str, heading: str = "Preview of") -> Locator:
    """The newest preview's card: not the note that it is being computed."""
    return slack.wait_for_message(re.compile(f"{heading} {destination}"))
