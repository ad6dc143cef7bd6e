"""The ways into the wizard and out of it: closing and resuming, editing, signing in, dead ends, slow answers."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from bot import modals
from bot.wizard.conversation import Conversation
from bot.wizard.steps import Steps
from sandbox.slack.remote import RemotePerson
from sandbox.slack.values import Role
from services.access import Sharing
from services.approving import Approval
from services.destinations import Policies
from storage.models import AuditEntry, Draft
from tests.integration import wizard_hands as hands
from tests.integration.mailchimp_browser import SIGN_IN, Browser, address
from tests.integration.slack_world import Served, SlackWorld, open_slack_world, until
from tests.integration.wizard_hands import act, enter, seen, text_of, value


def offer(world: SlackWorld) -> str:
    """The newest direct message to Ada, as its timestamp."""
    found = until(lambda: hands.direct_messages(world, world.ada))
    return str(found[-1]["ts"])


def test_closing_offers_to_resume_where_it_was_left_with_everything_typed(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada, "Spring letter")
    act(ada, "close")
    until(lambda: hands.direct_messages(slack_world, ada))
    [message] = hands.direct_messages(slack_world, ada)
    assert "Spring letter" in message["text"]
    act(ada, "click", target="Resume", channel=message["channel"], ts=message["ts"])
    seen(ada, "Step 3 of 4", "Audience Newsletter")
    until(lambda: hands.direct_messages(slack_world, ada)[-1]["text"] == "Resumed.")
    act(ada, "click", target="Back")
    seen(ada, "Step 2 of 4")
    act(ada, "click", target="Back")
    assert value(seen(ada, "Step 1 of 4"), "name") == "Spring letter"


def test_what_was_typed_on_the_step_that_is_closed_is_kept_too(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Half typed")
    act(ada, "close")
    ts = offer(slack_world)
    act(ada, "click", target="Resume", channel="D0ADA", ts=ts)
    assert value(seen(ada, "Step 1 of 4"), "name") == "Half typed"


def test_closing_a_wizard_in_which_nothing_was_typed_offers_nothing(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    hands.open_wizard(ada)
    act(ada, "close")
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    act(ada, "close")

    def drafts() -> int:
        with slack_world.postino.database.read() as session:
            return session.scalar(select(func.count()).select_from(Draft)) or 0

    until(lambda: drafts() == 0)
    assert hands.direct_messages(slack_world, ada) == []


def test_a_discarded_draft_cannot_be_resumed(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    for _ in range(2):
        hands.open_wizard(ada)
        enter(ada, "name", "Half typed")
        act(ada, "close")
    until(lambda: len(hands.direct_messages(slack_world, ada)) == 2)
    first, second = hands.direct_messages(slack_world, ada)
    act(ada, "click", target="Discard", channel="D0ADA", ts=first["ts"])
    until(lambda: "Discarded." in hands.direct_messages(slack_world, ada)[0]["text"])
    act(ada, "click", target="Discard", channel="D0ADA", ts=second["ts"])
    until(lambda: "Discarded." in hands.direct_messages(slack_world, ada)[1]["text"])
    with slack_world.postino.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT COUNT(*) FROM drafts").scalar() == 0


def test_somebody_else_cannot_open_a_draft(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Half typed")
    act(ada, "close")
    ts = offer(slack_world)
    slack_world.workspace.channels["D0ADA"].members.append("U0BEN")
    act(slack_world.ben, "click", target="Resume", channel="D0ADA", ts=ts)
    seen(slack_world.ben, "This draft does not exist any more.")


def test_an_edit_opens_the_same_modal_filled_in_and_changes_the_destination(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP", schedule="weekly fri 08:15")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    first = seen(ada, "Step 1 of 4", "Edit destination")
    assert value(first, "name") == "Newsletter"
    assert value(first, "agreed")
    enter(ada, "name", "Newsletter 2")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        fourth = seen(ada, step)
    assert "3 distinct profiles" in text_of(fourth)
    assert value(fourth, "time") == "08:15"
    enter(ada, "segments", ["VIP", "Bergamo"])
    seen(ada, "6 distinct profiles")
    act(ada, "submit")
    seen(ada, "The changes to Newsletter 2 are saved.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert (saved.id, saved.name, len(saved.segments)) == (destination.id, "Newsletter 2", 2)
    assert saved.schedule == "weekly fri 08:15"


def test_an_edit_goes_to_the_last_step_at_once_unless_something_is_missing(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4", "Edit destination")
    enter(ada, "agreed", [])
    act(ada, "click", target="Go to segments and schedule")
    seen(ada, "Step 1 of 4", "⛔ Agree to the data privacy and compliance statement first.")
    enter(ada, "agreed", ["agreed"])
    enter(ada, "name", "Newsletter 2")
    act(ada, "click", target="Go to segments and schedule")
    assert "3 distinct profiles" in text_of(seen(ada, "Step 4 of 4"))
    act(ada, "click", target="Back")
    assert "Add attribute" in text_of(seen(ada, "Step 3 of 4"))
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    act(ada, "submit")
    seen(ada, "The changes to Newsletter 2 are saved.")


def test_an_edit_that_moves_to_another_account_asks_for_one_of_its_audiences(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    elsewhere = slack_world.served.world.add_account("Elsewhere")
    there = elsewhere.add_audience("Spring letters")
    slack_world.postino.connections.add_with_key(slack_world.actor, "Elsewhere", elsewhere.api_key)
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    enter(ada, "connection", "Elsewhere")
    seen(ada, "Saving moves it to")
    act(ada, "click", target="Go to segments and schedule")
    second = seen(ada, "Step 2 of 4", "⛔ Choose an audience, or type its ID.")
    assert slack_world.audience.id not in text_of(second)
    assert value(second, "audience") in (None, "")
    enter(ada, "audience", there.id)
    for step in ("Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        seen(ada, step)
    act(ada, "submit")
    seen(ada, "The changes to Newsletter are saved.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert saved.audience_id == there.id


def test_a_destination_is_copied_from_its_edit(slack_world: SlackWorld) -> None:
    original = slack_world.destination("VIP", schedule="weekly fri 08:15")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4", "Edit destination")
    act(ada, "click", target="Make a copy instead")
    first = seen(ada, "Step 1 of 4", "Set up destination")
    assert value(first, "name") == "Copy of Newsletter"
    assert not value(first, "agreed")
    assert "Make a copy instead" not in text_of(first)
    enter(ada, "name", "Second letter")
    enter(ada, "agreed", ["agreed"])
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        fourth = seen(ada, step)
    assert value(fourth, "time") == "08:15"
    assert "VIP belongs to another destination: this one's tag is called VIP (Postino)." in text_of(fourth)
    act(ada, "submit")
    seen(ada, "Second letter is saved.")
    first_saved, second_saved = slack_world.postino.destinations.visible(slack_world.actor)
    assert (first_saved.id, first_saved.name, first_saved.version) == (original.id, "Newsletter", original.version)
    assert (second_saved.name, second_saved.schedule) == ("Second letter", "weekly fri 08:15")
    assert second_saved.segments[0].tag_name != first_saved.segments[0].tag_name


def test_a_segment_that_is_left_out_is_said_to_leave_its_tag_behind(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP", "Bergamo")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        fourth = seen(ada, step)
    assert "stays in Mailchimp" not in text_of(fourth)
    enter(ada, "segments", ["VIP"])
    told = "The tag Bergamo stays in Mailchimp on everybody who has it, and Postino no longer keeps it up."
    seen(ada, told, "3 distinct profiles")
    act(ada, "submit")
    seen(ada, "The changes to Newsletter are saved.", told)


def edit_while_another_sets_policies(slack_world: SlackWorld, destination_id: int) -> None:
    """Ada is at the last step of an edit; meanwhile every export must be approved, and the destination is quiet."""
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4", "Edit destination")
    act(ada, "click", target="Go to segments and schedule")
    seen(ada, "Step 4 of 4")
    policies = Policies(approval=Approval.ALWAYS, quiet=True)
    slack_world.postino.destinations.set_policies(slack_world.actor, destination_id, policies)


def test_an_edit_leaves_alone_what_others_decided_about_approval_meanwhile(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    ada = slack_world.ada
    edit_while_another_sets_policies(slack_world, destination.id)
    act(ada, "submit")
    seen(ada, "The changes to Newsletter are saved.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert (saved.approval, saved.quiet) == (Approval.ALWAYS, True)


def test_who_approves_is_not_decided_over_somebody_else(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    ada = slack_world.ada
    edit_while_another_sets_policies(slack_world, destination.id)
    enter(ada, "approval", "first")
    act(ada, "submit")
    seen(ada, "Step 4 of 4", "Somebody else changed the policies of Newsletter meanwhile.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert (saved.approval, saved.version) == (Approval.ALWAYS, destination.version)
    act(ada, "submit")
    seen(ada, "The changes to Newsletter are saved.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert (saved.approval, saved.quiet) == (Approval.ALWAYS, True)


def jump_and_save(person: RemotePerson) -> None:
    """From an edit's first step to the last, and save."""
    act(person, "click", target="Go to segments and schedule")
    seen(person, "Step 4 of 4")
    act(person, "submit")


