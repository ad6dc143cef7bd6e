"""The hub and the lists beside it: destinations with their last result, what is going on, history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks, runs
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, Run, linked
from bot.views.wizard_segments import schedule_text

PAGE = 8
RUNS_SHOWN = 20
GOING_ON_SHOWN = 6


class Place(BaseModel):
    """What a list's button leads to: a page, and the destination the list is about."""

    page: int = 0
    destination: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A destination as the hub shows it; ``last`` is its newest run, ``may_manage`` whether the reader may run it."""

    destination_id: int
    name: str
    audience: str
    audience_link: str
    segments: int
    schedule: str
    last: Run | None
    may_manage: bool


def hub(t: Texts, rows: Sequence[Row], total: int, page: int) -> Message:
    """The destinations of one page with their last results, and the way to everything else."""
    if not total:
        text = t(
            "Postino delivers segments to Mailchimp audiences. There is no destination yet: "
            "connect Mailchimp to make the first one."
        )
        return Message(text, [blocks.section(text), _menu(t, first=True)])
    head = t.plural("{count} destination", "{count} destinations", total)
    content = [blocks.section(f"*{head}*")]
    said = [f"{head}:"]
    for row in rows:
        content += _destination(t, row)
        said.append(f"{escape(row.name)}: {_last(t, row)}")
    content += _pages(t, total, page)
    content.append(_menu(t))
    return Message("\n".join(said), content)


def status(t: Texts, going_on: Sequence[Run], ended: Sequence[Run], *, shared: bool = False) -> Message:
    """What is running, queued and waiting for approval, then the last runs."""
    content: list[Block] = []
    said: list[str] = []
    words = {"processing": t("Running"), "queued": t("In the queue"), "waiting": t("Waiting for approval")}
    for name, word in words.items():
        some = [run for run in going_on if run.status == name]
        if not some:
            continue
        content.append(blocks.section(f"*{word}* ({t.number(len(some))})"))
        said.append(f"{word}:")
        for run in some[:GOING_ON_SHOWN]:
            line = runs.one_line(t, run)
            content += [blocks.section(line)] if shared else _with_buttons(t, run, line)
            said.append(line)
    if not content:
        text = t("Nothing is running, queued or waiting for approval.")
        content.append(blocks.section(text))
        said.append(text)
    if ended:
        content += [blocks.divider(), blocks.section(f"*{t('Last exports')}*")]
        content += [blocks.section(runs.one_line(t, run)) for run in ended[:5]]
        said += [t("Last exports:"), *(runs.one_line(t, run) for run in ended[:5])]
    if not shared:
        buttons = [blocks.button(t("Refresh"), "status.refresh"), blocks.button(t("Share"), "status.share")]
        content.append(blocks.actions(*buttons, blocks.button(t("History"), "history.open", Place().model_dump_json())))
    return Message("\n".join(said), content)


def history(t: Texts, listed: Sequence[Run], destination: str | None, place: Place, *, shared: bool = False) -> Message:
    """The last runs of the workspace or of one destination, newest first."""
    of_one = t("Exports of {destination}", destination=escape(destination or ""))
    head = of_one if destination else t("Exports of all destinations")
    if not listed:
        text = t("{list}: none yet.", list=head)
        return Message(text, [blocks.section(text)])
    lines = [runs.one_line(t, run) for run in listed[:RUNS_SHOWN]]
    content = [blocks.section(f"*{head}*"), *(blocks.section(line) for line in lines)]
    if not shared:
        content.append(blocks.actions(blocks.button(t("Share"), "history.share", place.model_dump_json())))
    return Message("\n".join([f"{head}:", *lines]), content)


def _destination(t: Texts, row: Row) -> list[Block]:
    facts = [
        t("to {audience}", audience=linked(row.audience, row.audience_link)),
        t.plural("{count} segment", "{count} segments", row.segments),
        schedule_text(t, row.schedule),
    ]
    value = str(row.destination_id)
    buttons = []
    if row.may_manage:
        label = t("Export {destination}", destination=row.name)
        buttons += [
            blocks.button(t("Export…"), "export.again", value, label=label),
            blocks.button(t("Edit"), "wizard.edit", value),
        ]
    place = Place(destination=row.destination_id).model_dump_json()
    buttons.append(blocks.button(t("History"), "history.open", place))
    text = "\n".join([f"*{escape(row.name)}*", " · ".join(facts), _last(t, row)])
    return [blocks.section(text), blocks.actions(*buttons)]


def _last(t: Texts, row: Row) -> str:
    return runs.one_line(t, row.last) if row.last is not None else t("Never exported yet.")


def _pages(t: Texts, total: int, page: int) -> list[Block]:
    buttons = []
    if page > 0:
        buttons.append(blocks.button(t("Previous"), "hub.previous", Place(page=page - 1).model_dump_json()))
    if (page + 1) * PAGE < total:
        buttons.append(blocks.button(t("Next"), "hub.next", Place(page=page + 1).model_dump_json()))
    return [blocks.actions(*buttons)] if buttons else []


def _menu(t: Texts, *, first: bool = False) -> Block:
    buttons = [
        blocks.button(t("Connect"), "wizard.new", style="primary" if first else None),
        blocks.button(t("Segments"), "hub.segments"),
    ]
    if not first:
        buttons += [
            blocks.button(t("Export"), "export.choose"),
            blocks.button(t("Status"), "hub.status"),
            blocks.button(t("History"), "history.open", Place().model_dump_json()),
        ]
    buttons.append(blocks.button(t("Help"), "hub.help"))
    return blocks.actions(*buttons, block_id="hub.menu")


def _with_buttons(t: Texts, run: Run, line: str) -> list[Block]:
    if run.status != "waiting":
        return [blocks.section(line, runs.cancel_button(t, run))]
    value = str(run.run_id)
    send = blocks.button(t("Send"), "run.send", value, style="primary")
    return [blocks.section(line), blocks.actions(send, blocks.button(t("Cancel"), "run.cancel", value))]
