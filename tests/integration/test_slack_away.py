"""Slack is down, or takes no more calls, for ten minutes: every way a run can end is still told, and told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.notifier import Notifier
from services.errors import Refused
from storage.models import Run, RunStatus
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served

Ending = Callable[[Office], Run]


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        yield office


def begun(office: Office) -> Run:
    run = office.request(office.world.destination("VIP"))
    office.notify()
    return run


def successful(office: Office) -> Run:
    return begun(office)


def with_rejects(office: Office) -> Run:
    office.world.customers({"p0": {"EMail": "not an address"}})
    return begun(office)


def failed(office: Office) -> Run:
    run = begun(office)
    office.world.account.role = "viewer"
    return run


def canceled(office: Office) -> Run:
    run = begun(office)
    office.postino.runs.cancel(office.world.actor, run.id)
    return run


def skipped(office: Office) -> Run:
    reason = Refused("This export does not wait for approval any more.")
    return office.postino.runs.skip(office.world.actor, office.world.destination("VIP"), reason, key="skip")


ENDINGS: dict[str, tuple[Ending, RunStatus, str]] = {
    "successful": (successful, RunStatus.SUCCESSFUL, "Newsletter was exported to"),
    "with rejects": (with_rejects, RunStatus.REJECTS, "Newsletter was exported to"),
    "failed": (failed, RunStatus.FAILED, "The export of Newsletter failed."),
    "canceled": (canceled, RunStatus.CANCELED, "The export of Newsletter was canceled"),
    "skipped": (skipped, RunStatus.SKIPPED, "The export of Newsletter was skipped."),
}


def down(office: Office) -> None:
    office.world.workspace.faults.down_until = float("inf")


def throttling(office: Office) -> None:
    office.world.workspace.faults.ratelimit_next = {"*": 1_000_000}


def back(office: Office) -> None:
    office.world.workspace.faults.down_until = 0.0
    office.world.workspace.faults.ratelimit_next = {}


@pytest.mark.parametrize("trouble", [down, throttling])
@pytest.mark.parametrize(("ending", "status", "told"), ENDINGS.values(), ids=ENDINGS)
def test_every_ending_arrives_once_after_ten_minutes_without_slack(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Office], None],
    ending: Ending,
    status: RunStatus,
    told: str,
) -> None:
    monkeypatch.setattr("slack_sdk.http_retry.handler.time.sleep", lambda _: None)
    run = ending(office)
    trouble(office)
    office.work()
    for _ in range(10):
        office.clock.forward(minutes=1)
        office.notify()
    # Postino is started anew meanwhile: what is to be told is in the database.
    office.notifier = Notifier(office.postino, office.world.app.client, office.clock.seconds)
    back(office)
    for _ in range(3):
        office.clock.forward(minutes=6)
        office.notify()
    assert office.run(run.id).status == status
    assert [told in lines(one) for one in office.posted()].count(True) == 1
    # A run that never began has no message of its own, and nobody launched it.
    began = status != RunStatus.SKIPPED
    assert ["Export of Newsletter" in lines(one) for one in office.posted()].count(True) == began
    assert [told in lines(one) for one in office.directly(office.ada)].count(True) == began
    posted = office.posted()
    office.clock.forward(hours=1)
    office.notify()
    assert office.posted() == posted
