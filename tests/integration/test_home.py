"""App Home, opened and used at a Slack client; and what uninstalling deletes."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from sandbox.mailchimp import acts
from sandbox.slack.remote import RemotePerson
from services.applying import Applying
from services.approving import Approval
from services.destinations import Policies
from services.removing import Users
from services.runs import Order
from storage.models import Base, Run, RunStatus
from tests.integration import wizard_hands as hands
from tests.integration.slack_world import SlackWorld, until
from tests.integration.wizard_hands import act, seen, text_of

Json = dict[str, Any]


def home(person: RemotePerson, *words: str) -> Json:
    """The Home tab, once it says all of this."""

    def shown() -> Json | None:
        view: Json | None = person.read("home")
        return view if view and all(word in text_of(view) for word in words) else None

    return person.until(shown)


def open_home(person: RemotePerson, *words: str) -> Json:
    act(person, "open_home")
    return home(person, *words)


def test_home_shows_destinations_what_is_under_way_and_the_last_result(slack_world: SlackWorld) -> None:
    first = open_home(slack_world.ada, "There is none yet.")
    assert "New destination" in text_of(first)
    destination = slack_world.destination("VIP", "Bergamo")
    open_home(
        slack_world.ada, "to Newsletter · 2 segments · Only by hand", "Never exported.", "Next: when somebody starts it"
    )
    slack_world.postino.runs.request(slack_world.actor, destination, Order(preview=True))
    open_home(slack_world.ada, "Exports under way", "Queued")


def test_new_destination_opens_the_wizard_and_saving_shows_it_in_home(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    open_home(ada, "There is none yet.")
    act(ada, "click", target="New destination", home=True)
    seen(ada, "Step 1 of 4")
    act(ada, "close")
    hands.to_segments(ada)
    hands.finish(ada, "VIP")
    home(ada, "Spring letter", "to Newsletter · 1 segment")


def test_export_from_home_asks_for_a_preview(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    act(ada, "click", target="Export…", home=True)
    [run] = until(lambda: slack_world.postino.runs.history(slack_world.actor))
    assert (run.preview, run.status) == (True, RunStatus.QUEUED)
    open_home(ada, "Exports under way")
    act(ada, "click", target="home.cancel", home=True)
    until(lambda: slack_world.postino.runs.get(slack_world.actor, run.id).status == RunStatus.CANCELED)


def test_an_approval_that_waits_is_shown_to_who_may_give_it_and_given_from_home(slack_world: SlackWorld) -> None:
    postino, ada = slack_world.postino, slack_world.ada
    run = postino.runs.request(slack_world.actor, slack_world.destination("VIP"), Order(preview=True))
    postino.exporting()
    open_home(ada, "Waiting for your approval", "3 new, 0 updated")
    other = open_home(slack_world.ben, "Waiting for approval", "3 new, 0 updated")
    assert "It waits until an administrator sends it." in text_of(other)
    assert "Exports under way" not in text_of(other)
    assert not {"Send", "Cancel"} & {button["text"] for button in other["buttons"]}
    act(slack_world.ben, "click", target="home.preview", home=True)
    seen(slack_world.ben, "Preview of Newsletter", "It waits until an administrator sends it.")
    act(ada, "click", target="home.preview", home=True)
    card = seen(ada, "Preview of Newsletter", "Billable contacts added: 3", "VIP: put on 3, taken off 0")
    assert not {"Send", "Cancel"} & {button["text"] for button in card["buttons"]}
    act(ada, "close")
    act(ada, "click", target="home.send", home=True)
    home(ada, "Exports under way", "Queued")
    assert postino.runs.get(slack_world.actor, run.id).approved_by == "U0ADA"
    postino.exporting()
    open_home(ada, "Last exports", "Successful", "3 new, 3 tags put on")


def test_an_approval_that_waits_says_how_many_would_get_tags_only(slack_world: SlackWorld) -> None:
    postino = slack_world.postino
    made = slack_world.destination("Everyone")
    postino.runs.request(slack_world.actor, made)
    postino.exporting()
    slack_world.edit("Newsletter", "VIP", "Bergamo")
    postino.runs.request(slack_world.actor, made, Order(preview=True))
    postino.exporting()
    open_home(slack_world.ada, "Waiting for your approval", "0 new, 0 updated, 6 with tags only")
    act(slack_world.ada, "click", target="home.preview", home=True)
    assert seen(slack_world.ada, "Preview of Newsletter", "Tags only: 6")["submit"] == "Send"
    act(slack_world.ada, "submit")
    seen(slack_world.ada, "The export of Newsletter is under way.")
    home(slack_world.ada, "Exports under way", "Queued")


def test_an_export_under_way_shows_a_bar_in_home_that_moves_and_ends(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent is looked at from within the export, which waits meanwhile."""
    applied = Applying.apply
    seen_at: list[str] = []

    def looked_at(self: Applying, canary: int) -> None:
        for sent in (0, 5):
            with slack_world.postino.database.write() as session:
                session.get_one(Run, 1).counters = {"profiles": 10, "new": sent}
            view = open_home(slack_world.ada, "Exports under way", f"{sent} of 10")
            seen_at.append(next(line for line in view["lines"] if f"{sent} of 10" in line))
        applied(self, canary)

    monkeypatch.setattr(Applying, "apply", looked_at)
    slack_world.postino.runs.request(slack_world.actor, slack_world.destination("Everyone"))
    slack_world.postino.exporting()
    assert "░░░░░░░░░░ 0%" in seen_at[0]
    assert "▓▓▓▓▓░░░░░ 50%" in seen_at[1]
    ended = open_home(slack_world.ada, "Last exports", "10 new, 10 tags put on")
    assert "Exports under way" not in text_of(ended)


