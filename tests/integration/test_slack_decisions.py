"""Deciding in Slack, and on the command line, about people who left the audience under another address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.mailchimp import acts
from services import audit
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served

BUTTON = "Decide about changed addresses"
Json = dict[str, Any]


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    """P0 and P1 were exported, unsubscribed, and have other addresses in the source now; an export found that out."""
    with open_office(served, tmp_path) as office:
        office.request(office.world.destination("VIP"))
        office.work()
        for profile in ("p0", "p1"):
            acts.unsubscribe(office.world.audience, f"{profile}@example.com")
        office.world.customers({"p0": {"EMail": "p0@new.example.com"}, "p1": {"EMail": "maria@elsewhere.example.com"}})
        office.clock.forward(hours=2)
        office.request(office.postino.destinations.named(office.world.actor, "Newsletter"))
        office.work()
        yield office
        assert office.world.refused_by_slack() == []


def explained(office: Office) -> Json:
    """The reply of the latest run that names the causes of rejects."""
    living = [one for one in office.posted() if "thread_ts" not in one or one["thread_ts"] in (None, one["ts"])]
    return [one for one in office.thread(living[-1]) if "could not be exported" in lines(one)][-1]


def opened(office: Office, message: Json) -> Json:
    """The modal once it shows who waits."""
    office.click(office.ada, BUTTON, message)
    view: Json = office.soon(lambda: (shown := office.ada.view()) and shown["submit"] and shown)
    return view


def told(office: Office, text: str) -> None:
    """Wait until the modal says this."""
    office.soon(lambda: text in "".join((office.ada.view() or {"lines": []})["lines"]))


def addresses(office: Office) -> set[str]:
    """Everybody in the audience."""
    return {one["email_address"] for one in acts.dump(office.world.audience)}


def again(office: Office, *, preview: bool = False) -> Json:
    """Export again; the run's counters."""
    destination = office.postino.destinations.named(office.world.actor, "Newsletter")
    run = office.request(destination, preview=preview)
    office.work()
    return office.run(run.id).counters


def test_the_thread_says_why_and_the_modal_shows_masked_addresses(office: Office) -> None:
    message = explained(office)
    assert "2: The same profile unsubscribed, or was archived or deleted, under another address." in lines(message)
    view = opened(office, message)
    shown = "".join(view["lines"]) + str(view["inputs"])
    assert "A new address is no new consent" in shown
    assert "p•••@n•••.com" in shown
    assert "m•••@e•••.com" in shown
    assert "new.example.com" not in shown


def test_those_who_are_let_in_are_exported_next_time_and_the_others_kept_out(office: Office) -> None:
    opened(office, explained(office))
    office.ada.act("enter", target="who", value=["m•••@e•••.com"])
    office.ada.act("enter", target="what", value="Export these")
    office.ada.act("submit")
    office.soon(lambda: "Tick this to export them" in str(office.ada.view()))
    office.ada.act("enter", target="agreed", value=["They agreed to mail at their new address"])
    assert office.ada.act("submit")["ok"]
    told(office, "1 person is exported next time.")
    office.ada.act("close")

    opened(office, explained(office))
    assert office.ada.act("submit")["ok"]
    told(office, "1 person is kept out.")

    counters = again(office)
    assert (counters["new"], counters["suppressed"], counters["rejected"]) == (1, 1, 0)
    assert "maria@elsewhere.example.com" in addresses(office)
    assert "p0@new.example.com" not in addresses(office)
    trail = audit.trail(office.postino.database, office.world.actor)
    decided = [(one.person, one.action, one.subject, one.details) for one in trail if "addresses" in one.action]
    assert decided == [
        ("U0ADA", "addresses.allowed", "Newsletter", {"people": 1, "statement": 1}),
        ("U0ADA", "addresses.kept_out", "Newsletter", {"people": 1}),
    ]


def test_nothing_is_exported_before_somebody_decides(office: Office) -> None:
    counters = again(office)
    assert (counters["new"], counters["rejected"]) == (0, 2)
    assert addresses(office) == {f"p{number}@example.com" for number in range(3)}


def test_whoever_may_not_decide_is_told_whom_to_ask(office: Office) -> None:
    office.click(office.ben, BUTTON, explained(office))
    office.soon(lambda: "Ask an administrator." in "".join((office.ben.view() or {"lines": []})["lines"]))
    assert not (office.ben.view() or {})["submit"]


def test_the_preview_names_them_and_leads_to_the_same_decision_and_back(office: Office) -> None:
    again(office, preview=True)
    card = office.posted()[-1]
    assert "2 who left under another address and wait for a decision" in lines(card)
    assert [one["text"] for one in card["buttons"]] == [BUTTON, "Preview again", "Details"]
    opened(office, card)
    assert office.ada.act("submit")["ok"]
    told(office, "2 people are kept out.")
    office.ada.act("close")

    again(office, preview=True)
    card = office.posted()[-1]
    assert "2 kept out by decision" in lines(card)
    opened(office, card)
    office.ada.act("enter", target="again", value=["Ask again in the next export"])
    assert office.ada.act("submit")["ok"]
    told(office, "The next export asks again about 2 people.")
    assert again(office)["rejected"] == 2


def test_why_says_that_somebody_waits_for_a_decision(office: Office) -> None:
    answer = office.type(office.ada, "/postino why p0@new.example.com")
    assert "Decide whether it is exported under the new one." in lines(answer)
    office.postino.deciding.decide(office.world.actor, 1, None, exported=False)
    answer = office.type(office.ada, "/postino why p0@new.example.com")
    assert "somebody decided to keep the new one out." in lines(answer)
