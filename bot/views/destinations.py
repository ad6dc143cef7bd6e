"""All destinations with everything about each: state, last and next export, connection, permission, buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from bot.texts import Texts, mark
from bot.views import blocks, history, policies, runs, sharing, sorting, statement, viewing
from bot.views.blocks import Block, escape
from bot.views.removal import DESTINATION as REMOVE
from bot.views.run_facts import Message, Run, linked, moment, who
from bot.views.wizard import EDIT, new_row
from bot.views.wizard_segments import schedule_text
from services.destinations import Policies
from services.nearest import NoSuchDestination

PAGE = 5
"""How many fit into the 12,000 characters that a message may have, with the longest names."""
SEARCH = 200
"""The longest search that is carried from page to page."""
EXPORT, DUPLICATE = "export.again", "destination.duplicate"
PREVIOUS, NEXT, REFRESH = "destinations.previous", "destinations.next", "destinations.refresh"
PAUSE, RESUME = "destinations.pause", "destinations.resume"
OPEN, SHARE = "hub.destinations", "destinations.share"
SORT = "destinations.by_"
"""What the actions of the buttons that sort begin with."""

PERMISSIONS = {
    "administrator": mark("you are an administrator: run, edit, remove"),
    "contributor": mark("it is yours: run, edit, remove"),
    "viewer": mark("you may look"),
}


class Order(StrEnum):
    """How the list is sorted: by name, by connection, what ran last first, or what went wrong first."""

    NAME = "name"
    CONNECTION = "connection"
    LAST = "last"
    STATUS = "status"


class Place(BaseModel):
    """Which page of which search is shown in which order, and which destination is meant: the value of the list's buttons."""

    search: str = ""
    page: int = 0
    destination: int | None = None
    order: Order = Order.NAME


@dataclass(frozen=True, slots=True)
class Row:
    """One destination as it is now. ``permission`` is a key of ``PERMISSIONS``; ``connection`` is None if it is detached."""

    id: int
    name: str
    audience: str
    audience_link: str
    segments: int
    schedule: str
    time_zone: str
    connection: str | None
    reconnect_needed: bool
    duplicable: bool
    permission: str
    updated_by: str
    updated_at: datetime
    created_by: str
    created_at: datetime
    consent_by: str
    consent_at: datetime
    consent_version: int
    next_run_at: datetime | None
    paused_by: str | None
    last: Run | None
    going_on: Run | None
    policies: Policies
    lapsed: bool = False
    """Whether its schedule is refused because who agreed to the statement may not use the connection any more."""

    @property
    def manageable(self) -> bool:
        """Whether the reader may run, edit and remove it."""
        return self.permission != "viewer"

    @property
    def is_administrator(self) -> bool:
        """Whether the reader decides about its policies."""
        return self.permission == "administrator"


def listing(t: Texts, rows: Sequence[Row], total: int, place: Place, *, shared: bool = False) -> Message:
    """One page of what was found, of ``total`` in all; ``shared`` leaves out what is for the asker."""
    if not total:
        if not place.search:
            return none_yet(t)
        text = t(
            "No destination, audience or connection is called {search}. Type /postino destinations to see all.",
            search=escape(place.search),
        )
        return Message(text, [blocks.section(text), blocks.actions(blocks.button(t("All destinations"), OPEN))])
    head = t.plural("{count} destination", "{count} destinations", total)
    if place.search:
        head += f" · {t('search: {search}', search=escape(blocks.shorten(place.search, 100)))}"
    content: list[Block] = [blocks.section(f"*{head}*")]
    said = [f"{head}:"]
    for row in rows:
        lines = [*facts(t, row, shared=shared), policies.told(t, row.policies), _origin(t, row)]
        content.append(blocks.section("\n".join(lines)))
        if not shared:
            content.append(_buttons(t, row, place))
        said.append(". ".join(lines))
    if not shared:
        content += [_below(t, total, place), *([_orders(t, place)] if total > 1 else [])]
    return Message("\n".join(said), content)


def none_yet(t: Texts) -> Message:
    """That the first destination is still to be made, and the way to it."""
    text = t("There is no destination yet. Make one with /postino-connect.")
    return Message(text, [blocks.section(text), new_row(t)])


def not_called(t: Texts, error: NoSuchDestination, wanted: Block | None) -> Message:
    """That no destination has the name typed, and which has the nearest; ``wanted`` does with that one what was wanted."""
    text = escape(t.error(error))
    search = error.typed if error.several else None
    every = blocks.button(t("All that fit") if error.several else t("All destinations"), OPEN, search)
    return Message(text, [blocks.section(text), blocks.actions(*([wanted] if wanted else []), every)])


