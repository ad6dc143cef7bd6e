"""People beside each other, clicked through the page: a day's digest, two editors at once, a guest, and the app's end.

Postino works in this process, so that its clock can be moved and its duties are done when a walk says so.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.mailchimp import acts
from sandbox.town import Town
from tests.acceptance.office import keep_picture
from tests.acceptance.slack_page import SlackPage
from tests.integration.slack_office import Office
from tests.integration.test_home import happen, left

GUESTS = "Guests and people from other workspaces cannot use Postino. Ask a member of this workspace."


@pytest.fixture(scope="module")
def office(clockwork: Office) -> Office:
    """Ada and Ben are administrators; one destination is exported with every refresh of the source, never yet."""
    clockwork.world.administrators("U0BEN")
    clockwork.world.destination("VIP", name="Coffee letter", schedule="refresh")
    return clockwork


def edit(slack: SlackPage, destination: str) -> Locator:
    """The wizard of a destination that is there, from the list to its first step."""
    slack.ask(f"/postino destinations {destination}").get_by_title(f"Edit {destination}").click()
    modal = slack.wait_for_modal("Edit destination")
    expect(modal).to_contain_text("Step 1 of 4")
    return modal


def to_the_end(slack: SlackPage, modal: Locator, first: str = "Step 2 of 4") -> None:
    """From the first step, or the one before ``first``, to the last, leaving all between as it is."""
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        if step < first:
            continue
        slack.submit()
        expect(modal).to_contain_text(step)


def test_successes_of_a_schedule_are_told_together_once_a_day(ada: SlackPage, office: Office) -> None:
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour
    ada.say("/postino policies coffee letter")
    modal = ada.wait_for_modal("Policies")
    ada.choose("Scheduled exports that went well", f"Tell them together daily at {hour:02}:00")
    ada.submit()
    expect(modal).to_contain_text("The policies of Coffee letter are saved.")
    ada.click("Close")
    ada.wait_until_closed()

    # The refresh that was there is no new one.
    office.postino.schedules()
    office.work()
    expect(ada.ask("/postino history coffee letter")).to_contain_text("none yet")
    for members in (["p0", "p1", "p2", "p3"], ["p0", "p1", "p2", "p3", "p4"]):
        office.world.segment("VIP", members)
        office.clock.forward(minutes=1)
        office.postino.schedules()
        office.work()
    begun = ada.ask("/postino history coffee letter")
    expect(begun.get_by_text("Successful")).to_have_count(2)
    begun.get_by_title("Details of the export of Coffee letter").first.click()
    expect(begun).to_contain_text("Asked for by the schedule")
    assert office.posted() == []

    office.clock.forward(days=1)
    office.postino.digests()
    office.notify()
    told = ada.wait_for_message("2 scheduled exports of Coffee letter to Newsletter went well since")
    expect(told).to_contain_text("5 new")
    keep_picture(ada, "tour-digest", told)
    assert len(office.posted()) == 1


def test_of_two_people_who_edit_one_destination_the_second_is_told(
    ada: SlackPage, served_town: Town, browser_page: Page
) -> None:
    of_ada = edit(ada, "Coffee letter")
    ben = SlackPage(browser_page.context.new_page(), served_town.page_url)
    ben.open("U0BEN", "C0EXPORTS")
    of_ben = edit(ben, "Coffee letter")
    ben.fill("Display name", "Tea letter")
    ben.tick("I agree")
    to_the_end(ben, of_ben)
    ben.submit()
    expect(ben.wait_for_modal("Destination saved")).to_contain_text("The changes to Tea letter are saved.")

    ada.page.bring_to_front()  # behind another tab everything takes seconds
    ada.fill("Display name", "Cocoa letter")
    to_the_end(ada, of_ada)
    ada.submit()
    expect(of_ada).to_contain_text(
        "Somebody else changed Tea letter meanwhile. Open it again; your entries were not saved."
    )
    ada.page.keyboard.press("Escape")
    ada.wait_until_closed()
    expect(edit(ada, "Tea letter").get_by_role("textbox", name="Display name")).to_have_value("Tea letter")


def test_policies_are_set_in_the_wizard_and_another_person_approves_from_home(ada: SlackPage, office: Office) -> None:
    ada.shortcut("Set up a destination")
    modal = ada.wait_for_modal("Set up destination")
    ada.fill("Display name", "Welcome letter")
    ada.choose("Connection", "Main")
    expect(modal).to_contain_text("Connected to Mailchimp as Contoso Coffee")
    ada.fill("Contact ceiling", "5000")
    ada.tick("I agree")
    ada.submit()
    expect(modal).to_contain_text("Step 2 of 4")
    ada.choose("Audience", "Newsletter")
    to_the_end(ada, modal, first="Step 3 of 4")
    ada.choose("Segments", "Bergamo")
    ada.choose("Schedule", "Only by hand")
    ada.choose("Channel for notifications", "exports")
    ada.choose("Needs the approval of a second person", "Every export")
    ada.fill("Also exports that add more contacts than", "100")
    ada.fill("More than this percentage of a tag's holders", "5")
    ada.fill("And at least so many people", "3")
    ada.submit()
    ada.wait_for_modal("Destination saved")
    ada.click("Preview now")
    expect(ada.modal).to_contain_text("The preview of Welcome letter is being computed.")
    ada.click("Done")
    ada.wait_until_closed()
    saved = office.postino.destinations.named(office.world.actor, "Welcome letter")
    assert (saved.approval, saved.approval_above, saved.brake_share, saved.brake_people) == ("always", 100, 0.05, 3)
    assert saved.connection is not None
    assert saved.connection.contact_ceiling == 5000

    office.work()
    card = ada.wait_for_message("Preview of Welcome letter")
    expect(card).to_contain_text("Needs the approval of somebody other than @Ada Lovelace")
    ada.become("Ben Okafor")
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_contain_text("Waiting for your approval")
    expect(ada.home).to_contain_text("Welcome letter · 1 new, 0 updated, 3 with tags only")
    # Home is drawn anew after it was opened: a click on what is just being replaced is lost, and a person clicks again.
    send, under_way = ada.home.get_by_title("Send Welcome letter"), ada.home.get_by_text("Exports under way")
    for _ in range(5):
        send.or_(under_way).first.click()
        with suppress(AssertionError):
            expect(under_way).to_be_visible(timeout=4000)
            break
    expect(under_way).to_be_visible()
    office.work()
    ada.click("Refresh", within=ada.home)
    expect(ada.home).to_contain_text(
        re.compile("Last exports.*Successful · Welcome letter · 1 new, 3 with tags only, 4", re.S)
    )
    ada.go("exports")
    locked = ada.wait_for_message("Export of Welcome letter to Newsletter")
    expect(locked).to_contain_text("asked for by @Ada Lovelace · approved by @Ben Okafor at")
    expect(locked.get_by_role("button", name="Approve and send")).to_have_count(0)
    [run] = office.postino.runs.history(office.world.actor, saved.id)
    assert run.approved_by == "U0BEN"
    assert sum("Bergamo" in one["tags"] for one in acts.dump(office.world.audience)) == 4


def test_a_guest_is_told_that_postino_is_not_for_guests(ada: SlackPage) -> None:
    ada.become("Gus Guest")
    for command in ("/postino", "/postino-segments", "/postino-export Tea letter", "/postino-status"):
        expect(ada.ask(command)).to_contain_text(GUESTS)
    ada.say("/postino-connect")
    expect(ada.wait_for_modal()).to_contain_text(GUESTS)
    ada.click("Close")
    ada.wait_until_closed()
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_have_text(GUESTS)


def test_uninstalling_leaves_nothing_and_the_next_install_begins_anew(ada: SlackPage, office: Office) -> None:
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_contain_text("Tea letter")
    happen(office.world, type="app_uninstalled")
    office.soon(lambda: left(office.world) == {})

    ada.click("Refresh", within=ada.home)
    expect(ada.home).not_to_contain_text("Tea letter")
    expect(ada.home).not_to_contain_text("Last exports")
    ada.go("exports")
    expect(ada.ask("/postino")).to_contain_text("There is no destination yet")
    ada.say("/postino-connect")
    expect(ada.wait_for_modal("Set up destination")).to_contain_text("Step 1 of 4")
    expect(ada.modal.get_by_role("combobox", name="Connection")).to_have_count(0)
    assert len(acts.dump(office.world.audience)) == 6
