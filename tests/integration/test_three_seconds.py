"""Slack waits three seconds: every request is acknowledged while the database is locked or Mailchimp says nothing.

The limit is made longer here, so that a slow computer passes; what waits for the database would wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.acknowledging import AT_ONCE
from sandbox.slack.remote import RemotePerson
from tests.integration import wizard_hands as hands
from tests.integration.slack_office import Office, open_office
from tests.integration.slack_world import Served
from tests.integration.wizard_hands import act, enter, seen

PATIENCE = 12.0
"""Seconds that Slack waits in these tests: longer than a busy computer takes, shorter than a database is waited for."""
SLOW = 4.0
"""Seconds that Mailchimp takes: longer than Slack waits in truth."""

Act = Callable[[RemotePerson], dict[str, Any]]


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(served.workspace, "ack_seconds", PATIENCE)
    monkeypatch.setattr(served.workspace, "trigger_seconds", 10 * PATIENCE)
    with open_office(served, tmp_path) as office:
        yield office
        assert office.world.refused_by_slack() == []


@contextmanager
def locked(office: Office) -> Iterator[None]:
    """Somebody else writes to the database meanwhile and does not come to an end."""
    with office.postino.database.write() as session:
        session.connection()  # begins at once
        yield


def command(text: str) -> Act:
    return lambda ada: ada.act("command", channel="exports", text=text)


def click_in_the_hub(office: Office) -> Act:
    hub = office.type(office.ada, "/postino")
    return lambda ada: ada.act("click", target="Segments", channel="exports", ts=hub["ts"])


def submit_the_first_step(office: Office) -> Act:
    hands.open_wizard(office.ada)
    enter(office.ada, "name", "Spring letter")
    enter(office.ada, "connection", "Main")
    seen(office.ada, "Connected to Mailchimp")
    enter(office.ada, "agreed", ["agreed"])
    return lambda ada: ada.act("submit")


def submit_the_audience(office: Office) -> Act:
    hands.to_audience(office.ada)
    enter(office.ada, "audience", "Newsletter")
    return lambda ada: ada.act("submit")


def submit_a_last_step_with_mistakes(office: Office) -> Act:
    hands.to_segments(office.ada)
    enter(office.ada, "segments", ["VIP"])
    enter(office.ada, "schedule", "cron")
    seen(office.ada, "Cron expression", "of at most 1,000,000")
    enter(office.ada, "cron", "every full moon")
    return lambda ada: ada.act("submit")


def save_a_destination(office: Office) -> Act:
    hands.to_segments(office.ada)
    enter(office.ada, "segments", ["VIP"])
    seen(office.ada, "of at most 1,000,000")
    return lambda ada: ada.act("submit")


def go_back(office: Office) -> Act:
    hands.to_audience(office.ada)
    return lambda ada: ada.act("click", target="Back")


def search_segments(office: Office) -> Act:
    hands.to_segments(office.ada)
    return lambda ada: ada.act("options", target="segments", query="vip")


def close_the_wizard(office: Office) -> Act:
    hands.open_wizard(office.ada)
    enter(office.ada, "name", "Spring letter")
    return lambda ada: ada.act("close")


def choose_a_destination(office: Office) -> Act:
    act(office.ada, "shortcut", callback_id="export")
    seen(office.ada, "Nothing is sent before you say so.")
    return lambda ada: ada.act("submit")


def search_destinations(office: Office) -> Act:
    choose_a_destination(office)
    return lambda ada: ada.act("options", target="Destination", query="newsletter")


def save_policies(office: Office) -> Act:
    act(office.ada, "command", channel="exports", text="/postino policies Newsletter")
    seen(office.ada, "For Newsletter")
    return lambda ada: ada.act("submit")


def remove(listed: str, words: str) -> Callable[[Office], Act]:
    def prepared(office: Office) -> Act:
        office.click(office.ada, "Remove…", office.type(office.ada, listed))
        seen(office.ada, words)
        return lambda ada: ada.act("submit")

    return prepared


def share(office: Office) -> Act:
    office.click(office.ada, "Sharing and ceiling…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Whoever may use Main")
    return lambda ada: ada.act("submit")


ACTS: dict[str, Callable[[Office], Act]] = {
    "command": lambda _: command("/postino"),
    "command that opens a modal": lambda _: command("/postino-connect"),
    "unknown command word": lambda _: command("/postino segmnts"),
    "shortcut": lambda _: lambda ada: ada.act("shortcut", callback_id="export"),
    "App Home": lambda _: lambda ada: ada.act("open_home"),
    "button": click_in_the_hub,
    "first step": submit_the_first_step,
    "last step": save_a_destination,
    "last step with mistakes": submit_a_last_step_with_mistakes,
    "button of the wizard": go_back,
    "search of segments": search_segments,
    "closed wizard": close_the_wizard,
    "chosen destination": choose_a_destination,
    "search of destinations": search_destinations,
    "policies": save_policies,
    "removal of a destination": remove("/postino destinations", "Newsletter is forgotten"),
    "removal of a connection": remove("/postino connections", "1 destination uses it"),
    "sharing": share,
}


@pytest.mark.parametrize("prepare", ACTS.values(), ids=ACTS)
def test_a_database_that_is_locked_keeps_nobody_waiting_for_the_acknowledgement(
    office: Office, prepare: Callable[[Office], Act]
) -> None:
    office.world.destination("VIP")
    do = prepare(office)
    with locked(office):
        assert do(office.ada)["ok"]


def test_more_people_than_there_are_listeners_are_acknowledged_while_none_of_them_can_be_served(office: Office) -> None:
    with locked(office), ThreadPoolExecutor(AT_ONCE + 6) as hands:
        typed = [
            hands.submit(office.ada.act, "command", channel="exports", text="/postino help") for _ in range(AT_ONCE + 6)
        ]
        assert all(one.result()["ok"] for one in typed)
    office.soon(lambda: len(office.answers(office.ada)) == AT_ONCE + 6)


STEPS: dict[str, Callable[[Office], Act]] = {
    "first step": submit_the_first_step,
    "audience": submit_the_audience,
    "last step": save_a_destination,
}


@pytest.mark.parametrize("prepare", STEPS.values(), ids=STEPS)
def test_a_mailchimp_that_says_nothing_keeps_nobody_waiting_for_the_acknowledgement(
    office: Office, prepare: Callable[[Office], Act]
) -> None:
    office.world.connect()
    do = prepare(office)
    office.world.served.world.faults.add("slow", seconds=SLOW, times=1)
    assert do(office.ada)["ok"]
    answered = office.world.workspace.deliveries[-1].response
    assert answered is not None
    assert "Mailchimp is being asked…" in str(answered["view"]["blocks"])


def test_audiences_are_searched_without_asking_mailchimp_again_for_every_letter(office: Office) -> None:
    for number in range(120):
        office.world.account.add_audience(f"List {number:03}")
    office.world.connect()
    hands.to_audience(office.ada)
    calls = len(office.world.served.world.log.calls())
    found = office.ada.act("options", target="audience", query="011")
    assert [one["text"] for one in found["options"]] == ["List 011 - 0"]
    assert len(office.world.served.world.log.calls()) == calls
