"""Looking after what was set up, clicked through the page: segments, Home, one export in full, questions, in Italian, removal."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from sandbox import demo_data
from sandbox.expectation import expected
from sandbox.mailchimp import acts
from tests.acceptance.office import (
    REFRESHED,
    Office,
    home_down_to,
    keep_picture,
    save,
    set_up,
    share_with_everyone,
    wait_for_preview,
)
from tests.acceptance.slack_page import SlackPage


@pytest.fixture(scope="module")
def unsubscribed(office: Office) -> str:
    """Somebody of the segment who had unsubscribed before anything was exported."""
    address = min(expected(office.source, {"LoyaltyMembers": "Loyalty members"}))
    acts.add(office.town.audience, address, "unsubscribed")
    return address


@pytest.fixture(scope="module", autouse=True)
def exported(office: Office, browser: Browser, unsubscribed: str) -> None:
    """Everyone may use the connection, and Ada's destination on it has been exported."""
    with browser.new_context() as context:
        slack = SlackPage(context.new_page(), office.town.page_url)
        slack.open(channel="C0EXPORTS")
        set_up(slack, office.town, "Loyalty members")
        save(slack)
        share_with_everyone(slack)
        slack.say("/postino-export Coffee letter")
        slack.click("Send", within=wait_for_preview(slack, "Coffee letter"))
        slack.wait_for_message("was exported to Newsletter")


def test_questions_are_answered_to_the_asker_alone(ada: SlackPage, unsubscribed: str) -> None:
    hub = ada.ask("/postino")
    expect(hub).to_contain_text("Coffee letter")
    ada.click("Status", within=hub)
    expect(ada.wait_for_message("Nothing is running, queued or waiting for approval.")).to_contain_text("Last exports")
    ada.say("/postino doctor")
    found = ada.wait_for_message("Problems: ")
    expect(found).to_contain_text("Look again")
    ada.say(f"/postino why {unsubscribed}")
    answer = ada.wait_for_message("How this person stands")
    expect(answer).to_contain_text("In Loyalty members. In the audience: unsubscribed.")
    expect(answer).to_contain_text("Only visible to you")
    keep_picture(ada, "tour-why", answer)


def test_segments_are_searched_sorted_looked_at_over_time_and_exported(ada: SlackPage, office: Office) -> None:
    listed = ada.ask("/postino-segments")
    expect(listed).to_contain_text("8 segments in ContosoCoffee")
    for day in (1, 2, 3):
        refreshed = REFRESHED + timedelta(days=day)
        demo_data.refresh_again(office.source, 0.06 * day, refreshed)
        ada.ask("/postino-segments")  # which may find it changing still
        listed = ada.ask("/postino-segments")
        expect(listed).to_contain_text(f"refreshed {refreshed:%b} {refreshed.day}")
    expect(listed).to_contain_text("over 4 refreshes")
    ada.click("By size", within=listed)
    expect(listed).to_contain_text("✓ By size")
    expect(listed.get_by_text("profiles ·").first).to_contain_text("All customers")

    listed = ada.ask("/postino-segments customers")
    expect(listed).to_contain_text("4 segments in ContosoCoffee · search: customers")
    keep_picture(ada, "tour-segments", listed)
    ada.click("Share", within=listed)
    shared = ada.message("4 segments in ContosoCoffee · search: customers")
    expect(shared).not_to_contain_text("Only visible to you")
    expect(shared.get_by_role("button", name="Export…")).to_have_count(0)
    keep_picture(ada, "tour-sharing", shared)
    listed = ada.ask("/postino-segments loyal")
    expect(listed).to_contain_text("1 segment in ContosoCoffee · search: loyal")
    ada.choose("Size over time of…", "Loyalty members", within=listed)
    ada.wait_for_message("The picture was sent to you directly.")
    listed.get_by_title("Export the segment Loyalty members").click()
    modal = ada.wait_for_modal("Export")
    expect(modal).to_contain_text("Destinations with the segment Loyalty members")
    ada.submit()
    expect(modal).to_contain_text("The preview of Coffee letter is being computed.")
    ada.click("Close")
    ada.wait_until_closed()
    wait_for_preview(ada, "Coffee letter")

    listed = ada.ask("/postino-segments new customers")
    listed.get_by_title("Export the segment New customers").click()
    ada.wait_for_modal("Export")
    ada.choose("Add to a destination…", "Coffee letter")
    modal = ada.wait_for_modal("Edit destination")
    expect(modal).to_contain_text("Step 4 of 4")
    expect(modal).to_contain_text("New customers")
    ada.click("Cancel", within=modal)
    ada.wait_until_closed()

    ada.go("Postino")
    ada.tab("Messages")
    sent = ada.wait_for_message("Size of Loyalty members over time")
    expect(sent.get_by_role("img")).to_have_attribute(
        "alt", re.compile("^Profiles in Loyalty members over 4 refreshes")
    )
    ada.tab("Home")
    expect(ada.home).to_contain_text("Waiting for your approval")
    keep_picture(ada, "tour-home", *home_down_to(ada))
    ada.click("Cancel", within=ada.home)
    expect(ada.home).not_to_contain_text("Waiting for your approval")


