"""What the command line answers to somebody who has only the command line: what may be typed, and what came of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.settings import Settings
from bot.wiring import build
from services.access import Actor, Standing
from services.errors import NotFound
from services.runs import Order
from services.tidying import Tidying
from storage.models import PLAN, OutboxMessage, RunStatus
from tests.integration.machine import Answer, Machine, connect


def add(machine: Machine, **changes: str | None) -> Answer:
    """``destinations add Shop``, with options changed or left out."""
    options = {"connection": "Main", "audience": machine.audience, "email": "EMail", "segment": "VIP", "agree": ""}
    given: dict[str, str | None] = {**options, **changes}
    words = [
        word
        for name, value in given.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", value)
        if word
    ]
    return machine.postino("destinations", "add", "Shop", *words)


def test_audiences_are_listed_with_what_a_destination_needs_of_them(machine: Machine) -> None:
    connect(machine)
    (audience,) = json.loads(machine.postino("connections", "audiences", "Main", "--json").out)
    assert audience == {"id": machine.audience, "name": "Newsletter", "members": 0, "fields": audience["fields"]}
    assert "FNAME" in audience["fields"]
    assert machine.audience in machine.postino("connections", "audiences", "Main").out


def test_who_has_not_agreed_is_shown_the_statement_and_nothing_is_saved(machine: Machine) -> None:
    connect(machine)
    machine.postino("destinations", "remove", "Shop")
    refused = add(machine, agree=None)
    assert refused.code == 1
    assert "you are responsible for Mailchimp" in refused.err
    assert "--agree" in refused.err
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel": "exports"}, "C012AB3CD"),
        ({"email": "Mail"}, "They have EMail, FirstName, LastName."),
    ],
)
def test_a_wrong_option_is_answered_with_what_is_right(machine: Machine, changes: dict[str, str], words: str) -> None:
    connect(machine)
    machine.postino("destinations", "remove", "Shop")
    refused = add(machine, **changes)
    assert refused.code == 1
    assert words in refused.err
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


def test_a_destination_that_is_not_there_is_answered_with_where_they_are_listed(machine: Machine) -> None:
    for command in (("plan", "Nope"), ("history", "Nope"), ("decisions", "Nope"), ("destinations", "show", "Nope")):
        refused = machine.postino(*command)
        assert refused.code == 1
        assert "postino destinations list" in refused.err
    connect(machine)
    assert machine.postino("history", "shp").err.strip() == "There is no destination called shp. Did you mean Shop?"


def test_names_are_shown_as_they_are(machine: Machine) -> None:
    connect(machine)
    name = ":tada: [b]Shop[/b]"
    given = ("--connection", "Main", "--audience", machine.audience, "--email", "EMail", "--segment", "VIP", "--agree")
    machine.postino("destinations", "add", name, *given)
    machine.postino("export", name)
    for command in (("history",), ("destinations", "list")):
        assert name in machine.postino(*command).out


def test_a_plan_is_for_whoever_asks_there_and_leaves_the_previews_of_others_alone(machine: Machine) -> None:
    connect(machine, channel="C012AB3CD")
    postino = build(Settings())
    ours = postino.command_line()
    ada = Actor(ours.workspace_id, "U0ADA", Standing.ADMINISTRATOR)
    waiting = postino.runs.request(ada, postino.destinations.named(ada, "Shop"), Order(preview=True))
    postino.exporting()

    def told() -> int | None:
        with postino.database.read() as session:
            return session.scalar(select(func.count()).select_from(OutboxMessage))

    before = told()
    for _ in range(2):
        planned = machine.postino("plan", "Shop", "--json")
        assert json.loads(planned.out)["classes"]["new"] == 2, planned.err
    assert told() == before
    assert postino.runs.get(ada, waiting.id).status == RunStatus.WAITING
    assert [run.id for run in postino.runs.unfinished(ada)] == [waiting.id]
    assert [run.id for run in postino.runs.history(ada)] == [waiting.id]
    assert postino.runs.latest(ada)[waiting.destination_id].run_id == waiting.id
    assert [one["profile"] for one in json.loads(machine.postino("history", "Shop", "--rejects", "--json").out)] == [
        "c3"
    ]

    postino.runs.approve(ada, waiting.id)
    postino.exporting()
    machine.postino("plan", "Shop")
    listed = machine.postino("history").out
    assert "Completed with rejects" in listed
    assert "Canceled" not in listed
    assert "Preview" not in listed
    assert [one["run"] for one in json.loads(machine.postino("history", "--json").out)] == [waiting.id]
    postino.database.dispose()


def test_a_plan_is_not_in_the_way_of_an_export_and_is_forgotten_after_a_day(machine: Machine) -> None:
    connect(machine)
    postino = build(Settings())
    actor = postino.command_line()
    shop = postino.destinations.named(actor, "Shop")
    plan = postino.runs.request(actor, shop, Order(preview=True, trigger=PLAN))
    run = postino.runs.request(actor, shop)
    while postino.exporting():
        pass
    ended = [postino.runs.get(actor, one.id).status for one in (plan, run)]
    assert ended == [RunStatus.SUCCESSFUL, RunStatus.REJECTS]
    Tidying(postino.database)()
    assert postino.runs.get(actor, plan.id).plan["profiles"] == 3
    postino.database.dispose()
    late = build(Settings(), clock=lambda: datetime.now(UTC) + timedelta(days=2))
    Tidying(late.database)()
    with pytest.raises(NotFound):
        late.runs.get(actor, plan.id)
    assert late.runs.get(actor, run.id).status == RunStatus.REJECTS
    late.database.dispose()


def test_a_destination_is_shown_in_words(machine: Machine) -> None:
    connect(machine)
    shown = machine.postino("destinations", "show", "Shop").out
    assert "With every refresh of the source" in shown
    assert "the command line" in shown
    for raw in ("[]", "False", "never", "+00:00", "None"):
        assert raw not in shown
    assert not shown.startswith(" ")


def test_where_there_is_no_segment_it_is_said_who_knows_why(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTINO_SEGMENTS", "Spring*")
    assert "postino doctor" in machine.postino("segments").out
    assert "VIP: POSTINO_SEGMENTS leaves this table out." in machine.postino("doctor").out


def test_who_was_in_the_audience_as_the_source_has_them_is_not_told_to_be_left_out(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine)
    machine.postino("export", "Shop")
    monkeypatch.setenv("POSTINO_HOME", f"{machine.environment['POSTINO_HOME']}-of-another-machine")
    machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=machine.api_key + "\n")
    assert add(machine, take_over="").code == 0
    machine.postino("export", "Shop")
    assert "was there already" in machine.postino("why", "ann@example.com").out
