"""A year with Postino, clicked through the page: times that come, quiet and loud days, a lost channel, a new statement.

Also tags that were there, previews that grow old, and a draft that is thrown away.

Postino works in this process, so that its clock can be moved and its duties are done when a walk says so.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from bot.views.history import RUNS_SHOWN
from sandbox.mailchimp import acts
from services.tidying import Tidying
from storage.models import Destination, Draft, Run
from tests.acceptance.office import keep_picture
from tests.acceptance.slack_page import SlackPage
from tests.integration.slack_office import Office
from tests.integration.test_schedules import reconnect_needed

CAMPAIGNS = 120
THREE_TIMES = re.compile(r"By your clock: (\w{3} \d{1,2}, \d{4} 05:00(, )?){3}")
"""Six o'clock in Rome, by Ada's clock in London."""


@pytest.fixture(scope="module")
def office(clockwork: Office) -> Office:
    """A source with more segments than a menu shows, and one destination that is exported by hand."""
    for number in range(1, CAMPAIGNS + 1):
        clockwork.world.segment(f"Campaign {number:03}", ["p0", f"p{number % 10}"])
    clockwork.world.destination("VIP", name="Coffee letter")
    return clockwork


def destination(office: Office) -> Destination:
    """The one destination as it is now."""
    return office.postino.destinations.named(office.world.actor, "Coffee letter")


def runs(office: Office) -> list[Run]:
    """Its runs, newest first."""
    return office.postino.runs.history(office.world.actor)


def a_time_comes(office: Office) -> None:
    """Three days pass, which are never a weekend alone; what is due is exported and told."""
    office.clock.forward(days=3)
    office.postino.schedules()
    office.work()


def hold_the_tag(office: Office, tag: str, address: str) -> None:
    """Somebody puts a tag on a contact of their own in Mailchimp."""
    acts.add(office.world.audience, address)
    acts.tag(office.world.audience, address, tag)


def holders(office: Office, tag: str) -> set[str]:
    """Who has a tag in Mailchimp."""
    return {one["email_address"] for one in acts.dump(office.world.audience) if tag in one["tags"]}


def send_what_is_previewed(ada: SlackPage, office: Office, letter: str) -> None:
    """The preview that was just asked for is computed, and sent by a click."""
    office.soon(lambda: runs(office)[0].status == "queued")
    office.work()
    ada.click("Send", within=ada.wait_for_message(f"Preview of {letter}"))
    office.soon(lambda: runs(office)[0].approved_by)
    office.work()


def edit(ada: SlackPage) -> None:
    """The wizard's last step for the destination that is there."""
    ada.ask("/postino destinations coffee letter").get_by_title("Edit Coffee letter").click()
    ada.wait_for_modal("Edit destination")
    ada.click("Go to segments and schedule")
    expect(ada.modal).to_contain_text("Step 4 of 4")


def done(ada: SlackPage, button: str = "Done") -> None:
    """Close what says that all went well."""
    ada.click(button)
    ada.wait_until_closed()


def test_many_segments_are_paged_shared_searched_and_seen_over_weeks(ada: SlackPage, office: Office) -> None:
    for size in (1204, 1377, 1391, 1632):
        office.world.many("Loyalty members", size, office.clock.seconds())
        office.postino.segments()
        office.clock.forward(days=7)
        office.postino.segments()
    listed = ada.ask("/postino-segments")
    expect(listed).to_contain_text(f"{CAMPAIGNS + 4} segments in source")
    ada.click("Next", within=listed)
    expect(listed).to_contain_text(f"11 to 20 of {CAMPAIGNS + 4}")
    expect(listed).to_contain_text("Campaign 011")
    ada.click("Share", within=listed)
    ada.become("Ben Okafor")
    shared = ada.wait_for_message(f"11 to 20 of {CAMPAIGNS + 4}")
    expect(shared).to_contain_text("Campaign 019")
    expect(shared).not_to_contain_text("Only visible to you")
    expect(shared.get_by_role("button", name="Export…")).to_have_count(0)
    assert len(office.posted()) == 1

    ada.become("Ada Lovelace")
    ada.choose("Size over time of…", "Loyalty members", within=ada.ask("/postino-segments loyal"))
    ada.wait_for_message("The picture was sent to you directly.")
    ada.go("Postino")
    ada.tab("Messages")
    sent = ada.wait_for_message("Size of Loyalty members over time")
    expect(sent.get_by_role("img")).to_have_attribute(
        "alt", re.compile("^Profiles in Loyalty members over 4 refreshes: 1,204 on .*; lowest 1,204, highest 1,632")
    )
    keep_picture(ada, "tour-chart", sent)