@pytest.mark.parametrize("changing", [False, True])
def test_saving_writes_only_what_the_person_changed_of_the_connection(slack_world: SlackWorld, changing: bool) -> None:
    slack_world.destination("VIP")
    ada, connections = slack_world.ada, slack_world.postino.connections
    [connection] = connections.visible(slack_world.actor)

    def held() -> tuple[str, list[str], int | None]:
        found = connections.get(slack_world.actor, connection.id)
        return found.shared_with, found.shared_people, found.contact_ceiling

    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4", "Edit destination")
    connections.share(slack_world.actor, connection.id, Sharing.PEOPLE, ["U0BEN"])
    if changing:
        enter(ada, "sharing", "everyone")
        enter(ada, "ceiling", "9000")
        enter(ada, "name", "Other letter")
        jump_and_save(ada)
        first = seen(ada, "Step 1 of 4", "Somebody else changed who may use Main")
        assert held() == ("people", ["U0BEN"], None)
        assert [one.name for one in slack_world.postino.destinations.visible(slack_world.actor)] == ["Newsletter"]
        assert value(first, "sharing")["value"] == "people"
        assert (value(first, "people"), value(first, "ceiling")) == (["U0BEN"], None)
    enter(ada, "ceiling", "8000")
    jump_and_save(ada)
    seen(ada, "are saved.")
    assert held() == ("people", ["U0BEN"], 8000)
    act(ada, "close")
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4", "Edit destination")
    slack_world.limit(connection.id, None)
    jump_and_save(ada)
    seen(ada, "are saved.")
    assert held() == ("people", ["U0BEN"], None)


