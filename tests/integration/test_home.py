"""App Home, opened and used at a Slack client; and what uninstalling deletes."""

from __future__ import annotations

from typing import Any

import requests
from sqlalchemy import func, select

from sandbox.slack.remote import RemotePerson
from services.runs import Order
from storage.models import Base, RunStatus
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
    open_home(slack_world.ada, "2 segments to Newsletter", "Only by hand", "Never exported.")
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
    home(ada, "Spring letter", "1 segment to Newsletter")


def test_export_from_home_asks_for_a_preview(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    act(ada, "click", target="Export…", home=True)
    [run] = until(lambda: slack_world.postino.runs.history(slack_world.actor))
    assert (run.preview, run.status) == (True, RunStatus.QUEUED)
    open_home(ada, "Exports under way")
    act(ada, "click", target="run.cancel", home=True)
    until(lambda: slack_world.postino.runs.get(slack_world.actor, run.id).status == RunStatus.CANCELED)


def test_removing_asks_first_and_then_the_destination_is_gone(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    ada = slack_world.ada
    open_home(ada, "Newsletter")
    asked = ada.act("click", target="Remove", home=True)
    assert asked["error"] == "confirm"
    assert "Its contacts and tags stay in Mailchimp." in asked["text"]
    assert slack_world.postino.destinations.visible(slack_world.actor)
    act(ada, "click", target="Remove", home=True, confirm=True)
    home(ada, "There is none yet.")
    assert slack_world.postino.destinations.visible(slack_world.actor) == []


def test_somebody_else_sees_the_destination_without_buttons(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    view = open_home(slack_world.ben, "1 segment to Newsletter")
    assert {button["text"] for button in view["buttons"]} == {"New destination", "Refresh"}


def test_a_button_somebody_may_not_use_does_nothing_even_if_it_is_forged(slack_world: SlackWorld) -> None:
    destination = slack_world.destination("VIP")
    row = {"type": "actions", "elements": [_button("home.remove", destination.id)]}
    posted = slack_world.app.client.chat_postMessage(channel="C0EXPORTS", text="Old", blocks=[row])
    act(slack_world.ben, "click", target="Go", channel="exports", ts=posted["ts"])
    slack_world.ben.until(
        lambda: any("Ask an administrator" in one["text"] for one in slack_world.ben.messages("exports"))
    )
    assert slack_world.postino.destinations.visible(slack_world.actor)


def _button(action_id: str, destination_id: int) -> Json:
    text = {"type": "plain_text", "text": "Go"}
    return {"type": "button", "action_id": action_id, "text": text, "value": str(destination_id)}


def test_guests_see_a_single_sentence(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    view = open_home(slack_world.gus, "Guests and people from other workspaces cannot use Postino.")
    assert len(view["blocks"]) == 1


def test_uninstalling_deletes_everything_of_the_workspace(slack_world: SlackWorld) -> None:
    slack_world.destination("VIP")
    open_home(slack_world.ada, "Newsletter")
    event = {"type": "app_uninstalled", "event_ts": "1.0"}
    answer = requests.post(f"{slack_world.served.slack}/control/event", json={"event": event}, timeout=30).json()
    assert answer["ok"], answer

    def left() -> dict[str, int]:
        with slack_world.postino.database.read() as session:
            counts = {
                table.name: session.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }
        return {name: count for name, count in counts.items() if count and name != "sealed_secrets"}

    until(lambda: left() == {})
