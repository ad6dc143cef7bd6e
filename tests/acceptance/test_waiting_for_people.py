"""What Postino does not do before a person has looked, clicked through the page: a canary, a new address, the brake."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sandbox.expectation import expected
from sandbox.mailchimp import acts
from tests.acceptance.office import Office, keep_picture, save, set_up, wait_for_preview
from tests.acceptance.slack_page import SlackPage

NEW = "moved.away@example.com"


@pytest.fixture(scope="module", autouse=True)
def coffee_letter(office: Office, browser: Browser) -> None:
    """Ada has set up one destination, which has never been exported."""
    with browser.new_context() as context:
        slack = SlackPage(context.new_page(), office.town.page_url)
        slack.open(channel="C0EXPORTS")
        set_up(slack, office.town, "Loyalty members")
        save(slack)


def rewrite(office: Office, table: str, text: str) -> None:
    """Write a table's file anew, a minute after it was written first."""
    path = file_of(office, table)
    written = path.stat().st_mtime
    path.write_text(text, encoding="utf-8")
    os.utime(path, (written + 60, written + 60))


def file_of(office: Office, table: str) -> Path:
    """The one file of a table."""
    [path] = (office.source / table).rglob("*.csv")
    return path


def asked_for(office: Office) -> dict[str, frozenset[str]]:
    """The contacts the files ask for, with their tags."""
    return expected(office.source, {"LoyaltyMembers": "Loyalty members"})


def tagged(office: Office) -> dict[str, frozenset[str]]:
    """The subscribed contacts that have a tag, with their tags."""
    return {
        one["email_address"].lower(): frozenset(one["tags"])
        for one in acts.dump(office.town.audience)
        if one["status"] == "subscribed" and one["tags"]
    }


def test_a_canary_is_sent_and_looked_at_before_the_rest(ada: SlackPage, office: Office) -> None:
    ada.say("/postino-export Coffee letter")
    ada.click("Send a canary of 50", within=wait_for_preview(ada, "Coffee letter"))
    canary = ada.wait_for_message("The canary of Coffee letter is in Newsletter, with rejects.")
    keep_picture(ada, "tour-canary", canary)
    ada.page.get_by_role("link", name="Mailchimp").click()
    expect(ada.page.get_by_test_id("member-total")).to_have_text("1–50 of 50")
    assert tagged(office).items() <= asked_for(office).items()

    ada.open(channel="C0EXPORTS")
    ada.click("Preview the rest", within=canary)
    ada.read("The preview of Coffee letter is being computed.")
    card = wait_for_preview(ada, "Coffee letter")
    expect(card).to_contain_text("Unchanged: 50")
    ada.click("Send", within=card)
    ada.wait_for_message("Coffee letter was exported to Newsletter, with rejects.")
    assert tagged(office) == asked_for(office)


def test_a_new_address_of_somebody_who_unsubscribed_is_exported_when_a_person_says_so(
    ada: SlackPage, office: Office
) -> None:
    customers = file_of(office, "Customer").read_text("utf-8")
    old = next(address for address in sorted(asked_for(office)) if customers.count(f",{address},") == 1)
    acts.unsubscribe(office.town.audience, old)
    rewrite(office, "Customer", customers.replace(f",{old},", f",{NEW},"))

    ada.say("/postino-export Coffee letter")
    card = wait_for_preview(ada, "Coffee letter")
    expect(card).to_contain_text("1 who left under another address and wait for a decision")
    expect(card).to_contain_text("New contacts: 0")
    ada.click("Decide about changed addresses", within=card)
    modal = ada.wait_for_modal("Changed addresses")
    expect(modal).to_contain_text("A new address is no new consent")
    expect(modal).to_contain_text("m•••@e•••.com")
    keep_picture(ada, "tour-changed-addresses", modal)
    ada.tick("Export these")
    ada.submit()
    assert ada.errors() == ["Tick this to export them, or keep them out."]
    ada.tick("They agreed to mail at their new address")
    ada.submit()
    expect(modal).to_contain_text("1 person is exported next time.")
    ada.click("Close")
    ada.wait_until_closed()

    assert NEW not in tagged(office)
    ada.click("Send", within=card)
    ada.wait_for_message(re.compile("Coffee letter was exported to Newsletter, with rejects.*1 new", re.S))
    assert tagged(office) == asked_for(office)


def test_the_brake_holds_what_a_shrunken_segment_would_take_away_until_a_person_lets_it(
    ada: SlackPage, office: Office
) -> None:
    before = asked_for(office)
    header, *members = file_of(office, "LoyaltyMembers").read_text("utf-8").splitlines(keepends=True)
    rewrite(office, "LoyaltyMembers", header + "".join(members[: len(members) * 2 // 3]))
    removed = before.keys() - asked_for(office).keys()

    held = (
        f"Loyalty members: would be taken off {len(removed)} of {len(before)} people, "
        "but that is more than this destination allows without asking."
    )
    ada.say("/postino-export Coffee letter")
    card = wait_for_preview(ada, "Coffee letter")
    expect(card).to_contain_text(held)
    ada.click("Send", within=card)
    braked = ada.wait_for_message(re.compile("was exported to Newsletter.*The brake holds these removals", re.S))
    expect(braked).to_contain_text(held)
    keep_picture(ada, "tour-brake", braked)
    assert tagged(office) == before
    expect(ada.ask("/postino history coffee letter")).to_contain_text("the brake holds removals")

    ada.click("Take the tags off", within=braked)
    ada.confirm("Take them off")
    ada.read("The export of Coffee letter is under way.")
    ada.wait_for_message("Coffee letter works again and was exported to Newsletter")
    assert tagged(office) == asked_for(office)
    assert removed <= {one["email_address"].lower() for one in acts.dump(office.town.audience)}