def facts(t: Texts, row: Row, *, shared: bool = False) -> list[str]:
    """What there is to know of a destination, in lines of markup; ``shared`` leaves out what the reader may do."""
    about = [
        t("to {audience}", audience=linked(blocks.shorten(row.audience, 100), row.audience_link)),
        t.plural("{count} segment", "{count} segments", row.segments),
        escape(schedule_text(t, row.schedule, row.time_zone)),
    ]
    lines = [f"*{escape(blocks.shorten(row.name, 100))}*", " · ".join(about)]
    if row.going_on is not None:
        lines.append(t("Now: {run}", run=runs.one_line(t, row.going_on, named=False)))
    last = (
        t("Last: {run}", run=runs.one_line(t, row.last, named=False)) if row.last is not None else t("Never exported.")
    )
    lines += [last, _next(t, row)]
    permission = [] if shared else [t(PERMISSIONS[row.permission])]
    lines.append(" · ".join([_connection(t, row), *permission, _updated(t, row)]))
    return lines


def _origin(t: Texts, row: Row) -> str:
    """Who made it and who answers for what it sends, for everybody who may look at it."""
    made = t("Made by {person}, {time}", person=who(t, row.created_by), time=moment(t, row.created_at))
    return f"{made} · {statement.agreement(t, row.consent_version, row.consent_by, row.consent_at)}"


def _next(t: Texts, row: Row) -> str:
    if row.next_run_at is not None and row.connection is not None and not row.lapsed:
        return t("Next, by your clock: {times}", times=moment(t, row.next_run_at, row.time_zone))
    return t("Next: {time}", time=_when(t, row))


def _when(t: Texts, row: Row) -> str:
    if row.connection is None:
        return t("never, because it has no connection to Mailchimp. Edit it and choose one")
    if row.paused_by is not None:
        return t("not before {person} or somebody else resumes it", person=who(t, row.paused_by))
    if row.lapsed:
        return t(
            "not by its schedule, because {person}, who agreed to the statement, may not use its connection any more",
            person=who(t, row.consent_by),
        )
    if row.schedule == "manual":
        return t("when somebody starts it")
    return t("when the source is refreshed") if row.schedule == "refresh" else t("by its schedule")


def _connection(t: Texts, row: Row) -> str:
    if row.connection is None:
        return t("No connection")
    name = escape(blocks.shorten(row.connection, 100))
    if row.reconnect_needed:
        return t("Connection {name}: connect it again", name=name)
    return t("Connection {name}", name=name)


def _updated(t: Texts, row: Row) -> str:
    return t("updated {time} by {person}", time=moment(t, row.updated_at), person=who(t, row.updated_by))


def _buttons(t: Texts, row: Row, place: Place) -> Block:
    value = str(row.id)
    buttons = []
    if row.manageable:
        if row.connection is not None:
            label = t("Export {destination}", destination=row.name)
            buttons.append(blocks.button(t("Export…"), EXPORT, value, label=label))
        buttons.append(blocks.button(t("Edit"), EDIT, value, label=t("Edit {name}", name=row.name)))
        if row.schedule != "manual":
            buttons.append(_pause(t, row, place))
    if row.is_administrator:
        buttons.append(policies.button(t, row.id, row.name))
    if row.duplicable:
        buttons.append(blocks.button(t("Duplicate"), DUPLICATE, value, label=t("Duplicate {name}", name=row.name)))
    if not row.manageable:
        buttons.append(viewing.button(t, row.id, row.name))
    its_history = history.Place(destination=row.id).model_dump_json()
    buttons.append(
        blocks.button(t("History"), "history.open", its_history, label=t("History of {name}", name=row.name))
    )
    buttons.append(statement.button(t, row.id, row.name))
    if row.manageable:
        label = t("Remove {name}", name=row.name)
        buttons.append(blocks.button(t("Remove…"), REMOVE, value, style="danger", label=label))
    return blocks.actions(*buttons)


def _pause(t: Texts, row: Row, place: Place) -> Block:
    value = _value(place, destination=row.id)
    if row.paused_by is not None:
        return blocks.button(t("Resume"), RESUME, value, label=t("Resume the schedule of {name}", name=row.name))
    return blocks.button(t("Pause"), PAUSE, value, label=t("Pause the schedule of {name}", name=row.name))


def _below(t: Texts, total: int, place: Place) -> Block:
    def leading_to(page: int) -> str:
        return _value(place, page=page)

    buttons = []
    if place.page > 0:
        buttons.append(blocks.button(t("Previous"), PREVIOUS, leading_to(place.page - 1)))
    if (place.page + 1) * PAGE < total:
        buttons.append(blocks.button(t("Next"), NEXT, leading_to(place.page + 1)))
    buttons.append(blocks.button(t("Refresh"), REFRESH, leading_to(place.page)))
    return blocks.actions(*buttons, sharing.button(t, SHARE, leading_to(place.page)))


def _orders(t: Texts, place: Place) -> Block:
    words = {
        Order.NAME: t("By name"),
        Order.CONNECTION: t("By connection"),
        Order.LAST: t("By last export"),
        Order.STATUS: t("By status"),
    }
    return sorting.buttons(t, words, place.order, SORT, lambda order: _value(place, page=0, order=order))


def _value(place: Place, **changed: object) -> str:
    return place.model_copy(update={"search": place.search[:SEARCH], **changed}).model_dump_json()
