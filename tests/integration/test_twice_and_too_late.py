"""Requests that Slack delivers twice, triggers that are too old, views that are closed or changed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

import bot.app
from services.destinations import Policies
from services.removing import Tags
from storage.models import RunStatus
from tests.integration import wizard_hands as hands
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served, until
from tests.integration.wizard_hands import act, enter, seen

Json = dict[str, Any]
Act = Callable[[], Json]


class Listeners(ThreadPoolExecutor):
    """Bolt's listeners, which can be waited for."""

    started: list[Future[Any]]

    def __init__(self, most: int, thread_name_prefix: str) -> None:
        super().__init__(most, thread_name_prefix)
        self.started = []
        self.go_on = threading.Event()
        self.go_on.set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(self._when_let, fn, *args, **kwargs)
        self.started.append(future)
        return future

    def _when_let(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        assert self.go_on.wait(30)
        return fn(*args, **kwargs)


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(bot.app, "ThreadPoolExecutor", Listeners)
    with open_office(served, tmp_path) as office:
        yield office


def done(office: Office, do: Act, times: int = 1) -> Json:
    """Do something, and wait until as many listeners as it takes have ended."""
    listeners = office.world.app.listener_runner.listener_executor
    assert isinstance(listeners, Listeners)
    wait(listeners.started)
    before = len(listeners.started)
    outcome = do()
    until(lambda: len(listeners.started) >= before + times)
    wait(listeners.started)
    return outcome


def command(office: Office, text: str) -> Act:
    return lambda: office.ada.act("command", channel="exports", text=text)


def button(office: Office, message: Json, label: str) -> Act:
    return lambda: office.click(office.ada, label, message)


def listed(words: str, label: str) -> Callable[[Office], Act]:
    """A button of what a command answers."""
    return lambda office: button(office, office.type(office.ada, words), label)


def complaints(office: Office) -> str:
    """Everything that Ada alone was told, and what her modal says."""
    view = office.ada.view()
    told = [*map(lines, office.answers(office.ada)), *map(lines, office.directly(office.ada))]
    return "\n".join([*told, hands.text_of(view) if view else ""])


# Opening

OPENING: dict[str, Callable[[Office], Act]] = {
    "new destination": lambda office: command(office, "/postino-connect"),
    "shortcut to connect": lambda office: lambda: office.ada.act("shortcut", callback_id="connect"),
    "export": lambda office: command(office, "/postino-export"),
    "shortcut to export": lambda office: lambda: office.ada.act("shortcut", callback_id="export"),
    "export of a segment": listed("/postino-segments vip", "Export…"),
    "edit": listed("/postino destinations", "Edit"),
    "duplicate": listed("/postino destinations", "Duplicate"),
    "removal of a destination": listed("/postino destinations", "Remove…"),
    "policies": lambda office: command(office, "/postino policies Newsletter"),
    "sharing": listed("/postino connections", "Sharing and ceiling…"),
    "reconnecting": listed("/postino connections", "Reconnect…"),
    "removal of a connection": listed("/postino connections", "Remove…"),
}
opening = pytest.mark.parametrize("prepare", OPENING.values(), ids=OPENING)


@opening
def test_a_trigger_that_is_too_old_is_told_in_words(office: Office, prepare: Callable[[Office], Act]) -> None:
    office.world.destination("VIP")
    do = prepare(office)
    office.world.workspace.faults.error_next = {"views.open": ["expired_trigger_id"]}
    done(office, do)
    assert "Slack did not wait for Postino. Nothing was lost; please try again." in complaints(office)
    assert "Something went wrong" not in complaints(office)


@opening
def test_a_request_that_is_delivered_twice_opens_one_modal_and_complains_of_nothing(
    office: Office, prepare: Callable[[Office], Act]
) -> None:
    office.world.destination("VIP")
    do = prepare(office)
    said = complaints(office)
    office.world.workspace.faults.duplicate_next = 1
    done(office, do, times=2)
    view = office.ada.view()
    assert view is not None
    assert view["depth"] == 1
    assert complaints(office).removesuffix(hands.text_of(view)) == said


@opening
def test_a_modal_that_is_closed_before_it_is_filled_is_let_go(office: Office, prepare: Callable[[Office], Act]) -> None:
    office.world.destination("VIP")
    do = prepare(office)
    said = complaints(office)
    office.world.workspace.faults.error_next = {"views.update": ["not_found"]}
    done(office, do)
    assert not office.world.workspace.faults.error_next["views.update"]
    act(office.ada, "close")
    assert complaints(office) == said


# Launching


def waiting(label: str) -> Callable[[Office], Act]:
    """A button of a preview that waits to be sent."""

    def prepared(office: Office) -> Act:
        office.request(office.postino.destinations.named(office.world.actor, "Newsletter"), preview=True)
        office.work()
        return button(office, office.posted()[0], label)

    return prepared


def retry(office: Office) -> Act:
    office.world.customers({"p0": {"EMail": "not an address"}})
    office.request(office.postino.destinations.named(office.world.actor, "Newsletter"))
    office.work()
    [explained] = [one for one in office.thread(office.posted()[0]) if "could not be exported" in lines(one)]
    return button(office, explained, "Retry these")


def take_off(office: Office) -> Act:
    destination = office.postino.destinations.named(office.world.actor, "Newsletter")
    office.request(destination)
    office.work()
    office.world.segment("VIP", [])
    office.request(destination)
    office.work()
    return button(office, office.posted()[-1], "Take the tags off")


def chosen(office: Office) -> Act:
    act(office.ada, "shortcut", callback_id="export")
    seen(office.ada, "Nothing is sent before you say so.")
    return lambda: office.ada.act("submit")


def saved_with_preview(office: Office) -> Act:
    hands.to_segments(office.ada)
    enter(office.ada, "segments", ["Bergamo"])
    seen(office.ada, "of at most 1,000,000")
    enter(office.ada, "channel", "exports")
    enter(office.ada, "after", ["preview"])
    return lambda: office.ada.act("submit")


LAUNCHING: dict[str, tuple[Callable[[Office], Act], int]] = {
    "command": (lambda office: command(office, "/postino-export Newsletter"), 1),
    "export from the hub": (listed("/postino", "Export…"), 1),
    "chosen in the modal": (chosen, 1),
    "save and preview": (saved_with_preview, 1),
    "send": (waiting("Send"), 1),
    "canary": (waiting("Send a canary of 50"), 1),
    "retry": (retry, 2),
    "removals accepted": (take_off, 3),
    "run all": (listed("/postino schedules", "Run all"), 1),
}


@pytest.mark.parametrize(("prepare", "runs"), LAUNCHING.values(), ids=LAUNCHING)
def test_what_is_delivered_twice_launches_once(office: Office, prepare: Callable[[Office], Act], runs: int) -> None:
    office.world.destination("VIP", schedule="daily 06:00")
    do = prepare(office)
    office.world.workspace.faults.duplicate_next = 1
    done(office, do, times=2)
    assert len(office.postino.runs.history(office.world.actor)) == runs
    office.work()
    assert len([one for one in office.posted() if "Export of" in lines(one) or "Preview of" in lines(one)]) == runs
    assert "Something went wrong" not in complaints(office)


@pytest.mark.parametrize("name", ["export from the hub", "send", "retry", "run all"])
def test_a_double_click_launches_once(office: Office, name: str) -> None:
    """Two clicks, each with a trigger of its own: the second is on the socket before anything has come of the first."""
    office.world.destination("VIP", schedule="daily 06:00")
    prepare, runs = LAUNCHING[name]
    click = prepare(office)
    listeners = office.world.app.listener_runner.listener_executor
    assert isinstance(listeners, Listeners)

    def twice() -> Json:
        listeners.go_on.clear()
        before = len(office.world.workspace.deliveries)
        first, second = click(), click()
        listeners.go_on.set()
        assert (first["ok"], second["ok"]) == (True, True)
        payloads = [one.payload for one in office.world.workspace.deliveries[before:]]
        assert len({one["trigger_id"] for one in payloads if one["type"] == "block_actions"}) == 2
        return second

    done(office, twice, times=2)
    assert len(office.postino.runs.history(office.world.actor)) == runs
    office.work()
    assert len([one for one in office.posted() if "Export of" in lines(one) or "Preview of" in lines(one)]) == runs
    assert "Something went wrong" not in complaints(office)


# Changed and gone meanwhile


def test_a_view_that_changed_meanwhile_is_drawn_again(office: Office) -> None:
    office.world.connect()
    hands.to_matching(office.ada)
    office.world.workspace.faults.error_next = {"views.update": ["hash_conflict"]}
    done(office, lambda: office.ada.act("click", target="Back"))
    seen(office.ada, "Step 2 of 4")
    assert "Something went wrong" not in complaints(office)


@pytest.mark.parametrize("name", ["policies", "removal of a destination", "export"])
def test_a_modal_about_what_is_gone_meanwhile_says_so(office: Office, name: str) -> None:
    destination = office.world.destination("VIP")
    done(office, OPENING[name](office))
    office.postino.removals.destination(office.world.actor, destination.id, Tags.KEEP)
    done(office, lambda: office.ada.act("submit"))
    assert "This destination does not exist any more." in complaints(office)


def test_a_confirmation_that_is_closed_at_once_still_launches_its_preview(office: Office) -> None:
    office.world.connect()
    hands.to_segments(office.ada)
    hands.finish(office.ada, "VIP")
    office.world.workspace.faults.error_next = {"views.update": ["not_found"]}
    done(office, lambda: office.ada.act("click", target="Preview now"))
    office.work()
    assert office.run(1).status == RunStatus.WAITING
    assert "Something went wrong" not in complaints(office)


def test_an_old_button_of_a_destination_that_is_gone_says_so(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.postino.destinations.set_policies(office.world.actor, destination.id, Policies())
    hub = office.type(office.ada, "/postino")
    office.postino.removals.destination(office.world.actor, destination.id, Tags.KEEP)
    done(office, button(office, hub, "Export…"))
    assert "This destination does not exist any more." in complaints(office)
