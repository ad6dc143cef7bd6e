"""The main job, clicked through the page in a real browser by somebody who sees only the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bot.demonstrating import postino
from sandbox import demo_data
from sandbox.expectation import expected
from sandbox.mailchimp import acts
from sandbox.town import Town
from tests.acceptance.office import keep_picture, save, set_up
from tests.acceptance.slack_page import SlackPage
from tests.block_kit import complaints

PROFILES = 6_000
SEGMENTS = {"High-value customers": "HighValueCustomers", "Loyalty members": "LoyaltyMembers"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    demo_data.generate(folder, profiles=PROFILES)
    return folder


@pytest.fixture
def slack(town: Town, source: Path, slack_page: SlackPage) -> Iterator[SlackPage]:
    """Ada at the page, in #exports, with Postino running in a process of its own."""
    town.world.switches.set(latency_bulk=0.3)
    with postino(town.addresses(), source.parent):
        slack_page.go("exports")
        slack_page.page.set_viewport_size({"width": 1440, "height": 900})
        yield slack_page
    assert complaints(town.workspace.emitted) == []


def test_connect_list_export_and_completion(slack: SlackPage, town: Town, source: Path) -> None:
    acts.add(town.audience, "somebody.who.left@example.com")
    acts.unsubscribe(town.audience, "somebody.who.left@example.com")

    modal = set_up(slack, town, *SEGMENTS)
    expect(modal).to_contain_text("3,214 distinct profiles")
    wanted = expected(source, {segment: tag for tag, segment in SEGMENTS.items()})
    expect(modal).to_contain_text(f"{len(wanted):,} of them can be reached (94%): 128 have no e-mail address, ")
    keep_picture(slack, "wizard")
    save(slack)

    slack.say("/postino-segments")
    listed = slack.wait_for_message("8 segments")
    for name in ("All customers", "Loyalty members", "Summer promotion"):
        expect(listed).to_contain_text(name)

    slack.say("/postino-export Coffee letter")
    expect(slack.wait_for_message("Preview of Coffee letter", 30)).to_contain_text("New contacts")
    assert [member["email_address"] for member in acts.dump(town.audience)] == ["somebody.who.left@example.com"]
    slack.click("Send")
    expect(slack.wait_for_message("Processing", 30)).to_contain_text("Cancel")
    slack.wait_for_message("was exported to Newsletter", 60)
    keep_picture(slack, "export")

    holds = {
        member["email_address"].lower(): frozenset(member["tags"])
        for member in acts.dump(town.audience)
        if member["status"] == "subscribed"
    }
    assert holds == wanted


def test_a_segment_that_has_grown_too_large_is_told_and_nothing_is_sent(
    slack: SlackPage, town: Town, source: Path
) -> None:
    set_up(slack, town, "Loyalty members", "New customers")
    save(slack)
    demo_data.grow(source, "LoyaltyMembers", 1_000_001)

    slack.say("/postino-export Coffee letter")
    told = slack.wait_for_message("Limit exceeded", 60)
    expect(told).to_contain_text("Nothing was sent")
    expect(told).to_contain_text("The segments that weigh most: Loyalty members (1,000,001), New customers (")
    expect(told.get_by_role("button", name="Choose other segments")).to_be_visible()
    keep_picture(slack, "tour-limit", told)
    assert acts.dump(town.audience) == []

    slack.say("/postino-connect")
    modal = slack.wait_for_modal("Set up destination")
    slack.fill("Display name", "Too large")
    slack.choose("Connection", "Contoso Coffee")
    slack.tick("I agree")
    slack.submit()
    expect(modal).to_contain_text("Step 2 of 4", timeout=15_000)
    slack.choose("Audience", "Newsletter")
    slack.submit()
    expect(modal).to_contain_text("Step 3 of 4", timeout=15_000)
    slack.submit()
    expect(modal).to_contain_text("Step 4 of 4", timeout=15_000)
    slack.choose("Segments", "Loyalty members")
    expect(modal).to_contain_text(re.compile("1,000,001"), timeout=15_000)
    slack.submit()
    expect(modal).to_contain_text("1,000,000")
    assert slack.modal.is_visible()


def test_what_is_missing_is_said_beside_the_field(slack: SlackPage, town: Town) -> None:
    slack.say("/postino-connect")
    modal = slack.wait_for_modal("Set up destination")
    slack.click("Use an API key")
    slack.fill("Display name", "Coffee letter")
    slack.fill("Mailchimp API key", town.account.api_key)
    slack.submit()
    assert slack.errors()
    expect(modal).to_contain_text("Step 1 of 4")
