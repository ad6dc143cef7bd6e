"""Exporting, clicked through the page: approval by a second person, rejects, cancelling, schedules, trouble and recovery."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from bot.manifest import with_workflow_step
from tests.acceptance.office import (
    Office,
    home_down_to,
    keep_picture,
    save,
    set_up,
    share_with_everyone,
    wait_for_preview,
)
from tests.acceptance.slack_page import SlackPage

RUNS_OF_COFFEE_LETTER = (
    "SELECT status FROM runs JOIN destinations ON destinations.id = destination_id WHERE name = 'Coffee letter'"
)


@pytest.fixture(scope="module", autouse=True)
def coffee_letter(office: Office, browser: Browser) -> None:
    """Ada has set up one destination, on a connection that everyone may use; the app brings its workflow step along."""
    office.town.workspace.load_manifest(with_workflow_step())
    with browser.new_context() as context:
        slack = SlackPage(context.new_page(), office.town.page_url)
        slack.open(channel="C0EXPORTS")
        set_up(slack, office.town, "Loyalty members")
        save(slack)
        share_with_everyone(slack)


@contextmanager
def held(office: Office, after: int) -> Iterator[None]:
    """After so many bulk calls the others wait as long as the context lasts."""
    faults = office.town.world.faults
    fault = faults.add("hold", method="POST", path=r"/lists/\w+", skip=after)
    try:
        yield
    finally:
        faults.active.remove(fault)


def test_an_export_is_approved_by_a_second_person_and_its_rejects_are_looked_after(
    ada: SlackPage, office: Office
) -> None:
    ada.become("Ben Okafor")
    set_up(ada, office.town, "New customers", name="Welcome letter", key=False)
    save(ada)
    ada.become("Ada Lovelace")
    ada.say("/postino policies welcome letter")
    modal = ada.wait_for_modal("Policies")
    ada.choose("Needs the approval of a second person", "Every export")
    ada.submit()
    expect(modal).to_contain_text("The policies of Welcome letter are saved.")
    ada.click("Close")
    ada.wait_until_closed()

    ada.become("Ben Okafor")
    ada.say("/postino-export welcome letter")
    card = wait_for_preview(ada, "Welcome letter")
    expect(card).to_contain_text("Needs the approval of somebody other than @Ben Okafor")
    ada.click("Approve and send", within=card)
    ada.wait_for_message("needs the approval of somebody other than the person who asked for the export.")
    ada.become("Ada Lovelace")
    keep_picture(ada, "tour-preview", card)
    ada.click("Look at the preview", within=ada.message("Welcome letter waits for approval."))
    modal = ada.wait_for_modal("Preview")
    expect(modal).to_contain_text("Needs the approval of somebody other than @Ben Okafor")
    ada.submit()
    expect(modal).to_contain_text("The export of Welcome letter is under way.")
    ada.click("Close")
    ada.wait_until_closed()
    ada.wait_for_message("Welcome letter was exported to Newsletter, with rejects.")
    locked = ada.message("Export of Welcome letter to Newsletter")
    expect(locked).to_contain_text("approved by @Ada Lovelace")
    expect(locked.get_by_role("button", name="Approve and send")).to_have_count(0)
    expect(ada.message("Welcome letter waited for approval.")).to_contain_text("Approved by @Ada Lovelace")
    keep_picture(ada, "tour-done", locked, ada.message("Welcome letter was exported to Newsletter"))

    thread = ada.open_thread("Export of Welcome letter to Newsletter")
    rejects = thread.get_by_test_id("message").filter(has_text="could not be exported:")
    expect(rejects).to_contain_text("The profile has no e-mail address.")
    keep_picture(ada, "tour-rejects", rejects, thread.get_by_test_id("message").last)
    ada.click("Send me the list", within=rejects)
    ada.click("Retry these", within=rejects)
    ada.confirm("Export again")
    ada.read("The export of Welcome letter waits for approval before anything is sent.")
    ada.go("Postino")
    ada.tab("Messages")
    ada.wait_for_message("Here is the list of the profiles of Welcome letter that were rejected.")
    lines = ada.download("rejects-1.csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "Profile,Segment,Address,Reason,Detail"
    assert any("The profile has no e-mail address." in line for line in lines)


def test_full_addresses_of_rejects_come_directly_and_only_to_who_may_see_them(ada: SlackPage, office: Office) -> None:
    read = "SELECT person, details FROM audit WHERE action = 'rejects.addresses_read'"

    def ask_for_addresses() -> None:
        thread = ada.open_thread("Export of Welcome letter to Newsletter")
        rejects = thread.get_by_test_id("message").filter(has_text="could not be exported:")
        ada.click("Send me the addresses", within=rejects)
        ada.confirm("Send them")

    # What the retry has asked for: nothing was put right, so there was nothing to send, and nobody had to approve it.
    ada.wait_for_message(re.compile("Export of Welcome letter.*Completed with rejects · in [^,]*unchanged", re.S))
    ada.become("Dario Conti")
    ask_for_addresses()
    ada.read("Solo gli amministratori e chi ha creato Welcome letter possono farlo.", "Chiudi")
    assert office.stored(read) == []

    ada.become("Ben Okafor")
    ask_for_addresses()
    ada.go("Postino")
    ada.tab("Messages")
    ada.wait_for_message("It holds full addresses: delete it when you are done.")
    rows = list(csv.DictReader(io.StringIO(ada.download("rejects-2.csv").decode("utf-8-sig"))))
    shown = {row["Address"] for row in rows} - {""}
    assert shown
    [source] = (office.source / "NewCustomers").rglob("*.csv")
    assert shown <= {row["EMail"] for row in csv.DictReader(io.StringIO(source.read_text("utf-8")))}
    assert [person for person, _ in office.stored(read)] == ["U0BEN"]


def test_an_export_under_way_is_cancelled_and_keeps_what_was_sent(ada: SlackPage, office: Office) -> None:
    set_up(ada, office.town, "All customers", name="Letter to everybody", key=False)
    save(ada)
    ada.shortcut("Export to Mailchimp Preview an export")
    modal = ada.wait_for_modal("Export")
    ada.choose("Destination", "Letter to everybody")
    ada.submit()
    expect(modal).to_contain_text("The preview of Letter to everybody is being computed.")
    ada.click("Close")
    ada.wait_until_closed()
    card = wait_for_preview(ada, "Letter to everybody")
    with held(office, after=3):
        ada.click("Send", within=card)
        running = ada.wait_for_message(re.compile(r"Processing · sending.*[1-9]\d% · [\d,]+ of ", re.S))
        keep_picture(ada, "tour-running", running)
        another_waits_for_it(ada, office)
        ada.click("Cancel", within=running)
        ada.confirm("Cancel the export")
        ada.wait_for_message("stopping, asked by @Ada Lovelace; the calls in flight are waited for")
    ada.wait_for_message("Canceled by @Ada Lovelace.")
    ada.click("Cancel", within=wait_for_preview(ada, "Coffee letter"))
    ada.wait_for_message(re.compile("Export of Coffee letter to Newsletter.*Canceled by @Ada Lovelace", re.S))
    assert office.stored(RUNS_OF_COFFEE_LETTER) == [("canceled",)]


def another_waits_for_it(ada: SlackPage, office: Office) -> None:
    """Beside the export of the letter to everybody, another one is asked for with a double click, and seen in Home.

    The page delivers both clicks, which the local Slack's list of what it delivered shows, and one export is queued.
    """
    hub = ada.ask("/postino")
    delivered = office.town.workspace.deliveries
    before = len(delivered)
    hub.get_by_title("Export Coffee letter").dblclick()
    ada.wait_for_message("Queued · waits for the export of Letter to everybody to finish")
    clicks = [one.payload["actions"][0]["action_id"] for one in delivered[before:] if "actions" in one.payload]
    assert clicks == ["export.again", "export.again"]
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_contain_text("Exports under way")
    expect(ada.home).to_contain_text(re.compile(r"Letter to everybody · [▓░█ ]*\s*\d+% · [\d,]+ of [\d,]+"))
    expect(ada.home).to_contain_text("Coffee letter · waits for the export of Letter to everybody to finish")
    keep_picture(ada, "tour-home-running", *home_down_to(ada, "Coffee letter · waits for"))
    ada.go("exports")
    assert office.stored(RUNS_OF_COFFEE_LETTER) == [("queued",)]


def test_a_schedule_is_set_paused_and_resumed_and_only_changes_of_its_state_are_called_out(
    ada: SlackPage, office: Office
) -> None:
    ada.say("/postino destinations coffee letter")
    ada.wait_for_message("search: coffee letter").get_by_title("Edit Coffee letter").click()
    modal = ada.wait_for_modal("Edit destination")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        ada.submit()
        expect(modal).to_contain_text(step)
    ada.choose("Schedule", "Weekly")
    ada.choose("Weekday", "Thursday")
    ada.submit()
    expect(ada.wait_for_modal("Destination saved")).to_contain_text(
        "Schedule: Weekly (Thursday, 07:00), Europe/London."
    )
    ada.click("Done")
    ada.wait_until_closed()

    ada.say("/postino schedules")
    listed = ada.wait_for_message("Weekly (Thursday, 07:00), Europe/London")
    expect(listed).to_contain_text("Next, by your clock: ")
    listed.get_by_title("Pause the schedule of Coffee letter").click()
    expect(listed).to_contain_text("Paused by @Ada Lovelace since")
    listed.get_by_title("Resume the schedule of Coffee letter").click()
    expect(listed).to_contain_text("Next, by your clock: ")

    away = office.source.rename(office.source.with_name("away"))
    ada.click("Run all", within=listed)
    ada.confirm("Run all")
    ada.wait_for_message("The export of Coffee letter failed.")
    away.rename(office.source)
    ada.click("Run all", within=listed)
    ada.confirm("Run all")
    recovered = ada.wait_for_message("Coffee letter works again and was exported to Newsletter")
    keep_picture(ada, "tour-recovered", ada.message("The export of Coffee letter failed."), recovered)


def test_a_workflow_exports_what_its_destination_allows_and_goes_on_with_the_counts(
    ada: SlackPage, office: Office
) -> None:
    ada.say("/postino policies coffee letter")
    modal = ada.wait_for_modal("Policies")
    expect(modal).to_contain_text("For Coffee letter")
    ada.tick("Workflows may export it")
    ada.submit()
    expect(modal).to_contain_text("The policies of Coffee letter are saved.")
    ada.click("Close")
    ada.wait_until_closed()

    ada.shortcut("Export to Mailchimp Exports a destination")
    form = ada.page.get_by_role("form", name="Export to Mailchimp")
    form.get_by_role("textbox", name="Destination").fill("Coffee letter")
    form.get_by_role("button", name="Start").click()
    ended = ada.wait_for_message("The workflow Export to Mailchimp has ended.")
    expect(ended).to_contain_text("Status: Completed with rejects")
    keep_picture(ada, "tour-workflow", ended)
