"""How a schedule is written down: by people, and as a crontab line for the engine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.errors import InvalidInput

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class NoSchedule(InvalidInput):
    """It is written in no way that means a schedule."""


def crontab(schedule: str) -> str | None:
    """A schedule as a crontab line with weekdays by name; None for ``refresh`` and ``manual``.

    ``daily 07:30``, ``weekly mon 07:30`` and ``cron 30 7 * * 1-5`` are understood. Raises InvalidInput,
    NoSchedule for what means nothing.
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
    if kind == "cron" and (line := _five_fields(rest.split())):
        return line
    raise NoSchedule(
        "{schedule} is no schedule. Use refresh, manual, daily 07:30, weekly mon 07:30, or cron and five fields.",
        field="schedule",
        schedule=schedule,
    )


def _time(clock: str) -> str | None:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", clock.strip())
    return f"{int(found[2])} {int(found[1])}" if found else None


def _five_fields(fields: Sequence[str]) -> str | None:
    """The line with its numbers written out and weekdays by name: crontab counts them from Sunday, APScheduler from Monday."""
    if len(fields) != 5:
        return None
    if fields[2] != "*" and fields[4] != "*":
        raise InvalidInput(
            "A schedule can have days of the month or weekdays, not both. Put * in one of the two fields.",
            field="schedule",
        )
    minute, hour, day = (
        _numbers(text, low, high) for text, low, high in zip(fields[:3], (0, 0, 1), (59, 23, 31), strict=True)
    )
    month, weekday = _numbers(fields[3], 1, 12, _MONTHS), _numbers(fields[4], 0, 7, _DAYS)
    if not (minute and hour and day and month and weekday):
        return None
    named = ["*"] if fields[4] == "*" else [_DAYS[at] for at in sorted({number % 7 for number in weekday})]
    written = [
        "*" if text == "*" else ",".join(map(str, sorted(set(numbers))))
        for text, numbers in zip(fields, (minute, hour, day, month), strict=False)
    ]
    return " ".join([*written, ",".join(named)])


def _numbers(field: str, low: int, high: int, names: Sequence[str] = ()) -> list[int]:
    """What a crontab field means: ``*``, ``7``, ``1-5``, ``*/15`` and lists of these; empty if it means nothing."""
    numbers: list[int] = []
    for part in field.lower().split(","):
        for at, name in enumerate(names, start=low):
            part = part.replace(name, str(at))
        found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if found is None:
            return []
        first, last, step = (int(group) if group else None for group in found.groups())
        begin = low if first is None else first
        # Sunday is 0 and 7: a whole week is counted once, and "7" alone is understood.
        whole = high if not names or names is _MONTHS else high - 1
        end = last if last is not None else begin if first is not None and step is None else whole
        if not low <= begin <= end <= high or step == 0:
            return []
        numbers += range(begin, end + 1, step or 1)
    return numbers