def test_a_cron_schedule_shows_its_times_is_paused_resumed_and_says_why_it_skips(
    ada: SlackPage, office: Office
) -> None:
    edit(ada)
    ada.choose("Segments", "Campaign 117")
    ada.choose("Schedule", "At times of a cron expression")
    ada.fill("Cron expression", "0 6 * * mon-fri")
    ada.page.keyboard.press("Enter")
    ada.choose("Time zone", "Europe/Rome")
    shown = re.compile(r"Next, by the clock of Europe/Rome: (\w{3}, .* · ){2}\w{3}, ")
    expect(ada.modal).to_contain_text(shown)
    ada.submit()
    expect(ada.wait_for_modal("Destination saved")).to_contain_text("At times of a cron expression (0 6 * * mon-fri)")
    done(ada)
    saved = destination(office)
    assert (saved.schedule, saved.time_zone) == ("cron 0 6 * * mon-fri", "Europe/Rome")

    office.postino.schedules()
    listed = ada.ask("/postino schedules")
    expect(listed).to_contain_text(THREE_TIMES)
    keep_picture(ada, "tour-schedules", listed)
    ada.click("Pause", within=listed)
    expect(listed).to_contain_text("Paused by @Ada Lovelace since")
    a_time_comes(office)
    assert runs(office) == []
    ada.click("Resume", within=listed)
    expect(listed).to_contain_text(THREE_TIMES)
    a_time_comes(office)
    ada.wait_for_message(re.compile("Successful.*4 new, 5 tags put on.*asked for by the schedule", re.S))
    assert {tag for one in acts.dump(office.world.audience) for tag in one["tags"]} == {"VIP", "Campaign 117"}

    reconnect_needed(office, needed=True)
    a_time_comes(office)
    skipped = ada.wait_for_message("Coffee letter needs its connection to Mailchimp again.")
    expect(skipped).to_contain_text("Mailchimp no longer accepts the connection Main.")
    expect(ada.ask("/postino history coffee letter")).to_contain_text(
        "Skipped · Mailchimp no longer accepts the connection Main."
    )
    reconnect_needed(office, needed=False)
    office.postino.schedules()
    listed = ada.ask("/postino schedules")
    ada.click("Run all", within=listed)
    ada.confirm("Run all")
    ada.wait_for_message("1 export is queued: Coffee letter.")
    office.work()
    ada.wait_for_message("Coffee letter works again and was exported to Newsletter")
    assert [run.status for run in runs(office)] == ["successful", "skipped", "successful"]

    # Postino is down for two weeks of weekdays: its schedules are of a Postino that has just been started.
    office.clock.forward(days=14)
    office.postino.__dict__.pop("schedules")
    for _ in range(2):
        office.postino.schedules()
        office.work()
    caught_up = ada.ask("/postino history coffee letter")
    expect(caught_up.get_by_text("Successful")).to_have_count(3)
    caught_up.get_by_title("Details of the export of Coffee letter").first.click()
    expect(caught_up).to_contain_text("Asked for by the schedule")
    expect(ada.ask("/postino schedules")).to_contain_text(THREE_TIMES)


