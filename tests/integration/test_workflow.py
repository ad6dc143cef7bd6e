"""The Workflow Builder step: launched by Slack, ended when its export has ended."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.manifest import with_workflow_step
from services.destinations import Policies
from storage.models import RunStatus
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        office.world.workspace.load_manifest(with_workflow_step())
        yield office
        assert office.world.refused_by_slack() == []


def allowed(office: Office, **policies: Any) -> None:
    """A destination that workflows may export."""
    made = office.world.destination("VIP")
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(in_workflows=True, **policies))


def start_step(office: Office, destination: str = "Newsletter") -> str:
    """Let Slack run the step; the id of its execution."""
    body = {"callback_id": "export_to_mailchimp", "inputs": {"destination": destination}}
    answer = requests.post(f"{office.world.served.slack}/control/function", json=body, timeout=10).json()
    assert answer["delivered"] == "acked", answer
    return str(answer["function_execution_id"])


def step(office: Office, execution: str) -> tuple[str, Any]:
    """How a step stands and what it gave."""
    found = office.world.workspace.functions[execution]
    return found["status"], found["result"]


def ended(office: Office, execution: str) -> bool:
    """Whether a step has ended."""
    return step(office, execution)[0] != "running"


def launched(office: Office, count: int = 1) -> None:
    """Wait for the step's listener, which works after it has acknowledged."""
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == count)


def test_the_step_is_completed_with_counts_when_the_export_has_ended(office: Office) -> None:
    allowed(office)
    execution = start_step(office, "newsletter")
    launched(office)
    office.notify()
    assert step(office, execution) == ("running", None)
    office.work()
    status, outputs = step(office, execution)
    assert status == "success"
    assert (outputs["status"], outputs["profiles"], outputs["new"], outputs["rejected"]) == ("Successful", 3, 3, 0)
    assert outputs["summary"] == "3 new, 3 tags put on"
    assert set(outputs) == set(
        with_workflow_step()["functions"]["export_to_mailchimp"]["output_parameters"]["properties"]
    )
    [living] = office.posted()
    assert "asked for by a workflow" in lines(living)


def test_the_step_fails_with_what_happened_when_the_export_fails(office: Office) -> None:
    allowed(office)
    office.world.account.role = "viewer"
    execution = start_step(office)
    launched(office)
    office.work()
    status, error = step(office, execution)
    assert status == "error"
    assert "The Mailchimp role viewer cannot add contacts." in error


def test_a_destination_that_workflows_may_not_export_fails_the_step_at_once(office: Office) -> None:
    office.world.destination("VIP")
    execution = start_step(office)
    status, error = office.soon(lambda: (found := step(office, execution))[0] != "running" and found)
    assert status == "error"
    assert "Ask an administrator to allow it" in error
    assert not office.postino.runs.history(office.world.actor)


def test_an_unknown_destination_fails_the_step_at_once(office: Office) -> None:
    execution = start_step(office, "Nothing")
    _, error = office.soon(lambda: (found := step(office, execution))[0] != "running" and found)
    assert "There is no destination called Nothing." in error


def test_a_step_that_fails_at_once_says_so_in_the_language_of_the_destination_or_of_most(office: Office) -> None:
    office.world.destination("VIP", language="it")
    for name, sentence in (("Newsletter", "Chiedi a un amministratore di permetterlo"), ("Niente", "Non c'è nessuna")):
        execution = start_step(office, name)
        office.soon(partial(ended, office, execution))
        assert sentence in step(office, execution)[1]


def test_a_step_that_is_delivered_twice_exports_once(office: Office) -> None:
    allowed(office)
    office.world.workspace.faults.duplicate_next = 1
    execution = start_step(office)
    launched(office)
    office.work()
    assert step(office, execution)[0] == "success"
    assert len(office.postino.runs.history(office.world.actor)) == 1


def test_a_step_waits_for_the_approval_its_destination_asks_for(office: Office) -> None:
    allowed(office, approval="always")
    office.world.administrators("U0BEN")
    execution = start_step(office)
    launched(office)
    office.work()
    assert step(office, execution) == ("running", None)
    office.click(office.ben, "Approve and send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert step(office, execution)[0] == "success"


def test_a_step_of_a_workflow_that_was_stopped_is_let_go(office: Office) -> None:
    allowed(office)
    execution = start_step(office)
    launched(office)
    del office.world.workspace.functions[execution]
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    assert len(office.posted()) == 1
    office.world.workspace.emitted.clear()
    office.clock.forward(minutes=10)
    office.notify()
    assert not office.world.workspace.emitted