def test_the_history_of_a_destination_is_reached_from_home(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    open_home(slack_world.ben, "Newsletter")
    act(slack_world.ben, "click", target="History", home=True)
    until(lambda: hands.direct_messages(slack_world, slack_world.ben, "U0BEN"))
    [told] = hands.direct_messages(slack_world, slack_world.ben, "U0BEN")
    assert "Exports of Newsletter: none yet." in text_of(told)


def test_schedules_and_policies_are_reached_from_home(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP", schedule="daily 07:00")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    act(ada, "click", target="Policies", home=True)
    seen(ada, "For Newsletter", "Needs the approval of a second person")
    act(ada, "close")
    act(ada, "click", target="Schedules", home=True)
    [told] = until(lambda: hands.direct_messages(slack_world, ada))
    assert "1 schedule" in text_of(told)
    assert "Pause" in {button["text"] for button in told["buttons"]}


def test_home_asks_nobody_for_an_approval_of_what_they_asked_for_themselves(slack_world: SlackWorld) -> None:
    postino, ada = slack_world.postino, slack_world.ada
    made = slack_world.destination("VIP")
    postino.destinations.set_policies(slack_world.actor, made.id, Policies(approval=Approval.ALWAYS))
    postino.runs.request(slack_world.actor, made, Order(preview=True))
    postino.exporting()
    view = open_home(ada, "Waiting for approval", "Needs the approval of somebody other than")
    assert "every export of this destination is approved by a second person. Administrators may approve it." in text_of(
        view
    )
    assert "Waiting for your approval" not in text_of(view)
    assert "Exports under way" not in text_of(view)
    assert "home.cancel" in {button["action_id"] for button in view["buttons"]}
    assert "home.send" not in {button["action_id"] for button in view["buttons"]}
    slack_world.administrators("U0BEN")
    open_home(slack_world.ben, "Waiting for your approval")
    act(slack_world.ben, "click", target="home.send", home=True)
    until(lambda: postino.runs.get(slack_world.actor, 1).approved_by == "U0BEN")


def test_removing_asks_first_and_then_the_destination_is_gone(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    act(ada, "click", target="home.remove", home=True)
    seen(ada, "Newsletter is forgotten with its history", "Tags: VIP.")
    assert slack_world.postino.destinations.visible(slack_world.actor)
    act(ada, "submit")
    seen(ada, "Newsletter was removed. Its contacts and tags stay in Mailchimp.")
    home(ada, "There is none yet.")
    assert slack_world.postino.destinations.visible(slack_world.actor) == []


def test_closing_the_question_removes_nothing(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    act(ada, "click", target="home.remove", home=True)
    seen(ada, "Newsletter is forgotten")
    act(ada, "close")
    assert slack_world.postino.destinations.visible(slack_world.actor)


def test_somebody_else_sees_the_destination_without_buttons(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    view = open_home(slack_world.ben, "to Newsletter · 1 segment", "you may look")
    assert {button["text"] for button in view["buttons"]} == {"New destination", "Schedules", "Refresh", "History"}


def test_a_button_somebody_may_not_use_does_nothing_even_if_it_is_forged(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    row = {"type": "actions", "elements": [_button("home.remove", destination.id)]}
    posted = slack_world.app.client.chat_postMessage(channel="C0EXPORTS", text="Old", blocks=[row])
    act(slack_world.ben, "click", target="Go", channel="exports", ts=posted["ts"])
    seen(
        slack_world.ben, "Only administrators and the person who created Newsletter may do this. Ask an administrator."
    )
    assert slack_world.postino.destinations.visible(slack_world.actor)


def _button(action_id: str, destination_id: int) -> Json:
    text = {"type": "plain_text", "text": "Go"}
    return {"type": "button", "action_id": action_id, "text": text, "value": str(destination_id)}


def test_guests_see_a_single_sentence(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    view = open_home(slack_world.gus, "Guests and people from other workspaces cannot use Postino.")
    assert len(view["blocks"]) == 1


def left(world: SlackWorld) -> dict[str, int]:
    """How many rows each table holds, without the secrets of the installation."""
    with world.postino.database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count and name != "sealed_secrets"}


def happen(world: SlackWorld, **event: Any) -> None:
    """Let Slack tell the app of an event."""
    told = {"event": {"event_ts": "1.0", **event}}
    answer = requests.post(f"{world.served.slack}/control/event", json=told, timeout=30).json()
    assert answer["ok"], answer


def test_uninstalling_deletes_everything_of_the_workspace(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    open_home(slack_world.ada, "Newsletter")
    slack_world.postino.runs.request(slack_world.actor, destination)
    slack_world.postino.exporting()
    happen(slack_world, type="app_uninstalled")
    until(lambda: left(slack_world) == {})


def test_uninstalling_deletes_what_a_removed_destination_and_its_connection_left_known(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    acts.add(slack_world.audience, f"{next(iter(slack_world.people))}@example.com", "unsubscribed")
    slack_world.postino.runs.request(slack_world.actor, destination)
    slack_world.postino.exporting()
    slack_world.postino.removals.connection(slack_world.actor, destination.connection_id or 0, Users.REMOVE)
    assert left(slack_world)["ledger_members"] == 1
    happen(slack_world, type="app_uninstalled")
    until(lambda: left(slack_world) == {})


def test_whoever_was_there_before_is_served_at_once_after_a_new_install(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    open_home(slack_world.ada, "Newsletter")
    happen(slack_world, type="app_uninstalled")
    until(lambda: left(slack_world) == {})
    act(slack_world.ada, "command", channel="general", text="/postino-connect")
    seen(slack_world.ada, "Step 1 of 4")


def test_a_revoked_bot_token_deletes_the_workspaces_data(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack_world.destination("VIP")
    monkeypatch.setattr(slack_world.workspace, "bot_token", "xoxb-another")
    happen(slack_world, type="tokens_revoked", tokens={"oauth": [], "bot": ["U0BOT"]})
    until(lambda: left(slack_world) == {})


def test_a_bot_token_that_was_only_replaced_costs_no_data(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    happen(slack_world, type="tokens_revoked", tokens={"oauth": [], "bot": ["U0BOT"]})
    happen(slack_world, type="tokens_revoked", tokens={"oauth": ["U0ADA"], "bot": []})
    open_home(slack_world.ada, "Newsletter")
    assert left(slack_world)["destinations"] == 1