def test_a_quiet_destination_calls_people_where_there_is_trouble_and_asks_about_unusual_sizes(
    ada: SlackPage, office: Office
) -> None:
    ada.say("/postino policies coffee letter")
    ada.wait_for_modal("Policies")
    ada.choose("Scheduled exports that went well", "Post none")
    ada.choose("Call these people where there is trouble", "Ben Okafor")
    ada.submit()
    expect(ada.modal).to_contain_text("The policies of Coffee letter are saved.")
    done(ada, "Close")
    before = len(office.posted())
    a_time_comes(office)
    assert runs(office)[0].status == "successful"
    assert len(office.posted()) == before

    office.world.account.role = "viewer"
    a_time_comes(office)
    expect(ada.wait_for_message("The export of Coffee letter failed.")).to_contain_text("Please look: @Ben Okafor")
    office.world.account.role = "owner"
    a_time_comes(office)
    ada.wait_for_message("Coffee letter works again")

    office.world.customers({f"c{number}": {} for number in range(40)})
    office.world.segment("VIP", [f"c{number}" for number in range(40)] + ["p0", "p1", "p2"])
    a_time_comes(office)
    ada.wait_for_message("VIP had 3 profiles in the export before and has 43 now. Was that meant?")
    assert sum("VIP" in one["tags"] for one in acts.dump(office.world.audience)) == 43


def test_messages_about_a_channel_without_postino_come_directly(ada: SlackPage, office: Office) -> None:
    office.world.workspace.scopes.discard("chat:write.public")
    edit(ada)
    ada.choose("Channel for notifications", "marketing")
    ada.submit()
    expect(ada.wait_for_modal("Destination saved")).to_contain_text("If it is not a member there, invite it")
    done(ada)
    expect(ada.ask("/postino-export Coffee letter")).to_contain_text("It will appear in #marketing")
    office.world.segment("VIP", [f"c{number}" for number in range(40)] + ["p0", "p1", "p2", "p3"])
    office.clock.forward(minutes=1)
    office.work()
    ada.go("Postino")
    ada.tab("Messages")
    moved = ada.wait_for_message("The messages about Coffee letter come here because #marketing cannot be written to")
    expect(moved).to_contain_text("Postino is not in the channel. Invite it with /invite, or choose another channel")
    ada.click("Cancel", within=ada.wait_for_message("Preview of Coffee letter"))
    office.soon(lambda: runs(office)[0].status == "canceled")
    assert office.posted(channel="marketing") == []


def test_consent_is_asked_for_again_when_the_statement_has_changed(ada: SlackPage, office: Office) -> None:
    with office.postino.database.write() as session:
        session.get_one(Destination, destination(office).id).consent_version = 0
    agreed_before = destination(office).consent_at
    expect(ada.ask("/postino-export Coffee letter")).to_contain_text(
        "The data privacy and compliance statement has changed. Edit Coffee letter and agree to it again."
    )
    ada.ask("/postino destinations coffee letter").get_by_title("Edit Coffee letter").click()
    modal = ada.wait_for_modal("Edit destination")
    expect(modal.get_by_role("checkbox", name="I agree")).not_to_be_checked()
    ada.submit()
    assert ada.errors()
    ada.tick("I agree")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        ada.submit()
        expect(modal).to_contain_text(step)
    ada.submit()
    ada.wait_for_modal("Destination saved")
    done(ada)
    saved = destination(office)
    assert (saved.consent_version, saved.consent_by) == (1, "U0ADA")
    assert saved.consent_at > agreed_before


