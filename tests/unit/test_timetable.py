"""When schedules come due: how they are written, and the clocks of a time zone, daylight saving included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.engines.embedded import next_time
from services.errors import InvalidInput
from services.timetable import crontab

ROME, LORD_HOWE = "Europe/Rome", "Australia/Lord_Howe"


def times(schedule: str, zone: str, after: datetime, count: int) -> list[str]:
    """The next times of a schedule, as the clocks of the zone show them."""
    line, shown, moment = crontab(schedule), [], after
    assert line is not None
    for _ in range(count):
        found = next_time(line, zone, moment)
        assert found is not None
        assert found > moment
        moment = found
        shown.append(moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %H:%M %z"))
    return shown


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        ("daily 07:30", "30 7 * * *"),
        ("weekly mon 7:05", "5 7 * * mon"),
        ("weekly Sunday 23:59", "59 23 * * sun"),
        ("cron 30 7 * * 1-5", "30 7 * * mon,tue,wed,thu,fri"),
        ("cron 0 7 * * 0-6", "0 7 * * sun,mon,tue,wed,thu,fri,sat"),
        ("cron 0 7 * * 5-7", "0 7 * * sun,fri,sat"),
        ("cron 0 7 * * 7", "0 7 * * sun"),
        ("cron */20 6-8 1,15 jan-mar *", "0,20,40 6,7,8 1,15 1,2,3 *"),
        ("refresh", None),
        ("manual", None),
    ],
)
def test_schedules_people_write_become_crontab_lines(schedule: str, line: str | None) -> None:
    assert crontab(schedule) == line


@pytest.mark.parametrize(
    "schedule",
    [
        "daily 24:00",
        "weekly someday 07:00",
        "cron 99 7 * * *",
        "cron 0 7 * * 8",
        "cron 0 7 0 * *",
        "cron 0 7 * 13 *",
        "cron 0 9-7 * * *",
        "cron */0 * * * *",
        "cron 0 7 * *",
        "cron 0 7 1 * mon",
        "hourly",
        "",
    ],
)
def test_what_no_clock_understands_is_refused_when_it_is_typed(schedule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        crontab(schedule)
    assert refused.value.field == "schedule"


def test_a_daily_export_stays_at_its_hour_when_the_clocks_change() -> None:
    assert times("daily 07:00", ROME, datetime(2026, 3, 28, 12, tzinfo=UTC), 2) == [
        "Sun 29 Mar 07:00 +0200",
        "Mon 30 Mar 07:00 +0200",
    ]
    assert times("daily 07:00", ROME, datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == [
        "Sun 25 Oct 07:00 +0100",
        "Mon 26 Oct 07:00 +0100",
    ]


def test_an_hour_that_is_left_out_in_spring_comes_an_hour_later_once() -> None:
    assert times("daily 02:30", ROME, datetime(2026, 3, 28, 12, tzinfo=UTC), 2) == [
        "Sun 29 Mar 03:30 +0200",
        "Mon 30 Mar 02:30 +0200",
    ]
    within = datetime(2026, 3, 29, 1, 10, tzinfo=UTC)
    assert times("daily 02:30", ROME, within, 1) == ["Sun 29 Mar 03:30 +0200"]


def test_an_hour_that_comes_twice_in_autumn_counts_once() -> None:
    assert times("daily 02:30", ROME, datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == [
        "Sun 25 Oct 02:30 +0200",
        "Mon 26 Oct 02:30 +0100",
    ]
    between = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert times("daily 02:30", ROME, between, 1) == ["Mon 26 Oct 02:30 +0100"]


def test_every_quarter_of_an_hour_goes_on_through_both_changes() -> None:
    for begin in (datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 10, 24, 23, tzinfo=UTC)):
        moment, line = begin, crontab("cron */15 * * * *")
        assert line is not None
        while moment < begin + timedelta(hours=5):
            found = next_time(line, ROME, moment)
            assert found is not None
            assert timedelta(0) < found - moment <= timedelta(hours=1, minutes=15)
            moment = found


def test_a_zone_that_moves_by_half_an_hour_is_understood() -> None:
    assert times("daily 02:15", LORD_HOWE, datetime(2026, 10, 3, 0, tzinfo=UTC), 2) == [
        "Sun 04 Oct 02:45 +1100",
        "Mon 05 Oct 02:15 +1100",
    ]


def test_a_day_that_never_comes_has_no_next_time() -> None:
    assert next_time("0 7 31 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC)) is None
