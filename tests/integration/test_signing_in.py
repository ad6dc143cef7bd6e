"""Signing in to Mailchimp: what the modal shows by itself when the browser comes back, allowed, denied, late, or as another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage.models import Connection, Draft, SignIn
from tests.integration import wizard_hands as hands
from tests.integration.mailchimp_browser import SIGN_IN, Browser, address
from tests.integration.slack_office import Office, open_office
from tests.integration.slack_world import Served, until
from tests.integration.wizard_hands import act, enter, seen, text_of, value

Json = dict[str, Any]
DENIED = "Access was denied on Mailchimp's page, so nothing was connected."
LATE = "This sign-in took longer than 15 minutes and has expired"


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path, **SIGN_IN) as opened:
        yield opened
        assert opened.world.refused_by_slack() == []


@pytest.fixture
def browser(office: Office) -> Browser:
    return Browser(office.world)


def open_reconnecting(office: Office) -> Json:
    """The modal in which the connection Main is connected again; it is made if it is not there yet."""
    if not office.postino.connections.visible(office.world.actor):
        office.world.connect()
    office.click(office.ada, "Reconnect…", office.type(office.ada, "/postino connections"))
    return seen(office.ada, "Connect the Mailchimp account Contoso Coffee again.")


def open_wizard(office: Office) -> Json:
    return hands.open_wizard(office.ada)


def connections(office: Office) -> list[tuple[str, str, str]]:
    """Every connection's name, account and kind."""
    with office.postino.database.read() as session:
        return [(one.name, one.account_name, one.kind) for one in session.scalars(select(Connection))]


def credential(office: Office) -> bytes:
    with office.postino.database.read() as session:
        return session.scalars(select(Connection.sealed_credential)).one()


OPENING = pytest.mark.parametrize("open_modal", [open_wizard, open_reconnecting])


def test_connecting_again_by_signing_in_turns_the_open_modal_green(office: Office, browser: Browser) -> None:
    first = open_reconnecting(office)
    office.postino.connections.mark_reconnect_needed(1, needed=True)
    page = browser.sign_in(address(first))
    assert (page.status, "Connected to Mailchimp as Contoso Coffee." in page.text) == (200, True)
    green = office.ada.view()
    assert green is not None
    assert "✅ Connected to Mailchimp as Contoso Coffee." in text_of(green)
    assert connections(office) == [("Main", "Contoso Coffee", "oauth")]
    assert not office.postino.connections.get(office.world.actor, 1).reconnect_needed


def test_signing_in_to_another_account_changes_nothing_and_says_where_it_belongs(
    office: Office, browser: Browser
) -> None:
    first, before = open_reconnecting(office), credential(office)
    other = office.world.served.world.add_account("Another Shop")
    page = browser.sign_in(address(first), account=other)
    said = "You signed in to the Mailchimp account Another Shop, but this connection belongs to Contoso Coffee."
    assert (page.status, said in page.text) == (400, True)
    again = seen(office.ada, said, "Nothing was changed.", "Contoso Coffee again")
    assert connections(office) == [("Main", "Contoso Coffee", "api_key")]
    assert credential(office) == before
    assert address(again) != address(first)
    assert browser.sign_in(address(again)).status == 200
    seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee.")
    assert connections(office) == [("Main", "Contoso Coffee", "oauth")]


def test_signing_in_to_another_account_in_the_wizard_makes_a_connection_and_says_where_the_destination_goes(
    office: Office, browser: Browser
) -> None:
    office.world.connect()
    other = office.world.served.world.add_account("Another Shop")
    browser.sign_in(address(open_wizard(office)), account=other)
    shown = seen(office.ada, "Connected to Mailchimp as Another Shop", "This destination goes to Another Shop.")
    assert "The other connections stay as they are." in text_of(shown)
    assert connections(office) == [("Main", "Contoso Coffee", "api_key"), ("Another Shop", "Another Shop", "oauth")]
    enter(office.ada, "connection", "Main")
    assert "goes to" not in text_of(seen(office.ada, "Connected to Mailchimp as Contoso Coffee"))


