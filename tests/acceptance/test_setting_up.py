"""Setting up, clicked through the page: the wizard with Mailchimp's sign-in, changing a destination, roles, connections."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.acceptance.office import Office, keep_picture, save, set_up, wait_for_preview
from tests.acceptance.slack_page import SlackPage


@pytest.fixture(scope="module")
def office(office: Office) -> Office:
    """The company has a second Mailchimp account besides Contoso Coffee; its audience asks for more than names."""
    audience = office.town.world.add_account("Contoso Bakery").add_audience("Bread news")
    audience.add_field("STATE", "State")
    audience.add_field("BRANCH", "Branch", required=True)
    return office


def at_mailchimp(ada: SlackPage, decision: str, account: str | None = None) -> None:
    """The way from the wizard to Mailchimp's page, a decision there, and back."""
    with ada.page.context.expect_page() as opened:
        ada.click("Authenticate with Mailchimp")
    mailchimp = opened.value
    if account is not None:
        mailchimp.get_by_label("Account").select_option(label=account)
    mailchimp.get_by_role("button", name=decision).click()
    mailchimp.get_by_role(
        "heading", name="Connected" if decision == "Allow" else "Not connected", exact=True
    ).wait_for()
    mailchimp.close()


def match_more(ada: SlackPage, modal: Locator) -> None:
    """Step 3: a field is added, removed and added again; one that the audience requires and nothing fills is let go."""
    ada.choose("Add attribute", "State (STATE)")
    expect(modal.get_by_role("combobox", name="State (STATE)")).to_have_value("State")
    expect(modal).to_contain_text(re.compile(r"State \(STATE\).*% of the profiles have it · for example \w•••", re.S))
    modal.get_by_title("Remove State (STATE)").click()
    expect(modal).not_to_contain_text("State (STATE)")
    ada.choose("Add attribute", "State (STATE)")
    expect(modal.get_by_role("combobox", name="State (STATE)")).to_have_value("State")
    expect(modal).to_contain_text("The audience requires these fields and nothing fills them: Branch (BRANCH).")
    ada.submit()
    assert ada.errors()
    ada.tick("Skip Mailchimp's check of required fields")
    expect(modal).to_contain_text("Branch (BRANCH) (optional)")  # drawn anew: a click on what is replaced would be lost
    ada.submit()


def test_the_wizard_goes_to_mailchimp_and_comes_back_and_loses_nothing_when_it_is_closed(
    ada: SlackPage, office: Office
) -> None:
    ada.say("/postino-connect")
    modal = ada.wait_for_modal("Set up destination")
    ada.fill("Display name", "Bread letter")
    at_mailchimp(ada, "Deny")
    expect(modal).to_contain_text("Access was denied on Mailchimp's page, so nothing was connected.")
    assert office.stored("SELECT * FROM connections") == []
    at_mailchimp(ada, "Allow", "Contoso Bakery")
    expect(modal).to_contain_text("Connected to Mailchimp as Contoso Bakery")
    expect(modal).not_to_contain_text("Access was denied")
    expect(modal.get_by_role("textbox", name="Display name")).to_have_value("Bread letter")
    expect(modal).to_contain_text("Data privacy and compliance")
    keep_picture(ada, "tour-connect", modal)
    ada.tick("I agree")
    ada.submit()

    expect(modal).to_contain_text("Step 2 of 4")
    ada.choose("Audience", "Bread news")
    ada.submit()
    expect(modal).to_contain_text("Step 3 of 4")
    keep_picture(ada, "tour-matching", modal)
    ada.click("Back")
    expect(modal).to_contain_text("Step 2 of 4")
    expect(modal.get_by_role("combobox", name="Audience")).to_have_value("Bread news - 0")
    ada.click("Close the window")
    ada.wait_until_closed()

    ada.go("Postino")
    ada.tab("Messages")
    ada.wait_for_message("You closed the setup of Bread letter before saving.")
    ada.click("Resume")
    expect(modal).to_contain_text("Step 2 of 4")
    expect(modal.get_by_role("combobox", name="Audience")).to_have_value("Bread news - 0")
    ada.click("Type an audience ID")
    ada.fill("Audience ID", "no-such-id")
    ada.submit()
    expect(modal).to_contain_text("no-such-id")
    [bakery] = [one for one in office.town.world.accounts.values() if one.name == "Contoso Bakery"]
    [audience] = bakery.audiences
    ada.fill("Audience ID", audience)
    ada.submit()
    expect(modal).to_contain_text("Audience Bread news, 0 members")
    match_more(ada, modal)
    expect(modal).to_contain_text("Step 4 of 4")
    ada.choose("Segments", "New customers")
    ada.choose("Channel for notifications", "exports")
    expect(modal).to_contain_text("distinct profiles of at most 1,000,000")
    ada.submit()
    confirmed = ada.wait_for_modal("Destination saved")
    expect(confirmed).to_contain_text("It exports 1 segment to the audience Bread news.")
    ada.click("Done")
    ada.wait_until_closed()
    [(audience_id, fields, skipped)] = office.stored(
        "SELECT audience_id, fields, skip_required_fields FROM destinations"
    )
    assert audience_id == audience
    assert json.loads(fields) == {"FNAME": "FirstName", "LNAME": "LastName", "STATE": "State"}
    assert skipped