def test_one_export_is_looked_at_in_full_and_the_audit_trail_taken_home(ada: SlackPage, office: Office) -> None:
    ada.say("/postino history coffee letter")
    listed = ada.wait_for_message("Exports of Coffee letter")
    ada.click("Details", within=listed)
    details = ada.wait_for_message("Tags, as planned")
    expect(details).to_contain_text("Asked for by @Ada Lovelace")
    arrived = [one for one in acts.dump(office.town.audience) if one["status"] == "subscribed"]
    expect(details).to_contain_text(f"{len(arrived):,} new")
    expect(details).to_contain_text(f"tags put on: {len(arrived):,}")
    keep_picture(ada, "tour-run", details)
    ada.click("List of rejects", within=details)
    ada.say("/postino audit")
    ada.wait_for_message("The audit trail was sent to you directly, as a file.")
    ada.go("Postino")
    ada.tab("Messages")
    ada.wait_for_message("Here is the list of the profiles of Coffee letter that were rejected.")
    rejects = ada.download("rejects-1.csv").decode("utf-8-sig").splitlines()[1:]
    assert [(len(rejects),)] == office.stored("SELECT count(*) FROM run_rejects WHERE run_id = 1")
    assert all("•" in line for line in rejects if "@" in line)
    told = ada.wait_for_message("The audit trail: ")
    keep_picture(ada, "tour-audit", told, ada.message("audit-trail.csv"))
    trail = ada.download("audit-trail.csv").decode("utf-8-sig").splitlines()
    assert trail[0] == "When (UTC),Who,Name,What was done,Action,Subject,Details"
    assert any("destination.created,Coffee letter" in line for line in trail)
    assert [(len(trail) - 1,)] == office.stored("SELECT count(*) FROM audit")


def test_policies_are_decided_and_somebody_is_forgotten(ada: SlackPage, office: Office, unsubscribed: str) -> None:
    hub = ada.ask("/postino")
    ada.click("Policies", within=hub)
    modal = ada.wait_for_modal("Policies")
    ada.choose("Scheduled exports that went well", "Tell them together daily at 07:00")
    ada.choose("Call these people where there is trouble", "Ben Okafor")
    keep_picture(ada, "tour-policies", modal)
    ada.submit()
    expect(modal).to_contain_text("The policies of Coffee letter are saved.")
    ada.click("Close", within=modal)
    ada.wait_until_closed()
    assert office.stored("SELECT digest_hour, mentions FROM destinations") == [(7, '["U0BEN"]')]

    ada.say(f"/postino forget {unsubscribed}")
    expect(ada.wait_for_modal("Forget a person")).to_contain_text("This cannot be undone.")
    ada.submit()
    expect(ada.modal).to_contain_text("Receipt: ")
    expect(ada.modal).not_to_contain_text(unsubscribed)
    ada.click("Close", within=ada.modal)
    ada.wait_until_closed()


def test_an_italian_reads_everything_in_italian(ada: SlackPage, office: Office) -> None:
    ada.become("Dario Conti")
    ada.say("/postino help")
    ada.wait_for_message("Che cosa sa fare Postino")
    for word in ("Messaggi diretti", "Membro · Italiano"):  # the client speaks to them, too
        expect(ada.page.get_by_role("navigation", name="Workspace")).to_contain_text(word)
    expect(ada.page.get_by_test_id("composer")).to_have_attribute("placeholder", "Scrivi a #exports")
    ada.say("/postino-segments")
    ada.wait_for_message("8 segmenti")

    ada.say("/postino-connect")
    modal = ada.wait_for_modal("Configura destinazione")
    ada.fill("Nome visualizzato", "Lettera di benvenuto")
    ada.choose("Connessione", office.town.account.name)
    ada.tick("Accetto")
    keep_picture(ada, "tour-italian-connect", modal)
    ada.submit()
    expect(modal).to_contain_text("Passaggio 2 di 4")
    ada.choose("Pubblico", office.town.audience.name)
    ada.submit()
    expect(modal).to_contain_text("Passaggio 3 di 4")
    ada.submit()
    expect(modal).to_contain_text("Passaggio 4 di 4")
    ada.choose("Segmenti", "New customers")
    ada.choose("Pianificazione", "Solo manualmente")
    ada.choose("Canale per le notifiche", "exports")
    expect(modal).to_contain_text(re.compile(r"profili distinti.* di loro si possono raggiungere \(\d\d%\): ", re.S))
    ada.submit()
    ada.wait_for_modal("Destinazione salvata")
    ada.click("Fine")
    ada.wait_until_closed()

    ada.say("/postino-export lettera di benvenuto")
    card = wait_for_preview(ada, "Lettera di benvenuto", "Anteprima di")
    keep_picture(ada, "tour-italian-preview", card)
    ada.click("Invia", within=card)
    ada.wait_for_message("Lettera di benvenuto è stata esportata")
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_contain_text("Ultime esportazioni")
    keep_picture(ada, "tour-italian-home", *home_down_to(ada))


def test_a_destination_is_removed_from_home_and_takes_its_tags_along(ada: SlackPage, office: Office) -> None:
    ada.go("Postino")
    ada.tab("Home")
    expect(ada.home).to_contain_text("Last exports")
    ada.home.get_by_title("Remove Coffee letter").click()
    modal = ada.wait_for_modal("Remove destination")
    expect(modal).to_contain_text("Its tags")
    ada.tick("Delete the tags in Mailchimp")
    keep_picture(ada, "tour-removal", modal)
    ada.submit()
    expect(ada.modal).to_contain_text("Its contacts stay in Mailchimp, without its tags.")
    ada.click("Close")
    expect(ada.home).not_to_contain_text("Coffee letter")
    kept = acts.dump(office.town.audience)
    assert "Loyalty members" not in {tag for one in kept for tag in one["tags"]}

    ada.home.get_by_title("Remove Lettera di benvenuto").click()
    expect(ada.wait_for_modal("Remove destination")).to_contain_text("Tags: New customers.")
    ada.submit()
    expect(ada.modal).to_contain_text("Its contacts and tags stay in Mailchimp.")
    ada.click("Close")
    expect(ada.home).to_contain_text("There is none yet.")
    assert acts.dump(office.town.audience) == kept
    assert office.stored("SELECT count(*) FROM runs") == [(0,)]
