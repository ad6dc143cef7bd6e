"""The list of schedules: what is exported when, paused or not, with the next three times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.texts import Texts
from bot.views import blocks, sharing
from bot.views.blocks import Block, escape
from bot.views.destinations import OPEN
from bot.views.hub import PAGE, Place
from bot.views.run_facts import Message, moment, who
from bot.views.wizard_segments import next_times, schedule_text


@dataclass(frozen=True, slots=True)
class Row:
    """A destination with a schedule; ``times`` are the next ones, ``may_manage`` whether the reader may pause it.

    ``zone`` is the schedule's, ``reader_zone`` the reader's, None where many read it; ``unreadable_since`` is since when it
    waits for a source that cannot be read, ``refreshing_since`` for a refresh that does not end. ``lapsed_of`` agreed to the
    statement and may not use the connection any more.
    """

    destination_id: int
    name: str
    schedule: str
    zone: str
    times: Sequence[datetime]
    may_manage: bool
    reader_zone: str | None = None
    paused_by: str | None = None
    paused_at: datetime | None = None
    unreadable_since: datetime | None = None
    refreshing_since: datetime | None = None
    lapsed_of: str | None = None


def schedules(t: Texts, rows: Sequence[Row], total: int, page: int, *, shared: bool = False) -> Message:
    """The schedules of one page, each with what the reader can do about it; ``shared`` leaves that out."""
    if not total:
        text = t("No destination has a schedule. Edit one to export it by itself.")
        return Message(text, [blocks.section(text), blocks.actions(blocks.button(t("Destinations"), OPEN))])
    head = t.plural("{count} schedule", "{count} schedules", total)
    content, said = [blocks.section(f"*{head}*")], [f"{head}:"]
    for row in rows:
        name, about = escape(row.name), _about(t, row)
        said.append(" · ".join([name, *about]))
        text = "\n".join([f"*{name}*", *about])
        content.append(blocks.section(text, _button(t, row, page) if row.may_manage and not shared else None))
    if not shared:
        content.append(blocks.actions(*_below(t, rows, total, page)))
    return Message("\n".join(said), content)


def run_all_said(t: Texts, started: Sequence[str], refused: Sequence[tuple[str, str]], *, may_run_all: bool) -> Message:
    """Which exports were started, and which not and why: names, and sentences in the reader's language."""
    lines = []
    if started:
        names = ", ".join(escape(name) for name in started)
        lines.append(
            t.plural(
                "{count} export is queued: {names}.", "{count} exports are queued: {names}.", len(started), names=names
            )
        )
    lines += [
        t("{destination} was not started: {reason}", destination=escape(name), reason=escape(reason))
        for name, reason in refused
    ]
    none = (
        t("No schedule is active.")
        if may_run_all
        else t("No schedule that you may run is active. Ask an administrator about those of others.")
    )
    text = "\n".join(lines) or none
    return Message(text, [blocks.section(text)])


def _about(t: Texts, row: Row) -> list[str]:
    lines = [escape(schedule_text(t, row.schedule, row.zone))]
    if row.paused_at is not None:
        by = who(t, row.paused_by or "")
        lines.append(t("Paused by {person} since {time}.", person=by, time=moment(t, row.paused_at, row.zone)))
    elif row.lapsed_of is not None:
        agreed = who(t, row.lapsed_of)
        lines.append(
            "⚠️ "
            + t(
                "Not exported by schedule: {person}, who agreed to the statement, may not use the connection any more.",
                person=agreed,
            )
        )
    elif row.unreadable_since is not None:
        since = moment(t, row.unreadable_since, row.zone)
        lines.append("⚠️ " + t("Waits: the source has been unreadable since {time}.", time=since))
    elif row.refreshing_since is not None:
        since = moment(t, row.refreshing_since, row.zone)
        lines.append("⚠️ " + t("Waits: a refresh of the source has been going on since {time}.", time=since))
    elif row.schedule == "refresh":
        lines.append(t("Next: {time}", time=t("with the source's next refresh")))
    elif row.times:
        lines += _next(t, row)
    return lines


def _next(t: Texts, row: Row) -> list[str]:
    """The next times by the schedule's clock, and by the reader's where that is another; once where both agree."""
    if row.reader_zone is None:
        return [next_times(t, row.times, row.zone)]
    times = ", ".join(moment(t, one, row.reader_zone) for one in row.times)
    if _same_clock(row.times, row.zone, row.reader_zone):
        return [t("Next, by your clock: {times}", times=times)]
    return [next_times(t, row.times, row.zone), t("By your clock: {times}", times=times)]


def _same_clock(times: Sequence[datetime], zone: str, other: str) -> bool:
    here, there = ZoneInfo(zone), ZoneInfo(other)
    return all(one.astimezone(here).utcoffset() == one.astimezone(there).utcoffset() for one in times)


def _button(t: Texts, row: Row, page: int) -> Block:
    value = Place(page=page, destination=row.destination_id).model_dump_json()
    if row.paused_at is not None:
        label = t("Resume the schedule of {destination}", destination=row.name)
        return blocks.button(t("Resume"), "schedule.resume", value, label=label)
    return blocks.button(
        t("Pause"), "schedule.pause", value, label=t("Pause the schedule of {destination}", destination=row.name)
    )


def _below(t: Texts, rows: Sequence[Row], total: int, page: int) -> list[Block]:
    confirm = blocks.confirmation(
        t("Run all schedules now?"),
        t("Every destination with an active schedule that you may run is exported now. Paused ones are left out."),
        t("Run all"),
        t("Not now"),
    )
    buttons = (
        [blocks.button(t("Run all"), "schedule.all", str(page), confirm=confirm)]
        if any(row.may_manage for row in rows)
        else []
    )
    if page > 0:
        buttons.append(blocks.button(t("Previous"), "schedule.previous", Place(page=page - 1).model_dump_json()))
    if (page + 1) * PAGE < total:
        buttons.append(blocks.button(t("Next"), "schedule.next", Place(page=page + 1).model_dump_json()))
    here = Place(page=page).model_dump_json()
    return [*buttons, blocks.button(t("Refresh"), "schedule.refresh", here), sharing.button(t, "schedule.share", here)]