def test_a_destination_is_renamed_and_a_copy_made_of_it(ada: SlackPage, office: Office) -> None:
    set_up(ada, office.town, "Loyalty members")
    save(ada)

    ada.say("/postino destinations coffee letter")
    ada.click("Edit", within=ada.wait_for_message("search: coffee letter"))
    modal = ada.wait_for_modal("Edit destination")
    ada.fill("Display name", "Coffee club")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        ada.submit()
        expect(modal).to_contain_text(step)
    ada.choose("Schedule", "Daily")
    expect(modal.get_by_label("Time", exact=True)).to_have_value("07:00")
    ada.submit()
    expect(ada.wait_for_modal("Destination saved")).to_contain_text("The changes to Coffee club are saved.")
    ada.click("Done")
    ada.wait_until_closed()

    ada.say("/postino destinations club")
    ada.click("Duplicate", within=ada.wait_for_message("search: club"))
    modal = ada.wait_for_modal("Set up destination")
    expect(modal.get_by_role("textbox", name="Display name")).to_have_value("Copy of Coffee club")
    ada.tick("I agree")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        ada.submit()
        expect(modal).to_contain_text(step)
    expect(modal).to_contain_text("Loyalty members belongs to another destination")
    save(ada)
    ada.say("/postino destinations club")
    expect(ada.wait_for_message("2 destinations")).to_contain_text("Copy of Coffee club")


def test_who_may_only_look_is_told_whom_to_ask_and_may_use_what_is_shared(ada: SlackPage) -> None:
    ada.become("Ben Okafor")
    ada.say("/postino-connect")
    expect(ada.wait_for_modal("Set up destination")).to_contain_text("Ask an administrator of this Slack workspace")
    ada.click("Close")
    ada.wait_until_closed()
    ada.say("/postino destinations coffee club")
    listed = ada.wait_for_message("you may look")
    expect(listed.get_by_role("button", name="Edit")).to_have_count(0)
    listed.get_by_title("Privacy statement of Coffee club", exact=True).click()
    modal = ada.wait_for_modal("Privacy statement")
    expect(modal).to_contain_text("@Ada Lovelace agreed to version 1 of the data privacy and compliance statement")
    expect(modal).to_contain_text("By agreeing you instruct Postino to send data from ContosoCoffee")
    ada.click("Close")
    ada.wait_until_closed()
    ada.say("/postino-export Coffee club")
    ada.wait_for_message("Only administrators and the person who created Coffee club may do this.")
    ada.say("/postino doctor")
    ada.wait_for_message("Only administrators may do this. Ask an admin or owner of this Slack workspace.")

    ada.become("Ada Lovelace")
    ada.say("/postino connections")
    ada.wait_for_message("2 connections to Mailchimp").get_by_title("Sharing and ceiling of Contoso Coffee").click()
    modal = ada.wait_for_modal("Connection")
    ada.tick("People I choose")
    ada.choose("People", "Ben Okafor")
    ada.submit()
    expect(modal).to_contain_text("Saved.")
    ada.click("Close")
    ada.wait_until_closed()

    ada.become("Ben Okafor")
    ada.say("/postino-connect")
    modal = ada.wait_for_modal("Set up destination")
    assert ada.options("Connection") == ["Contoso Coffee\nMailchimp · API key"]
    ada.click("Cancel")
    ada.wait_until_closed()


def name_administrators(ada: SlackPage) -> Locator:
    """From the hub to the modal in which administrators name others."""
    ada.click("Administrators", within=ada.ask("/postino"))
    modal = ada.wait_for_modal("Administrators")
    expect(modal).to_contain_text("Also administrators")
    return modal


