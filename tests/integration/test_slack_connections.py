"""Connections in Slack: who sees what, sharing, connecting again, removing one that is in use."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import bot.people
from sandbox.slack.values import Role
from services.access import Actor, Sharing, Standing
from services.removing import Users
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, enter, seen, text_of


def ben(office: Office) -> Actor:
    return Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)


def test_administrators_see_type_maker_sharing_and_use_of_each_connection(office: Office) -> None:
    office.world.destination("VIP")
    shown = lines(office.type(office.ada, "/postino connections"))
    assert "1 connection to Mailchimp" in shown
    assert "Main · connected" in shown
    assert "Mailchimp · Contoso Coffee · API key · Made by @Ada" in shown
    assert "May be used by: Administrators only" in shown
    assert "Used by: Newsletter" in shown


def test_others_see_only_name_and_type_of_what_is_shared_with_them(office: Office) -> None:
    office.world.connect()
    told = office.type(office.ben, "/postino connections")
    assert "No Mailchimp connection is shared with you. Ask an administrator" in lines(told)
    assert not told["buttons"]
    office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Whoever may use Main")
    enter(office.ada, "shared_with", "Everyone in this workspace")
    act(office.ada, "submit")
    assert "Destinations" not in text_of(seen(office.ada, "Saved. It counts from now on."))
    answer = office.type(office.ben, "/postino connections")
    assert lines(answer) == "1 connection to Mailchimp\nMain\nMailchimp · API key"
    assert not answer["buttons"]
    assert "Ask a member of this workspace." in lines(office.type(office.world.gus, "/postino connections"))


def test_a_connection_is_shared_with_chosen_people(office: Office) -> None:
    office.world.connect()
    office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Whoever may use Main")
    enter(office.ada, "shared_with", "People I choose")
    act(office.ada, "submit")
    seen(office.ada, "Choose at least one person")
    enter(office.ada, "shared_with", "People I choose")
    enter(office.ada, "people", ["U0BEN"])
    act(office.ada, "submit")
    seen(office.ada, "Saved.")
    assert [one.name for one in office.postino.connections.visible(ben(office))] == ["Main"]
    assert "Only @Ben" in lines(office.type(office.ada, "/postino connections"))


def test_the_contact_ceiling_is_seen_and_changed_where_the_connections_are(office: Office) -> None:
    connection = office.world.connect()
    assert "Contact ceiling" not in lines(office.type(office.ada, "/postino connections"))
    for typed, kept in (("5000", 5000), ("", None)):
        office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
        seen(office.ada, "Whoever may use Main")
        enter(office.ada, "ceiling", typed)
        act(office.ada, "submit")
        seen(office.ada, "Saved. It counts from now on.")
        assert office.postino.connections.get(office.world.actor, connection).contact_ceiling == kept
        shown = lines(office.type(office.ada, "/postino connections"))
        assert ("Contact ceiling: 5,000" in shown) is (kept is not None)


def test_what_is_said_after_sharing_is_what_has_changed(office: Office) -> None:
    said = "The schedule of this destination stops, because whoever agreed to its statement may not use the connection any more"

    def told(choice: str, people: Sequence[str] = ()) -> str:
        office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
        seen(office.ada, "Whoever may use Main")
        enter(office.ada, "shared_with", choice)
        if people:
            enter(office.ada, "people", people)
        act(office.ada, "submit")
        view = office.soon(
            lambda: (view := office.ada.view()) and not view["inputs"] and "⏳" not in text_of(view) and view
        )
        act(office.ada, "close")
        return text_of(view).removeprefix("Connection\n").removesuffix("\n[Close]")

    office.world.connect()
    assert told("Everyone in this workspace") == "Saved. It counts from now on."
    assert told("Administrators only") == "Saved. It counts from now on."  # nothing uses it
    office.world.destination("VIP")
    assert told("Administrators only") == "Nothing was changed."
    assert told("People I choose", ["U0BEN", "U0ADA"]) == "Saved. It counts from now on."
    assert told("People I choose", ["U0ADA"]) == "Saved. It counts from now on."  # an administrator agreed
    assert told("Everyone in this workspace") == "Saved. It counts from now on."
    ben = Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    office.world.destination("Everyone", name="Ben's letter", schedule="daily 07:00", connection_id=1, by=ben)
    office.world.destination("Bergamo", name="By hand", connection_id=1, by=ben)
    assert told("People I choose", ["U0BEN"]) == "Saved. It counts from now on."
    assert f"{said}: Ben's letter." in told("People I choose", ["U0ADA"])

    listed = lines(office.type(office.ada, "/postino destinations ben"))
    assert "Next: not by its schedule, because @Ben Okafor, who agreed to the statement" in listed
    assert "Next, by your clock" not in listed
    assert "Not exported by schedule: @Ben Okafor" in lines(office.type(office.ada, "/postino schedules"))
    found = office.type(office.ada, "/postino doctor")
    assert "Problem · Ben's letter: Its schedule is refused: whoever agreed to its statement may not use" in lines(
        found
    )
    assert "By hand: Its schedule" not in lines(found)
    assert told("Everyone in this workspace") == "Saved. It counts from now on."
    assert "Ben's letter: Its schedule" not in lines(office.type(office.ada, "/postino doctor"))


def test_two_who_share_a_connection_at_once_do_not_undo_each_other(office: Office) -> None:
    connection = office.world.connect()
    connections, actor = office.postino.connections, office.world.actor

    def shared() -> tuple[str, list[str], int | None]:
        found = connections.get(actor, connection)
        return found.shared_with, found.shared_people, found.contact_ceiling

    office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Whoever may use Main")
    connections.share(actor, connection, Sharing.PEOPLE, ["U0BEN"])
    office.world.limit(connection, 7)
    enter(office.ada, "shared_with", "Everyone in this workspace")
    act(office.ada, "submit")
    seen(office.ada, "Whoever may use Main", "Somebody else changed who may use Main")
    assert shared() == ("people", ["U0BEN"], 7)
    act(office.ada, "submit")  # what is shown now is what holds
    seen(office.ada, "Nothing was changed.")
    assert shared() == ("people", ["U0BEN"], 7)


def test_a_revoked_account_is_connected_again_with_a_new_key(office: Office) -> None:
    connection = office.world.connect()
    office.postino.connections.mark_reconnect_needed(connection, needed=True)
    answer = office.type(office.ada, "/postino connections")
    assert "Mailchimp no longer accepts it: connect it again" in lines(answer)
    office.click(office.ada, "Reconnect…", answer)
    seen(office.ada, "Connect the Mailchimp account Contoso Coffee again.")
    enter(office.ada, "key", office.world.account.api_key)
    act(office.ada, "submit")
    seen(office.ada, "Connected to Mailchimp as Contoso Coffee.")
    assert not office.postino.connections.get(office.world.actor, connection).reconnect_needed


def test_the_key_of_another_account_does_not_replace_a_connection(office: Office) -> None:
    connection = office.world.connect()
    other = office.world.served.world.add_account("Another Shop")
    office.click(office.ada, "Reconnect…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Contoso Coffee again")
    enter(office.ada, "key", other.api_key)
    act(office.ada, "submit")
    seen(office.ada, "This belongs to the Mailchimp account Another Shop, not to Contoso Coffee.")
    assert office.postino.connections.get(office.world.actor, connection).account_name == "Contoso Coffee"


@pytest.mark.parametrize(
    ("choice", "told", "left"),
    [
        ("Detach them", "Newsletter cannot run until they get another one: edit them.", ["Newsletter"]),
        ("Remove them, too", "The connection Main was removed, and with it Newsletter.", []),
    ],
)
def test_removing_a_connection_in_use_names_its_users_and_asks_what_becomes_of_them(
    office: Office, choice: str, told: str, left: list[str]
) -> None:
    office.world.destination("VIP")
    office.click(office.ada, "Remove…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "1 destination uses it:", "• Newsletter")
    enter(office.ada, "choice", choice)
    act(office.ada, "submit")
    seen(office.ada, told)
    assert [one.name for one in office.postino.destinations.visible(office.world.actor)] == left
    assert office.postino.connections.visible(office.world.actor) == []


def test_the_hub_offers_no_export_of_a_destination_without_a_connection(office: Office) -> None:
    made = office.world.destination("VIP")
    assert "Export…" in {button["text"] for button in office.type(office.ada, "/postino")["buttons"]}
    office.postino.removals.connection(office.world.actor, made.connection_id or 0, Users.DETACH)
    hub = office.type(office.ada, "/postino")
    assert "1 segment · Only by hand · No connection" in lines(hub)
    buttons = {button["text"] for button in hub["buttons"]}
    assert "Export…" not in buttons
    assert "Edit" in buttons


def test_a_right_that_was_taken_away_while_the_modal_was_open_is_checked_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.people, "REMEMBERED_SECONDS", 0.0)
    office.world.destination("VIP")
    office.click(office.ada, "Remove…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "1 destination uses it:")
    office.world.workspace.users["U0ADA"].role = Role.MEMBER
    act(office.ada, "submit")
    seen(office.ada, "Ask an admin")
    assert office.postino.destinations.visible(office.world.actor)


def test_a_forged_button_opens_nothing_for_somebody_who_is_no_administrator(office: Office) -> None:
    office.world.connect()
    for action in ("remove.connection", "connection.share", "connection.reconnect"):
        text = {"type": "plain_text", "text": "Go"}
        row = {"type": "actions", "elements": [{"type": "button", "action_id": action, "text": text, "value": "1"}]}
        posted = office.world.app.client.chat_postMessage(channel="C0EXPORTS", text="Old", blocks=[row])
        act(office.ben, "click", target="Go", channel="exports", ts=posted["ts"])
        seen(office.ben, "Only administrators may do this. Ask an admin or owner of this Slack workspace.")
        act(office.ben, "close")