def test_an_edit_over_somebody_elses_edit_is_refused_and_nothing_is_overwritten(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        seen(ada, step)
    slack_world.edit("Newsletter", "Bergamo")
    act(ada, "submit")
    seen(ada, "Step 4 of 4", "Somebody else changed Newsletter meanwhile.")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert [one.segment for one in saved.segments] == ["Bergamo"]
    act(ada, "close")
    [told] = until(lambda: hands.direct_messages(slack_world, ada))
    assert told["text"] == "Somebody else changed Newsletter meanwhile. Open it again; your entries were not saved."
    assert told["buttons"] == []  # to resume would only be refused once more


def test_an_edit_of_a_destination_that_is_removed_meanwhile_offers_nothing_to_resume(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    enter(ada, "name", "Another name")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    slack_world.postino.removals.destination(slack_world.actor, saved.id)
    act(ada, "close")
    [told] = until(lambda: hands.direct_messages(slack_world, ada))
    assert told["text"] == "This destination does not exist any more."
    assert told["buttons"] == []


def test_the_shortcut_opens_the_wizard(slack_world: SlackWorld) -> None:
    act(slack_world.ada, "shortcut", callback_id="connect")
    seen(slack_world.ada, "Step 1 of 4")


def test_somebody_with_no_connection_is_told_to_ask_an_administrator(slack_world: SlackWorld) -> None:
    slack_world.connect()
    act(slack_world.ben, "command", channel="general", text="/postino-connect")
    view = seen(slack_world.ben, "Ask an administrator")
    assert view["submit"] is None


def test_a_contributor_sets_up_a_destination_on_a_shared_connection(slack_world: SlackWorld) -> None:
    connection = slack_world.connect()
    slack_world.postino.connections.share(slack_world.actor, connection, Sharing.PEOPLE, ["U0BEN"])
    first = hands.open_wizard(slack_world.ben)
    assert "Use an API key" not in text_of(first)
    assert "Who may use this connection" not in text_of(first)
    act(slack_world.ben, "close")
    hands.to_segments(slack_world.ben)
    hands.finish(slack_world.ben, "VIP")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert (saved.created_by, saved.consent_by) == ("U0BEN", "U0BEN")


def test_an_administrator_shares_the_connection_by_saving_and_not_by_leaving(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    enter(ada, "connection", "Main")
    seen(ada, "Who may use this connection")
    enter(ada, "sharing", "people")
    seen(ada, "Choose people")
    enter(ada, "people", ["ben"])
    enter(ada, "ceiling", "9000")
    enter(ada, "agreed", ["agreed"])

    def held() -> tuple[str, list[str], int | None]:
        [found] = slack_world.postino.connections.visible(slack_world.actor)
        return found.shared_with, found.shared_people, found.contact_ceiling

    act(ada, "submit")
    seen(ada, "Step 2 of 4")
    act(ada, "click", target="Back")
    first = seen(ada, "Step 1 of 4")
    assert (value(first, "sharing")["value"], value(first, "people"), value(first, "ceiling")) == (
        "people",
        ["U0BEN"],
        "9000",
    )
    act(ada, "submit")
    seen(ada, "Step 2 of 4")
    act(ada, "close")
    act(ada, "click", target="Resume", channel="D0ADA", ts=offer(slack_world))
    seen(ada, "Step 2 of 4")
    assert held() == ("admins", [], None)
    with slack_world.postino.database.read() as session:
        assert not session.scalars(select(AuditEntry).where(AuditEntry.action == "connection.shared")).all()
    enter(ada, "audience", "Newsletter")
    for step in ("Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        seen(ada, step)
    hands.finish(ada, "VIP")
    assert held() == ("people", ["U0BEN"], 9000)


def test_guests_see_one_sentence_and_nothing_else(slack_world: SlackWorld) -> None:
    act(slack_world.gus, "command", channel="exports", text="/postino-connect")
    view = seen(slack_world.gus, "Guests and people from other workspaces cannot use Postino.")
    assert (view["submit"], view["inputs"], view["buttons"]) == (None, [], [])


def test_a_name_that_is_taken_is_said_before_anything_else_is_asked(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP", name="Spring letter")
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "spring LETTER")
    enter(ada, "connection", "Main")
    seen(ada, "Connected to Mailchimp")
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    seen(ada, "Step 1 of 4", "There is a destination called spring LETTER already.")


def test_no_source_is_said_where_it_shows(served: Served, tmp_path: Path) -> None:
    with open_slack_world(served, tmp_path, POSTINO_SOURCE_URL=None) as world:
        world.postino.connections.add_with_key(world.actor, "Main", world.account.api_key)
        act(world.ada, "command", channel="general", text="/postino-connect")
        seen(world.ada, "No source is set. Set POSTINO_SOURCE_URL")
        assert world.refused_by_slack() == []


def test_an_account_without_audience_can_look_again_when_there_is_one(slack_world: SlackWorld) -> None:
    slack_world.connect()
    slack_world.account.audiences.clear()
    ada = slack_world.ada
    hands.to_audience(ada)
    seen(ada, "This Mailchimp account has no audience.")
    slack_world.account.add_audience("Newsletter")
    act(ada, "click", target="Look again")
    assert "Newsletter" not in text_of(seen(ada, "Step 2 of 4", "Type an audience ID"))
    enter(ada, "audience", "Newsletter")


def leave_for_mailchimp(world: SlackWorld) -> None:
    """Click the button that leads to Mailchimp; Postino notes it before anybody can have signed in there."""
    act(world.ada, "click", target="Authenticate with Mailchimp")

    def noted() -> bool:
        with world.postino.database.read() as session:
            return any(draft.values["touched"] for draft in session.scalars(select(Draft)))

    until(noted)


def test_a_sign_in_turns_the_open_modal_green_and_keeps_what_was_typed(served: Served, tmp_path: Path) -> None:
    with open_slack_world(served, tmp_path, **SIGN_IN) as world:
        ada = world.ada
        first = hands.open_wizard(ada)
        enter(ada, "name", "Spring letter")
        leave_for_mailchimp(world)
        assert Browser(world).sign_in(address(first)).status == 200
        green = seen(ada, "✅ Connected to Mailchimp as Contoso Coffee")
        assert value(green, "name") == "Spring letter"
        enter(ada, "agreed", ["agreed"])
        act(ada, "submit")
        seen(ada, "Step 2 of 4")
        assert world.refused_by_slack() == []


def test_who_is_no_administrator_any_more_when_the_sign_in_returns_connects_nothing(
    served: Served, tmp_path: Path
) -> None:
    with open_slack_world(served, tmp_path, **SIGN_IN) as world:
        url = address(hands.open_wizard(world.ada))
        users = world.workspace.users
        users["U0ADA"] = replace(users["U0ADA"], role=Role.MEMBER)
        page = Browser(world).sign_in(url)
        assert page.status == 400
        assert "Only administrators may do this" in page.text
        assert world.postino.connections.visible(world.actor) == []


def test_a_sign_in_that_returns_to_a_closed_modal_is_told_directly(served: Served, tmp_path: Path) -> None:
    with open_slack_world(served, tmp_path, **SIGN_IN) as world:
        ada = world.ada
        first = hands.open_wizard(ada)
        leave_for_mailchimp(world)
        act(ada, "close")
        until(lambda: hands.direct_messages(world, ada))
        assert Browser(world).sign_in(address(first)).status == 200
        message = hands.direct_messages(world, ada)[-1]
        assert "Connected to Mailchimp as" in message["text"]
        act(ada, "click", target="Resume", channel="D0ADA", ts=message["ts"])
        seen(ada, "Step 1 of 4", "✅ Connected to Mailchimp as Contoso Coffee")


def test_a_slow_mailchimp_shows_that_it_is_being_asked_and_then_the_next_step(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    enter(ada, "connection", "Main")
    seen(ada, "Connected to Mailchimp")
    enter(ada, "agreed", ["agreed"])
    slack_world.served.world.faults.add("slow", seconds=2.0, times=1)
    act(ada, "submit")
    waiting = ada.view()
    assert waiting is not None
    assert "Mailchimp is being asked…" in text_of(waiting)
    seen(ada, "Step 2 of 4", "Audience")


def test_many_segments_are_found_by_search_and_the_total_counts_each_profile_once(slack_world: SlackWorld) -> None:
    slack_world.connect()
    for number in range(100):
        slack_world.segment(f"Campaign {number:03}", [f"p{number % 10}"])
    ada = slack_world.ada
    hands.to_segments(ada)
    found = ada.act("options", target="segments", query="paign 04")
    assert [one["text"] for one in found["options"]][:10] == [f"Campaign {number:03} - 1" for number in range(40, 50)]
    enter(ada, "segments", ["Campaign 041", "Campaign 042", "Campaign 051"])
    seen(ada, "2 distinct profiles of at most 1,000,000")


def test_a_time_zone_is_found_by_its_city(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    assert value(hands.to_segments(ada), "zone")["value"] == "Europe/London"
    enter(ada, "zone", "new york")
    hands.finish(ada, "VIP")
    [saved] = slack_world.postino.destinations.visible(slack_world.actor)
    assert saved.time_zone == "America/New_York"


def test_a_wizard_whose_draft_is_gone_says_so_and_stays_usable(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Typed already")
    with slack_world.postino.database.write() as session:
        session.execute(delete(Draft))
    act(ada, "click", target="Use an API key")
    view = seen(ada, "This draft does not exist any more.")
    assert value(view, "name") == "Typed already"
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    assert seen(ada, "This draft does not exist any more.")["submit"] is None


def test_mailchimp_failing_on_the_way_keeps_the_step_and_says_what_to_do(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_audience(ada)
    enter(ada, "audience", "Newsletter")
    revoked = slack_world.served.world.faults.add("revoke", times=1)
    act(ada, "submit")
    seen(ada, "Step 2 of 4", "⛔ Mailchimp no longer accepts the authorisation")
    assert revoked.hit == 1


def test_a_connection_that_mailchimp_accepts_again_counts_as_connected(slack_world: SlackWorld) -> None:
    connection = slack_world.connect()
    connections = slack_world.postino.connections
    connections.mark_reconnect_needed(connection, needed=True)
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "connection", "Main")
    seen(ada, "Mailchimp no longer accepts this connection.")
    enter(ada, "name", "Spring letter")
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    seen(ada, "Step 2 of 4")
    assert not connections.get(slack_world.actor, connection).reconnect_needed


def test_a_connection_that_cannot_be_used_now_can_be_tried_again_from_the_step(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    slack_world.account.disabled = True
    act(ada, "click", target="Back")
    seen(ada, "Step 2 of 4", "⛔")
    slack_world.account.disabled = False
    act(ada, "click", target="Try again")
    seen(ada, "Step 2 of 4", "Type an audience ID")


def test_a_segment_that_vanished_is_named_when_its_destination_is_edited(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP", "Bergamo")
    (slack_world.folder / "Bergamo.csv").unlink()
    ada = slack_world.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        seen(ada, step)
    seen(ada, "The source has no segment Bergamo any more. Saving leaves it out.", "3 distinct profiles")


@pytest.mark.parametrize("late", ["drawn after it", "on its way"])
def test_what_is_missing_is_still_said_when_an_act_before_it_is_shown_late(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Unticking a value and pressing Next at once: Slack forgets the error beside an input with the next view that shows."""
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    enter(ada, "consent", "Email Subscriber")
    seen(ada, "Values that allow mailing")
    held, go_on, shown = threading.Event(), threading.Event(), threading.Event()
    holder, name = (modals.Update, "__call__") if late == "on its way" else (Steps, "show")
    done, acted = getattr(holder, name), Conversation.act

    def slowly(*arguments: Any, **more: Any) -> Any:
        if not held.is_set():
            held.set()
            assert go_on.wait(30)
        return done(*arguments, **more)

    def noted(*arguments: Any, **more: Any) -> None:
        acted(*arguments, **more)
        shown.set()

    monkeypatch.setattr(holder, name, slowly)
    monkeypatch.setattr(Conversation, "act", noted)
    enter(ada, "consent_seen", [])
    assert held.wait(30)
    refused = ada.act("submit")
    assert (refused["error"], refused["text"]) == ("errors", "Say which values of the consent attribute allow mailing.")
    go_on.set()
    assert shown.wait(30)
    seen(ada, "Step 3 of 4", "Say which values of the consent attribute allow mailing.")
    enter(ada, "consent_seen", ["true"])
    ada.until(lambda: "Say which values" not in text_of(ada.view() or {"lines": ["Say which values"]}))
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