def test_a_tag_that_was_there_is_taken_over_and_nobody_without_consent_or_after_a_day_is_sent(
    ada: SlackPage, office: Office
) -> None:
    office.world.workspace.scopes.add("chat:write.public")
    office.world.customers({"p3": {"Email Subscriber": "false"}, "p4": {"Email Subscriber": "monthly"}})
    office.postino.segments()
    office.clock.forward(minutes=1)
    hold_the_tag(office, "Bergamo", "by.hand@example.com")
    ada.say("/postino-connect")
    modal = ada.wait_for_modal("Set up destination")
    ada.fill("Display name", "Bergamo letter")
    ada.choose("Connection", "Main")
    expect(modal).to_contain_text("Connected to Mailchimp as Contoso Coffee")
    ada.tick("I agree")
    ada.submit()
    expect(modal).to_contain_text("Step 2 of 4")
    ada.choose("Audience", "Newsletter")
    ada.submit()
    expect(modal).to_contain_text("Step 3 of 4")
    ada.choose("Consent attribute", "Email Subscriber")
    expect(modal.get_by_role("checkbox", name="true")).to_be_checked()
    expect(modal.get_by_role("checkbox", name="false")).not_to_be_checked()
    expect(modal.get_by_role("checkbox", name="monthly")).not_to_be_checked()
    ada.fill("Other values that allow mailing", "Monthly")
    ada.submit()
    expect(modal).to_contain_text("Step 4 of 4")
    ada.choose("Segments", "Bergamo")
    expect(modal).to_contain_text("Bergamo was there before Postino, with 1 member.")
    ada.choose("Tags to take over", "Bergamo - 1")
    ada.choose("Schedule", "Only by hand")
    ada.choose("Channel for notifications", "exports")
    ada.submit()
    ada.wait_for_modal("Destination saved")
    ada.click("Preview now")
    expect(ada.modal).to_contain_text("It will appear in #exports.")
    done(ada)
    office.work()
    card = ada.wait_for_message("Preview of Bergamo letter")
    expect(card).to_contain_text("1 without consent")
    expect(card).to_contain_text("Bergamo: put on 3, taken off 1")

    office.clock.forward(hours=25)
    ada.click("Send", within=card)
    ada.wait_for_message("This preview is more than 24 hours old. Preview the export again.")
    Tidying(office.postino.database)()
    office.notify()
    expired = ada.wait_for_message("Nobody approved this export within 24 hours.")
    ada.click("Preview again", within=expired)
    send_what_is_previewed(ada, office, "Bergamo letter")
    assert holders(office, "Bergamo") == {"p2@example.com", "p4@example.com", "p5@example.com"}


def test_a_tag_that_others_made_again_is_taken_over_from_the_message_that_tells_it(
    ada: SlackPage, office: Office
) -> None:
    letter = office.world.destination("Campaign 001", name="Campaign letter")
    office.request(letter)
    office.work()
    acts.delete_tag(office.world.audience, "Campaign 001")
    hold_the_tag(office, "Campaign 001", "stranger@example.com")
    office.clock.forward(hours=2)
    office.request(letter)
    office.work()
    told = ada.wait_for_message("The audience has a tag Campaign 001 that Postino did not make; people who have it: 1.")
    ada.click("Take the tag over", within=told)
    ada.confirm("Take it over")
    ada.read("The preview of Campaign letter is being computed.")
    send_what_is_previewed(ada, office, "Campaign letter")
    assert holders(office, "Campaign 001") == {"p0@example.com", "p1@example.com"}


def test_older_exports_are_paged_through(ada: SlackPage, office: Office) -> None:
    for _ in range(RUNS_SHOWN):
        office.postino.runs.cancel(office.world.actor, office.request(destination(office), preview=True).id)
    listed = ada.ask("/postino history")
    expect(listed).to_contain_text("Canceled · Preview · Coffee letter")
    expect(listed).not_to_contain_text("Campaign letter")
    expect(listed.get_by_role("button", name="Newer")).to_have_count(0)
    ada.click("Older", within=listed)
    expect(listed).to_contain_text("Failed · Campaign letter")
    ada.click("Newer", within=listed)
    expect(listed).not_to_contain_text("Campaign letter")


def test_a_draft_that_is_not_wanted_is_discarded(ada: SlackPage, office: Office) -> None:
    def drafts() -> int:
        with office.postino.database.read() as session:
            return len(session.scalars(select(Draft)).all())

    before = drafts()
    ada.say("/postino-connect")
    ada.wait_for_modal("Set up destination")
    ada.fill("Display name", "Letter of a minute")
    ada.click("Close the window")
    ada.wait_until_closed()
    ada.go("Postino")
    ada.tab("Messages")
    ada.click("Discard", within=ada.wait_for_message("You closed the setup of Letter of a minute before saving."))
    ada.wait_for_message("Discarded. Start again with /postino-connect whenever you like.")
    assert drafts() == before
