"""Exports by schedule: with every refresh of the source, or when their time has come."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.access import Actor, Standing
from services.errors import NotAllowed
from storage import runs
from storage.models import Connection, Destination, Run, RunStatus
from tests.integration.slack_office import Office, lines

ROME = ZoneInfo("Europe/Rome")


def ring(office: Office) -> None:
    """Let the duty look whether something is due."""
    office.postino.schedules()


def history(office: Office) -> list[Run]:
    """All runs, oldest first."""
    return office.postino.runs.history(office.world.actor)[::-1]


def day_by_day(office: Office) -> Destination:
    """A destination that is exported once a day, which the duty has seen."""
    destination = office.world.destination("VIP", schedule="daily 07:00", time_zone="Europe/Rome")
    ring(office)
    return destination


def advance(office: Office, until: datetime) -> None:
    """Let time pass until a moment."""
    office.clock.forward(seconds=(until - office.clock()).total_seconds())


def noon_before_the_change(after: datetime, month: int) -> datetime:
    """Noon in London on the Saturday before Europe changes its clocks: on the last Sunday of March and of October."""
    for year in (after.year, after.year + 1):
        last = datetime(year, month, 31, 12, tzinfo=UTC)
        saturday = last - timedelta(days=(last.weekday() + 1) % 7 + 1)
        if saturday > after:
            return saturday
    raise AssertionError


def now(office: Office, destination: Destination) -> Destination:
    """The destination as it is now."""
    return office.postino.destinations.get(office.world.actor, destination.id)


def reconnect_needed(office: Office, *, needed: bool) -> None:
    """Let Mailchimp no longer accept the connection, or accept it again."""
    with office.postino.database.write() as session:
        session.get_one(Connection, 1).reconnect_needed = needed


def test_each_refresh_of_the_source_is_exported_once(office: Office) -> None:
    office.world.destination("VIP", schedule="refresh")
    ring(office)
    assert not history(office)
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    for _ in range(3):
        ring(office)
        office.work()
    [run] = history(office)
    assert run.status == RunStatus.SUCCESSFUL
    assert run.requested_by == "schedule"


def test_a_refresh_that_is_still_being_written_is_not_exported_yet(office: Office) -> None:
    office.world.destination("VIP", schedule="refresh")
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    table = office.world.folder / "VIP.csv"
    written = office.clock().timestamp()
    os.utime(table, (written, written))
    ring(office)
    assert not history(office)
    office.clock.forward(minutes=5)
    ring(office)
    assert len(history(office)) == 1


def test_a_refresh_during_an_export_is_exported_after_it(office: Office) -> None:
    destination = office.world.destination("VIP", schedule="refresh")
    office.request(destination)
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    ring(office)
    assert len(history(office)) == 1
    office.work()
    ring(office)
    office.work()
    first, second = history(office)
    assert (first.requested_by, second.requested_by) == ("U0ADA", "schedule")
    assert second.status == RunStatus.SUCCESSFUL


def test_what_was_missed_while_postino_was_down_is_exported_once_on_return(office: Office) -> None:
    destination = day_by_day(office)
    office.clock.forward(days=4)
    for _ in range(3):
        ring(office)
        office.work()
    assert len(history(office)) == 1
    following = now(office, destination).next_run_at
    assert following is not None
    assert timedelta(0) < following - office.clock() <= timedelta(days=1)


@pytest.mark.parametrize(
    ("month", "before", "after", "night"),
    [
        (3, "+0100", "+0200", ["Sun 03:30 +0200", "Mon 02:30 +0200"]),
        (10, "+0200", "+0100", ["Sun 02:30 +0200", "Mon 02:30 +0100"]),
    ],
    ids=["spring", "autumn"],
)
def test_daily_weekly_and_several_times_a_day_keep_to_the_clocks_of_their_zone_when_these_change(
    office: Office, month: int, before: str, after: str, night: list[str]
) -> None:
    begin = noon_before_the_change(office.clock(), month)
    advance(office, begin)
    connection = office.world.connect()
    nightly, weekly, often = "daily 02:30", "weekly sun 07:00", "cron 0 8,12,18 * * *"
    for segment, schedule in (("VIP", nightly), ("Bergamo", weekly), ("Everyone", often)):
        form: dict[str, Any] = {"connection_id": connection, "schedule": schedule, "time_zone": "Europe/Rome"}
        office.world.destination(segment, name=schedule, **form)
    ring(office)
    listed = str(office.type(office.ada, "/postino schedules")["blocks"])
    for half_hours in range(1, 97):
        advance(office, begin + timedelta(minutes=30 * half_hours))
        ring(office)
        while office.postino.exporting():
            pass
    started: dict[str, list[str]] = {}
    for run in history(office):
        assert run.status == RunStatus.SUCCESSFUL
        moment = run.requested_at.replace(minute=run.requested_at.minute // 30 * 30, second=0)
        if run.destination.name == nightly:
            assert f"<!date^{int(moment.timestamp())}^" in listed
        started.setdefault(run.destination.name, []).append(f"{moment.astimezone(ROME):%a %H:%M %z}")
    assert started == {
        nightly: night,
        weekly: [f"Sun 07:00 {after}"],
        often: [
            f"Sat 18:00 {before}",
            *(f"Sun {hour}:00 {after}" for hour in ("08", "12", "18")),
            *(f"Mon {hour}:00 {after}" for hour in ("08", "12")),
        ],
    }


def test_the_next_three_times_are_known_and_none_while_paused(office: Office) -> None:
    destination = day_by_day(office)
    schedules = office.postino.schedules
    first, second, third = schedules.next_times(now(office, destination))
    assert first == now(office, destination).next_run_at
    assert timedelta(hours=23) <= second - first <= timedelta(hours=25)
    assert timedelta(hours=23) <= third - second <= timedelta(hours=25)
    paused = schedules.pause(office.world.actor, destination.id)
    assert paused.paused_by == "U0ADA"
    assert schedules.next_times(paused) == []


def test_a_paused_schedule_runs_nothing_and_owes_nothing_when_it_is_resumed(office: Office) -> None:
    timed = day_by_day(office)
    refreshed = office.world.destination("Bergamo", name="Refreshed", connection_id=1, schedule="refresh")
    schedules = office.postino.schedules
    for one in (timed, refreshed):
        schedules.pause(office.world.actor, one.id)
    office.clock.forward(days=3)
    office.world.segment("Bergamo", ["p1"])
    ring(office)
    for one in (timed, refreshed):
        schedules.resume(office.world.actor, one.id)
    ring(office)
    assert not history(office)
    office.clock.forward(days=1)
    office.world.segment("Bergamo", ["p1", "p2"])
    ring(office)
    assert {run.destination_id for run in history(office)} == {timed.id, refreshed.id}


def test_an_edited_schedule_begins_anew(office: Office) -> None:
    destination = day_by_day(office)
    with office.postino.database.write() as session:
        session.get_one(Destination, destination.id).schedule = "manual"
    office.clock.forward(days=2)
    office.world.edit("Newsletter", "VIP")
    ring(office)
    assert not history(office)


def test_run_all_exports_only_active_schedules_once(office: Office) -> None:
    active = day_by_day(office)
    paused = office.world.destination("Bergamo", name="Paused", connection_id=1, schedule="daily 07:00")
    office.world.destination("Everyone", name="By hand", connection_id=1)
    office.postino.schedules.pause(office.world.actor, paused.id)
    for _ in range(2):
        outcomes = office.postino.schedules.run_all(office.world.actor, once="click-1")
        assert [(one.name, isinstance(run, Run)) for one, run in outcomes] == [("Newsletter", True)]
    assert [run.destination_id for run in history(office)] == [active.id]


def test_a_skipped_export_says_why_and_what_to_do_once(office: Office) -> None:
    day_by_day(office)
    reconnect_needed(office, needed=True)
    for _ in range(3):
        office.clock.forward(days=1)
        ring(office)
        office.work()
    assert [run.status for run in history(office)] == [RunStatus.SKIPPED] * 3
    [told] = office.posted()
    assert "Newsletter needs its connection to Mailchimp again." in lines(told)
    assert "Mailchimp no longer accepts the connection Main." in told["text"]
    assert [button["text"] for button in told["buttons"]] == ["Connect again", "Preview again", "Details", "Schedules"]
    office.click(office.ada, "Schedules", told)
    office.soon(lambda: any("1 schedule" in lines(one) for one in office.answers(office.ada)))
    reconnect_needed(office, needed=False)
    office.clock.forward(days=1)
    ring(office)
    office.work()
    assert history(office)[-1].status == RunStatus.SUCCESSFUL
    assert "Newsletter works again" in lines(office.posted()[-1])


def test_a_time_that_comes_during_an_export_is_skipped_and_says_so(office: Office) -> None:
    destination = day_by_day(office)
    office.request(destination)
    with office.postino.database.write() as session:
        runs.claim_next(session, "test", office.clock(), timedelta(days=9))
    office.clock.forward(days=1)
    ring(office)
    office.notify()
    skipped = history(office)[-1]
    assert skipped.status == RunStatus.SKIPPED
    assert "is being exported already" in lines(office.posted()[-1])


def test_trouble_with_one_schedule_keeps_no_other_from_being_exported(office: Office) -> None:
    day_by_day(office)
    broken = office.world.destination("Bergamo", name="Broken", connection_id=1, schedule="daily 07:00")
    with office.postino.database.write() as session:
        session.get_one(Destination, broken.id).schedule = "cron 99 7 * * *"
    office.clock.forward(days=1)
    ring(office)
    assert [run.destination.name for run in history(office)] == ["Newsletter"]


def test_who_may_not_manage_a_destination_does_not_pause_it(office: Office) -> None:
    destination = day_by_day(office)
    ben = Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    with pytest.raises(NotAllowed):
        office.postino.schedules.pause(ben, destination.id)
    assert office.postino.schedules.run_all(ben, once="click") == []


def test_the_list_shows_the_next_three_times_and_pauses_and_resumes(office: Office) -> None:
    destination = day_by_day(office)
    office.world.destination("Bergamo", name="With <refresh> & more", connection_id=1, schedule="refresh")
    at_home: dict[str, Any] = {"connection_id": 1, "schedule": "daily 07:00", "time_zone": "Europe/London"}
    office.world.destination("Everyone", name="By Ada's clock", **at_home)
    listed = office.type(office.ada, "/postino schedules")
    assert "3 schedules" in lines(listed)
    followed = "With <refresh> & more\nWith every refresh of the source\nNext: with the source's next refresh"
    assert followed in lines(listed)
    assert "Daily (07:00), Europe/Rome" in lines(listed)
    times = office.postino.schedules.next_times(now(office, destination))
    assert [f"<!date^{int(one.timestamp())}^" in str(listed["blocks"]) for one in times] == [True] * 3
    both = re.search(r"Next, by the clock of Europe/Rome: (.*)\nBy your clock: (.*)", lines(listed))
    assert both is not None
    assert (both[1].count("7:00"), both[2].count("06:00")) == (3, 3)
    assert re.search(r"Daily \(07:00\), Europe/London\nNext, by your clock: .* 07:00", lines(listed)), lines(listed)

    place = f'{{"page":0,"destination":{destination.id}}}'
    assert office.click(office.ada, "Pause", listed, value=place)["ok"]
    office.soon(lambda: "Paused by @Ada Lovelace since" in lines(office.answers(office.ada)[-1]))
    paused = office.answers(office.ada)[-1]
    assert now(office, destination).paused_by == "U0ADA"
    assert office.click(office.ada, "Resume", paused, value=place)["ok"]
    office.soon(lambda: "Paused" not in lines(office.answers(office.ada)[-1]))
    assert now(office, destination).paused_at is None


def test_run_all_is_one_click_and_says_what_was_started(office: Office) -> None:
    day_by_day(office)
    listed = office.type(office.ada, "/postino schedules")
    for _ in range(2):
        office.click(office.ada, "Run all", listed)
    office.soon(lambda: len(office.answers(office.ada)) == 3)
    assert "1 export is queued: Newsletter." in lines(office.answers(office.ada)[-1])
    assert len(history(office)) == 1
    office.work()
    office.click(office.ada, "Run all", listed)
    office.soon(lambda: len(history(office)) == 2)


def test_who_views_sees_the_schedules_without_their_buttons(office: Office) -> None:
    day_by_day(office)
    listed = office.type(office.ben, "/postino schedules")
    assert [button["text"] for button in listed["buttons"]] == ["Refresh", "Share"]
    assert "Newsletter" in lines(listed)


def test_without_a_schedule_the_list_says_what_to_do(office: Office) -> None:
    none = office.type(office.ada, "/postino schedules")
    assert "There is no destination yet." in lines(none)
    assert [button["text"] for button in none["buttons"]] == ["New destination"]
    office.world.destination("VIP")
    manual = office.type(office.ada, "/postino schedules")
    assert "No destination has a schedule." in lines(manual)
    office.click(office.ada, "Destinations", manual)
    office.soon(lambda: "Edit" in [one["text"] for one in office.answers(office.ada)[-1]["buttons"]])
