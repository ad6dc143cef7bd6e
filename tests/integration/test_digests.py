"""Scheduled successes told together once a day, at an hour of the destination's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.notifier import Notifier
from services.destinations import Policies
from services.digests import DIGEST, Digests
from storage.models import Destination, OutboxMessage, RunStatus
from tests.integration.shop import Shop
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served

ROME = ZoneInfo("Europe/Rome")


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        moment = office.clock()
        office.clock.forward(seconds=3600 - moment.minute * 60 - moment.second)
        yield office


def told_in(office: Office, hours: int, **form: Any) -> Destination:
    """A destination whose successes are told in so many hours, of the clock in Rome."""
    hour = (office.clock().astimezone(ROME) + timedelta(hours=hours)).hour
    made = office.world.destination("VIP", time_zone="Europe/Rome", **form)
    return office.postino.destinations.set_policies(office.world.actor, made.id, Policies(digest=hour))


def by_schedule(office: Office, destination: Destination) -> None:
    office.request(destination, trigger="schedule")
    office.work()


def digests_told(office: Office) -> list[str]:
    """The digests in the channel, once the duty has looked whether one is due."""
    office.postino.digests()
    office.notify()
    return [lines(one) for one in office.posted() if "went well since" in lines(one)]


def test_the_successes_of_a_day_are_told_once_at_the_set_hour_with_their_figures(office: Office) -> None:
    destination = told_in(office, hours=3)
    by_schedule(office, destination)
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    by_schedule(office, destination)
    office.clock.forward(hours=1)
    assert not office.posted()
    assert digests_told(office) == []
    office.clock.forward(hours=3)
    [told] = digests_told(office)
    assert "2 scheduled exports of Newsletter to Newsletter went well since" in told
    assert "4 new" in told
    assert "4 tags put on" in told
    assert digests_told(office) == [told]
    office.clock.forward(days=1)
    assert digests_told(office) == [told]
    by_schedule(office, destination)
    office.clock.forward(days=1)
    assert "1 scheduled export of" in digests_told(office)[1]


def test_failures_and_recoveries_are_told_at_once(office: Office) -> None:
    destination = told_in(office, hours=3)
    office.world.account.role = "viewer"
    by_schedule(office, destination)
    assert "The export of Newsletter failed." in lines(office.posted()[-1])
    office.world.account.role = "owner"
    by_schedule(office, destination)
    assert "Newsletter works again" in lines(office.posted()[-1])
    assert digests_told(office) == []


def test_a_digest_is_told_once_though_two_workers_look_and_postino_is_restarted_before_it_is_posted(
    office: Office,
) -> None:
    destination = told_in(office, hours=3)
    by_schedule(office, destination)
    office.clock.forward(hours=5)
    mine = office.postino.digests
    another = Digests(mine.database, mine.next_time)
    mine()
    another()
    office.world.workspace.faults.ratelimit_next = {"chat.postMessage": 3}
    office.notify()
    assert office.posted() == []
    office.notifier = Notifier(office.postino, office.world.app.client, office.clock.seconds)
    office.clock.forward(minutes=5)
    assert len(digests_told(office)) == 1


def test_what_was_missed_while_postino_was_down_is_told_in_one_digest(office: Office) -> None:
    destination = told_in(office, hours=3)
    by_schedule(office, destination)
    office.clock.forward(days=4)
    assert len(digests_told(office)) == 1


def test_what_a_person_launched_is_told_by_itself_and_in_no_digest(office: Office) -> None:
    destination = told_in(office, hours=3)
    office.request(destination)
    office.work()
    assert "was exported to" in lines(office.posted()[-1])
    office.clock.forward(hours=5)
    assert digests_told(office) == []


def test_without_a_channel_the_digest_goes_to_who_made_the_destination(office: Office) -> None:
    destination = told_in(office, hours=3, channel=None)
    by_schedule(office, destination)
    office.clock.forward(hours=5)
    office.postino.digests()
    office.notify()
    assert any("went well since" in lines(one) for one in office.directly(office.ada))
    assert office.run(1).status == RunStatus.SUCCESSFUL


def test_each_kind_of_database_keeps_what_was_told(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    made = shop.destination("VIP", time_zone="America/New_York")
    hour = (shop.clock().astimezone(ZoneInfo("America/New_York")) + timedelta(hours=2)).hour
    shop.postino.destinations.set_policies(shop.actor, made.id, Policies(digest=hour))
    shop.clock.forward(minutes=1)
    shop.export(made, trigger="schedule")
    shop.export(made, trigger="schedule")
    for _ in range(4):
        shop.clock.forward(hours=12)
        shop.postino.digests()
    with shop.postino.database.read() as session:
        [told] = session.scalars(select(OutboxMessage).where(OutboxMessage.kind == DIGEST))
    assert (told.values["exports"], told.values["counts"]["new"]) == (2, 1)