def test_an_edit_that_signs_in_to_another_account_says_what_the_destination_has_used_until_now(
    office: Office, browser: Browser
) -> None:
    destination = office.world.destination("VIP")
    other = office.world.served.world.add_account("Another Shop")
    other.add_audience("Shop news")
    office.click(office.ada, "Edit", office.type(office.ada, "/postino destinations"))
    first = seen(office.ada, "Connected to Mailchimp as Contoso Coffee")
    assert "until now" not in text_of(first)
    browser.sign_in(address(first), account=other)
    moves = "This destination used Main until now. Saving moves it to Another Shop: choose one of its audiences"
    seen(office.ada, "Connected to Mailchimp as Another Shop", moves)
    act(office.ada, "submit")
    chosen = seen(office.ada, "Step 2 of 4", "Connected to Mailchimp as Another Shop")
    assert value(chosen, "audience") is None
    enter(office.ada, "audience", "Shop news")
    act(office.ada, "submit")
    seen(office.ada, "Step 3 of 4")
    act(office.ada, "click", target="Back")
    seen(office.ada, "Step 2 of 4")
    act(office.ada, "click", target="Back")
    seen(office.ada, "Step 1 of 4", moves)
    enter(office.ada, "connection", "Main")
    assert "until now" not in text_of(seen(office.ada, "Connected to Mailchimp as Contoso Coffee"))
    assert office.postino.destinations.get(office.world.actor, destination.id).connection_id == 1
    assert [name for name, *_ in connections(office)] == ["Main", "Another Shop"]


@OPENING
def test_after_a_refusal_at_mailchimp_the_modal_says_so_and_leads_there_again(
    office: Office, browser: Browser, open_modal: Callable[[Office], Json]
) -> None:
    first = open_modal(office)
    before = connections(office)
    page = browser.sign_in(address(first), "deny")
    assert page.status == 400
    assert "so nothing was connected" in page.text
    again = seen(office.ada, DENIED)
    assert connections(office) == before
    assert address(again) != address(first)
    assert browser.sign_in(address(again)).status == 200
    assert DENIED not in text_of(seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee"))


def test_what_was_typed_in_the_wizard_outlives_a_refusal(office: Office, browser: Browser) -> None:
    first = open_wizard(office)
    enter(office.ada, "name", "Spring letter")
    leave_for_mailchimp(office)
    browser.sign_in(address(first), "deny")
    assert value(seen(office.ada, DENIED), "name") == "Spring letter"


@OPENING
def test_an_address_that_is_too_old_connects_nothing_and_is_replaced(
    office: Office, browser: Browser, open_modal: Callable[[Office], Json]
) -> None:
    first = open_modal(office)
    before = connections(office)
    office.clock.forward(minutes=16)
    page = browser.sign_in(address(first))
    assert (page.status, LATE in page.text) == (400, True)
    assert connections(office) == before
    again = seen(office.ada, LATE)
    assert browser.sign_in(address(again)).status == 200


@OPENING
def test_the_quarter_of_an_hour_begins_at_the_click(
    office: Office, browser: Browser, open_modal: Callable[[Office], Json]
) -> None:
    first = open_modal(office)
    office.clock.forward(minutes=20)
    leave_for_mailchimp(office)
    assert browser.sign_in(address(first)).status == 200
    seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee")


def leave_for_mailchimp(office: Office) -> None:
    """Click the button that leads to Mailchimp; Postino notes it before anybody can have signed in there."""
    now = office.clock()
    act(office.ada, "click", target="Authenticate with Mailchimp")

    def noted() -> bool:
        with office.postino.database.read() as session:
            drafts = all(draft.values["touched"] for draft in session.scalars(select(Draft)))
            return drafts and any(
                one.expires_at.timestamp() > now.timestamp() + 890 for one in session.scalars(select(SignIn))
            )

    until(noted)


@OPENING
def test_the_same_address_works_once(office: Office, browser: Browser, open_modal: Callable[[Office], Json]) -> None:
    first = open_modal(office)
    back, again = (browser.decide(address(first)) for _ in range(2))
    assert back["state"] == again["state"]
    assert browser.come_back(back).status == 200
    seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee")
    before = credential(office)
    page = browser.come_back(again)
    assert page.status == 400
    assert "This sign-in has expired or was used already." in page.text
    assert credential(office) == before
    seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee")


def test_what_else_mailchimp_sends_back_is_told_without_its_words(office: Office, browser: Browser) -> None:
    first = open_wizard(office)
    state = browser.decide(address(first), "deny")["state"]
    page = browser.come_back({"state": state, "error": "<b>server_error</b>"})
    assert page.status == 400
    assert "server_error" not in page.text
    seen(office.ada, "Mailchimp ended the sign-in with an error, so nothing was connected.")


def test_a_connection_that_was_removed_meanwhile_does_not_come_back(office: Office, browser: Browser) -> None:
    first = open_reconnecting(office)
    office.postino.removals.connection(office.world.actor, 1)
    assert browser.sign_in(address(first)).status == 400
    seen(office.ada, "This connection does not exist any more.")
    assert connections(office) == []
