"""The hub and the status: destinations with their last result, and what is going on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import administrators, approving, blocks, history, policies, runs, sharing
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, Run, linked
from bot.views.wizard_segments import schedule_text
from services.access import Permission

SCHEDULES = "schedule.open"
"""The button that leads to the list of schedules."""
PAGE = 8
GOING_ON_SHOWN = 6
"""Of each status."""
WAITING_SHOWN = 3
ENDED_SHOWN = 5


class Place(BaseModel):
    """What a list's button leads to: a page, and the destination the button is about."""

    page: int = 0
    destination: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A destination as the hub shows it; ``last`` is what goes on or its last export, ``permission`` what the reader may do."""

    destination_id: int
    name: str
    audience: str
    audience_link: str
    segments: int
    schedule: str
    time_zone: str
    last: Run | None
    permission: Permission
    connected: bool = True
    """Whether it has a connection to Mailchimp, without which it cannot be exported."""


def hub(
    t: Texts,
    rows: Sequence[Row],
    total: int,
    page: int,
    waiting: Sequence[Run] = (),
    waiting_total: int = 0,
    *,
    administrator: bool = False,
    shared: bool = False,
) -> Message:
    """What waits for the reader's approval, the destinations of one page with their last results, the way to all else.

    ``waiting`` are the first of ``waiting_total``; the rest of many is in the status. ``administrator`` says what the reader is,
    ``shared`` is for a whole channel: only the destinations.
    """
    if not total:
        text = t(
            "Postino delivers segments to Mailchimp audiences. There is no destination yet: "
            "connect Mailchimp to make the first one."
        )
        return Message(text, [blocks.section(text), _menu(t, first=True, administrator=administrator)])
    head = t.plural("{count} destination", "{count} destinations", total)
    content, said = _waiting(t, () if shared else waiting, waiting_total)
    content.append(blocks.section(f"*{head}*"))
    said.append(f"{head}:")
    for row in rows:
        content += [_about(t, row)] if shared else [_about(t, row), _buttons(t, row)]
        said.append(f"{escape(row.name)}: {_last(t, row)}")
    if not shared:
        content += [_pages(t, total, page), _menu(t, administrator=administrator)]
    return Message("\n".join(said), content)


def status(
    t: Texts,
    going_on: Sequence[Run],
    ended: Sequence[Run],
    *,
    totals: Mapping[str, int],
    manageable: frozenset[int] = frozenset(),
    approvable: frozenset[int] = frozenset(),
    shared: bool = False,
) -> Message:
    """What is running, queued and waiting for approval, then the last runs.

    Those in ``manageable`` have a button to cancel them, those in ``approvable`` one to send them, and what waits one to its
    preview. ``totals`` says how many there are by status, those included that are too many to be shown.
    """
    content: list[Block] = []
    said: list[str] = []
    words = {"processing": t("Running"), "queued": t("In the queue"), "waiting": t("Waiting for approval")}
    for name, word in words.items():
        some = [run for run in going_on if run.status == name]
        if not some:
            continue
        content.append(blocks.section(f"*{word}* ({t.number(totals[name])})"))
        said.append(f"{word}:")
        for run in some[:GOING_ON_SHOWN]:
            line = runs.one_line(t, run)
            usable = run.run_id in manageable and not shared
            sendable = run.run_id in approvable
            if usable:
                content += _with_buttons(t, run, line, sendable=sendable)
            else:
                look = name == "waiting" and not shared
                content.append(blocks.section(line, _details(t, run) if look else None))
            said.append(line)
    if not content:
        text = t("Nothing is running, queued or waiting for approval.")
        content.append(blocks.section(text))
        said.append(text)
    if ended:
        content += [blocks.divider(), blocks.section(f"*{t('Last exports')}*")]
        content += [blocks.section(runs.one_line(t, run)) for run in ended[:ENDED_SHOWN]]
        said += [t("Last exports:"), *(runs.one_line(t, run) for run in ended[:ENDED_SHOWN])]
    if not shared:
        buttons = [blocks.button(t("Refresh"), "status.refresh"), sharing.button(t, "status.share")]
        content.append(
            blocks.actions(*buttons, blocks.button(t("History"), "history.open", history.Place().model_dump_json()))
        )
    return Message("\n".join(said), content)


def _waiting(t: Texts, waiting: Sequence[Run], total: int) -> tuple[list[Block], list[str]]:
    """The exports that the reader may send, as blocks and as lines."""
    if not waiting:
        return [], []
    head = t("Waiting for your approval")
    content, said = [blocks.section(f"*{head}* ({t.number(total)})")], [f"{head}:"]
    for run in waiting:
        line = runs.one_line(t, run)
        content += _with_buttons(t, run, line, sendable=True)
        said.append(line)
    return [*content, blocks.divider()], said


def _about(t: Texts, row: Row) -> Block:
    facts = [
        t("to {audience}", audience=linked(row.audience, row.audience_link)),
        t.plural("{count} segment", "{count} segments", row.segments),
        escape(schedule_text(t, row.schedule, row.time_zone)),
        *([] if row.connected else [t("No connection")]),
    ]
    return blocks.section("\n".join([f"*{escape(row.name)}*", " · ".join(facts), _last(t, row)]))


def _buttons(t: Texts, row: Row) -> Block:
    value = str(row.destination_id)
    buttons = []
    if row.permission is not Permission.VIEWER:
        if row.connected:
            label = t("Export {destination}", destination=row.name)
            buttons.append(blocks.button(t("Export…"), "export.again", value, label=label))
        buttons.append(blocks.button(t("Edit"), "wizard.edit", value))
    if row.permission is Permission.ADMINISTRATOR:
        buttons.append(policies.button(t, row.destination_id, row.name))
    place = history.Place(destination=row.destination_id).model_dump_json()
    buttons.append(blocks.button(t("History"), "history.open", place))
    return blocks.actions(*buttons)


def _last(t: Texts, row: Row) -> str:
    return runs.one_line(t, row.last, named=False) if row.last is not None else t("Never exported yet.")


def _pages(t: Texts, total: int, page: int) -> Block:
    buttons = []
    if page > 0:
        buttons.append(blocks.button(t("Previous"), "hub.previous", Place(page=page - 1).model_dump_json()))
    if (page + 1) * PAGE < total:
        buttons.append(blocks.button(t("Next"), "hub.next", Place(page=page + 1).model_dump_json()))
    return blocks.actions(*buttons, sharing.button(t, "hub.share", Place(page=page).model_dump_json()))


def _menu(t: Texts, *, first: bool = False, administrator: bool) -> Block:
    buttons = [
        blocks.button(t("Connect"), "wizard.new", style="primary" if first else None),
        blocks.button(t("Segments"), "hub.segments"),
    ]
    if not first:
        buttons += [
            blocks.button(t("Destinations"), "hub.destinations"),
            blocks.button(t("Connections"), "connections.show"),
            blocks.button(t("Schedules"), SCHEDULES),
            blocks.button(t("Export"), "export.choose"),
            blocks.button(t("Status"), "hub.status"),
            blocks.button(t("History"), "history.open", history.Place().model_dump_json()),
        ]
    if administrator:
        buttons.append(administrators.button(t))
    buttons.append(blocks.button(t("Help"), "hub.help"))
    return blocks.actions(*buttons, block_id="hub.menu")


def _with_buttons(t: Texts, run: Run, line: str, *, sendable: bool) -> list[Block]:
    if not sendable and run.status != "waiting":
        return [blocks.section(line, runs.cancel_button(t, run))]
    if not sendable:
        return [blocks.section(line), blocks.actions(_details(t, run), runs.cancel_button(t, run))]
    value = str(run.run_id)
    label = t("Send {name}", name=run.destination)
    send = blocks.button(t("Send"), "run.send", value, style="primary", label=label)
    return [
        blocks.section(line),
        blocks.actions(send, _details(t, run), blocks.button(t("Cancel"), "run.cancel", value)),
    ]


def _details(t: Texts, run: Run) -> Block:
    """The preview of a run that waits."""
    return approving.look_button(t, run, label=t("Details"))
