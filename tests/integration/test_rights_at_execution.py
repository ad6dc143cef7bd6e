"""Whoever stands for an export must still have the right to it when it is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.mailchimp import acts
from sandbox.slack.values import Role
from services import workflows
from services.access import Actor, Sharing, Standing
from services.destinations import Policies
from services.runs import Order
from storage.models import Destination, Run, RunStatus
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served

BEN = "U0BEN"


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("bot.people.REMEMBERED_SECONDS", 0)
    with open_office(served, tmp_path) as office:
        yield office


def become(office: Office, person: str, **what: Any) -> None:
    """Let the local Slack say something else of a person from now on."""
    users = office.world.workspace.users
    users[person] = replace(users[person], **what)


def ben(office: Office) -> Actor:
    return Actor(office.world.actor.workspace_id, BEN, Standing.MEMBER)


def share(office: Office, *people: str) -> None:
    office.postino.connections.share(office.world.actor, 1, Sharing.PEOPLE, list(people))


def bens(office: Office) -> Destination:
    """A destination that Ben made, on a connection that is shared with him."""
    office.world.connect()
    share(office, BEN)
    made = office.world.destination("VIP", connection_id=1, by=ben(office), schedule="daily 07:00")
    assert made.consent_by == BEN
    return made


def by_schedule(office: Office, destination: Destination) -> Run:
    """A run as the schedule asks for it, carried out."""
    schedule = Actor(destination.workspace_id, "schedule", Standing.ADMINISTRATOR)
    run = office.postino.runs.request(schedule, destination, Order(trigger="schedule"))
    office.work()
    return office.run(run.id)


def test_a_schedule_exports_only_while_who_agreed_may_use_the_connection(office: Office) -> None:
    destination = bens(office)
    assert by_schedule(office, destination).status == RunStatus.SUCCESSFUL
    share(office)
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    refused = by_schedule(office, destination)
    assert refused.status == RunStatus.FAILED
    assert "may not use the connection Main any more" in lines(office.posted()[-1])
    assert "This is about @Ben Okafor." in lines(office.posted()[-1])
    assert len(acts.dump(office.world.audience)) == 3
    share(office, BEN)
    assert by_schedule(office, destination).status == RunStatus.SUCCESSFUL
    assert "Newsletter works again" in lines(office.posted()[-1])


@pytest.mark.parametrize("what", [{"deleted": True}, {"role": Role.GUEST}])
def test_a_schedule_stops_when_who_agreed_has_left_and_goes_on_when_somebody_else_agrees(
    office: Office, what: dict[str, Any]
) -> None:
    destination = bens(office)
    become(office, BEN, **what)
    assert by_schedule(office, destination).status == RunStatus.FAILED
    [no_member] = [one for one in lines(office.type(office.ada, "/postino doctor")).splitlines() if "no member" in one]
    assert (
        "Newsletter: Its schedule is refused: whoever agreed to its statement is no member of this workspace"
        in no_member
    )
    office.world.edit("Newsletter", "VIP")
    destination = office.postino.destinations.named(office.world.actor, "Newsletter")
    assert destination.consent_by == "U0ADA"
    assert by_schedule(office, destination).status == RunStatus.SUCCESSFUL


def test_an_export_that_waited_is_not_carried_out_for_who_is_no_administrator_any_more(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    become(office, "U0ADA", role=Role.MEMBER)
    office.work()
    assert office.run(1).status == RunStatus.FAILED
    assert "may not export Newsletter any more. Ask an administrator to do it." in lines(office.posted()[0])
    assert "This is about @Ada Lovelace." in lines(office.posted()[-1])
    assert acts.dump(office.world.audience) == []


def test_who_approved_stands_for_an_export(office: Office) -> None:
    destination = bens(office)
    run = office.postino.runs.request(ben(office), destination, Order(preview=True))
    office.work()
    office.postino.runs.approve(office.world.actor, run.id)
    become(office, BEN, deleted=True)
    office.work()
    assert office.run(run.id).status == RunStatus.SUCCESSFUL


def test_a_workflow_exports_nothing_once_its_permission_is_withdrawn(office: Office) -> None:
    made, policies = office.world.destination("VIP"), office.postino.destinations.set_policies
    policies(office.world.actor, made.id, Policies(in_workflows=True))
    run = workflows.export(office.postino.destinations, office.postino.runs, made.workspace_id, "Newsletter", "Fx1")
    policies(office.world.actor, made.id, Policies())
    while office.postino.exporting():
        pass
    assert office.run(run.id).status == RunStatus.FAILED
    assert "may not be exported by workflows" in str(office.run(run.id).reason)


def test_while_slack_does_not_answer_what_it_said_last_counts(office: Office) -> None:
    destination, faults = bens(office), office.world.workspace.faults
    faults.ratelimit_next = {"users.info": 100}
    assert by_schedule(office, destination).status == RunStatus.SUCCESSFUL
    faults.ratelimit_next = {}
    become(office, BEN, deleted=True)
    assert by_schedule(office, destination).status == RunStatus.FAILED
    faults.ratelimit_next = {"users.info": 100}
    assert by_schedule(office, destination).status == RunStatus.FAILED