def test_whoever_an_administrator_names_is_one_until_the_name_is_taken_off(ada: SlackPage) -> None:
    refused = "Only administrators may do this. Ask an admin or owner of this Slack workspace."
    modal = name_administrators(ada)
    ada.choose("Also administrators", "Ben Okafor")
    ada.submit()
    expect(modal).to_contain_text("administrators are: @Ben Okafor.")
    ada.click("Close")
    ada.wait_until_closed()

    ada.become("Ben Okafor")
    expect(ada.ask("/postino doctor")).to_contain_text("Problems: ")
    ada.ask("/postino connections").get_by_title("Sharing and ceiling of Contoso Bakery").click()
    ada.wait_for_modal("Connection")
    ada.tick("Everyone in this workspace")
    ada.submit()
    expect(ada.modal).to_contain_text("Saved.")
    ada.click("Close")
    ada.wait_until_closed()

    ada.become("Ada Lovelace")
    modal = name_administrators(ada)
    modal.get_by_role("button", name="Remove Ben Okafor").click()
    ada.submit()
    expect(modal).to_contain_text("From now on only admins and owners of this Slack workspace are administrators")
    ada.click("Close")
    ada.wait_until_closed()
    ada.become("Ben Okafor")
    expect(ada.ask("/postino doctor")).to_contain_text(refused)


def test_a_revoked_connection_is_found_when_it_is_used_and_connected_again(ada: SlackPage, office: Office) -> None:
    account = office.town.account
    office.town.world.revoke(account.api_key)
    ada.say("/postino-export Coffee club")
    ada.wait_for_message("Coffee club needs its connection to Mailchimp again.")
    ada.say("/postino connections")
    listed = ada.wait_for_message("Mailchimp no longer accepts it")
    listed.get_by_title("Reconnect Contoso Coffee").click()
    modal = ada.wait_for_modal("Connection")
    ada.fill("API key", account.add_api_key())
    ada.submit()
    expect(modal).to_contain_text("Connected to Mailchimp as Contoso Coffee.")
    ada.click("Close")
    ada.wait_until_closed()
    ada.click("Preview again")
    ada.read("The preview of Coffee club is being computed.")
    wait_for_preview(ada, "Coffee club")


def test_a_connection_in_use_is_removed_and_its_destinations_are_kept_or_not(ada: SlackPage, office: Office) -> None:
    ada.say("/postino connections")
    ada.wait_for_message("2 connections to Mailchimp").get_by_title("Remove Contoso Bakery").click()
    modal = ada.wait_for_modal("Remove connection")
    expect(modal).to_contain_text("1 destination uses it:")
    expect(modal).to_contain_text("Bread letter")
    ada.tick("Detach them")
    ada.submit()
    expect(ada.modal).to_contain_text("Bread letter cannot run until they get another one")
    ada.click("Close")
    ada.wait_until_closed()
    ada.say("/postino destinations bread letter")
    listed = ada.wait_for_message("never, because it has no connection to Mailchimp.")
    expect(listed.get_by_role("button", name="Export")).to_have_count(0)
    assert office.stored("SELECT connection_id FROM destinations WHERE name = 'Bread letter'") == [(None,)]

    ada.say("/postino doctor")
    found = ada.wait_for_message("Bread letter: It has no connection to Mailchimp any more. Edit it and choose one.")
    keep_picture(ada, "tour-doctor", found)
    ada.click("Edit", within=found)
    modal = ada.wait_for_modal("Edit destination")
    expect(modal.get_by_role("textbox", name="Display name")).to_have_value("Bread letter")
    ada.click("Cancel")
    ada.wait_until_closed()

    ada.say("/postino connections")
    ada.wait_for_message("1 connection to Mailchimp").get_by_title("Remove Contoso Coffee").click()
    modal = ada.wait_for_modal("Remove connection")
    expect(modal).to_contain_text("2 destinations use it:")
    ada.tick("Remove them, too")
    ada.submit()
    expect(ada.modal).to_contain_text(
        "The connection Contoso Coffee was removed, and with it Coffee club, Copy of Coffee club."
    )
    ada.click("Close")
    ada.wait_until_closed()
    hub = ada.ask("/postino")
    expect(hub).to_contain_text("1 destination")
    expect(hub).to_contain_text("With every refresh of the source · No connection")
    expect(hub.get_by_role("button", name="Export…")).to_have_count(0)
    assert office.stored("SELECT name FROM destinations WHERE removal IS NULL") == [("Bread letter",)]
    assert office.stored("SELECT * FROM connections") == []
