"""App Home and the list of destinations within Slack's limits, with the longest names there can be."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from slackblocks._surfaces import validate_surface_blocks

from bot import texts
from bot.views import destinations, home, run_facts, wizard
from sandbox.slack import rules
from services.approving import Approval
from services.destinations import Policies

T = texts.of(None)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = "R&D <!channel> *_~`👩‍🚀" * 30
LINK = "https://us1.admin.mailchimp.com/lists/members?id=12345"


HELD = run_facts.Plan(held=tuple(run_facts.HeldTag(segment=LONG[:200], people=40, holders=100) for _ in range(30)))


def run(status: str, number: int = 1) -> run_facts.Run:
    return run_facts.Run(number, 1, status, LONG[:200], LONG[:200], NOW, NOW, "U0ADA")


def row(number: int, permission: str = "administrator") -> destinations.Row:
    return destinations.Row(
        id=number,
        name=LONG[:200],
        audience=LONG[:200],
        audience_link=LINK,
        segments=3,
        schedule="daily 07:00",
        time_zone="Europe/Rome",
        connection=LONG[:200] if number % 2 else None,
        reconnect_needed=number % 3 == 0,
        duplicable=True,
        permission=permission,
        updated_by="U0ADA",
        updated_at=NOW,
        created_by="U0ADA",
        created_at=NOW,
        consent_by="U0ADA",
        consent_at=NOW,
        consent_version=1,
        next_run_at=NOW,
        paused_by="U0ADA" if number % 2 else None,
        last=run("failed", number),
        going_on=run("processing", number),
        policies=Policies(approval=Approval.FIRST, approval_above=10**6),
    )


@pytest.mark.parametrize("count", [0, 3, 60])
def test_home_stays_within_a_hundred_blocks_and_says_what_is_left_out(count: int) -> None:
    shown = home.Shown(
        destinations=[row(number) for number in range(count)],
        destinations_in_all=count,
        waiting=[run("waiting", number) for number in range(count)],
        for_others=[run("waiting", number) for number in range(count)],
        held=[dataclasses.replace(run("successful", number), plan=HELD) for number in range(count)],
        running=[run("processing", number) for number in range(count)],
        history=[run("failed", number) for number in range(count)],
        cancelable=frozenset(range(count)),
        as_of=NOW,
    )
    view = home.home(T, shown)
    assert [str(problem) for problem in rules.check_view(view)] == []
    assert not rules.view_too_large(view)
    validate_surface_blocks(view["blocks"], "home")
    assert len(view["blocks"]) <= 100
    assert ("40 more are listed" in json.dumps(view)) == (count == 60)


def test_who_may_only_look_gets_no_buttons_that_change_anything() -> None:
    shown: dict[str, Any] = {
        "waiting": [],
        "for_others": [],
        "running": [],
        "history": [],
        "cancelable": frozenset(),
        "as_of": NOW,
    }
    theirs = home.home(T, home.Shown([row(7, "viewer")], 1, **shown))
    assert home.REMOVE not in json.dumps(theirs)
    assert wizard.EDIT not in json.dumps(theirs)
    own = home.home(T, home.Shown([row(7, "contributor")], 1, **shown))
    assert home.REMOVE in json.dumps(own)


def test_slack_takes_the_longest_list_of_destinations() -> None:
    rows = [row(number) for number in range(destinations.PAGE)]
    place = destinations.Place(search=LONG, page=3)
    message = destinations.listing(T, rows, 200, place)
    assert [str(one) for one in rules.check_message({"text": message.text, "blocks": message.blocks})] == []
    assert not rules.blocks_too_long(message.blocks)
    validate_surface_blocks(message.blocks, "message")
