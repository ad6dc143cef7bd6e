"""How a schedule is written down: by people, and as a crontab line for the engine."""

from __future__ import annotations

import re

from services.errors import InvalidInput

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def crontab(schedule: str) -> str | None:
    """A schedule as a crontab line with weekdays by name; None for ``refresh`` and ``manual``.

    ``daily 07:30``, ``weekly mon 07:30`` and ``cron 30 7 * * 1-5`` are understood. Raises InvalidInput.
    """
    kind, _, rest = schedule.strip().partition(" ")
    if kind in ("refresh", "manual") and not rest:
        return None
    if kind == "daily" and (time := _time(rest)):
        return f"{time} * * *"
    if kind == "weekly":
        day, _, clock = rest.strip().partition(" ")
        if day[:3].lower() in _DAYS and (time := _time(clock)):
            return f"{time} * * {day[:3].lower()}"
    if kind == "cron" and re.fullmatch(r"(?:[\d*,/a-zA-Z-]+ +){4}[\d*,/a-zA-Z-]+", rest.strip()):
        *others, weekdays = rest.split()
        return " ".join([*others, _named_weekdays(weekdays)])
    raise InvalidInput(
        "{schedule} is no schedule. Use refresh, manual, daily 07:30, weekly mon 07:30, or cron and five fields.",
        field="schedule",
        schedule=schedule,
    )


def _time(clock: str) -> str | None:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", clock.strip())
    return f"{int(found[2])} {int(found[1])}" if found else None


def _named_weekdays(field: str) -> str:
    """Crontab counts weekdays from Sunday, APScheduler from Monday: names mean the same to both."""
    steps, _, step = field.partition("/")
    named = re.sub(r"\d+", lambda found: _DAYS[int(found[0]) % 7], steps)
    return f"{named}/{step}" if step else named
