"""App Home: what waits for the reader, what is running, the destinations with everything about each, and the last exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.texts import Texts
from bot.views import administrators, approving, blocks, outcomes, policies, previews, run_facts, runs
from bot.views.blocks import Block, escape
from bot.views.destinations import Row, facts
from bot.views.history import Place
from bot.views.hub import SCHEDULES
from bot.views.wizard import EDIT, NEW

EXPORT, DETAILS = "export.again", "history.open"
REMOVE, REFRESH, SEND, CANCEL = "home.remove", "home.refresh", "home.send", "home.cancel"
TAKE_OFF, PREVIEW = "home.take_off", "home.preview"

WAITING, HELD, FOR_OTHERS, RUNNING, DESTINATIONS, HISTORY = 6, 4, 6, 10, 20, 10
"""How many of each are shown: two, one, one, one, two and one block for each keep below Slack's 100."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What Home shows.

    ``waiting`` are the exports whose approval the reader may give, ``held`` those that ended and of which the brake holds
    removals that the reader may allow, ``for_others`` those that wait for somebody else, ``running`` all others that have
    not ended; ``destinations_in_all`` counts those that do not fit, too; ``cancelable`` are the runs the reader may cancel;
    ``administrator`` says that the reader is one.
    """

    destinations: Sequence[Row]
    destinations_in_all: int
    waiting: Sequence[run_facts.Run]
    for_others: Sequence[run_facts.Run]
    running: Sequence[run_facts.Run]
    history: Sequence[run_facts.Run]
    cancelable: frozenset[int]
    as_of: datetime
    administrator: bool = False
    held: Sequence[run_facts.Run] = ()


def home(t: Texts, shown: Shown) -> Block:
    """The whole tab."""
    return blocks.home(
        [
            *_top(t, shown),
            *_waiting(t, shown),
            *_for_others(t, shown),
            *_running(t, shown),
            *_destinations(t, shown),
            *_history(t, shown),
        ]
    )


def stranger(t: Texts) -> Block:
    """What guests and people from other workspaces see."""
    return blocks.home(
        [
            blocks.section(
                t("Guests and people from other workspaces cannot use Postino. Ask a member of this workspace.")
            )
        ]
    )


def trouble(t: Texts, sentence: str) -> Block:
    """Home cannot be shown: why."""
    return blocks.home([blocks.section(f":warning: {escape(sentence)}"), _refresh_row(t)])


def _top(t: Texts, shown: Shown) -> list[Block]:
    return [
        blocks.header("Postino"),
        blocks.section(t("Segments of your customers, delivered to Mailchimp audiences.")),
        blocks.actions(
            blocks.button(t("New destination"), NEW, style="primary"),
            blocks.button(t("Schedules"), SCHEDULES),
            *([administrators.button(t)] if shown.administrator else []),
            blocks.button(t("Refresh"), REFRESH),
            block_id="top",
        ),
        blocks.context(t("As of {time}", time=run_facts.moment(t, shown.as_of))),
    ]


def _refresh_row(t: Texts) -> Block:
    return blocks.actions(blocks.button(t("Refresh"), REFRESH), block_id="top")


def _waiting(t: Texts, shown: Shown) -> list[Block]:
    if not shown.waiting and not shown.held:
        return []
    content = [blocks.divider(), blocks.header(t("Waiting for your approval"))]
    for run in shown.waiting[:WAITING]:
        value = str(run.run_id)
        send = blocks.button(t("Send"), SEND, value, style="primary", label=t("Send {name}", name=run.destination))
        cancel = blocks.button(t("Cancel"), CANCEL, value, label=t("Cancel {name}", name=run.destination))
        details = approving.look_button(t, run, action_id=PREVIEW, label=t("Details"))
        content += [blocks.section(runs.one_line(t, run)), blocks.actions(send, details, cancel)]
    for run in shown.held[:HELD]:
        label = t("Take off the tags held of {name}", name=run.destination)
        take_off = outcomes.take_off_button(t, run, TAKE_OFF, label=label)
        content.append(blocks.section(f"*{escape(run.destination)}*\n{previews.held(t, run.plan)}", take_off))
    return content


def _for_others(t: Texts, shown: Shown) -> list[Block]:
    if not shown.for_others:
        return []
    content = [blocks.divider(), blocks.header(t("Waiting for approval"))]
    for run in shown.for_others[:FOR_OTHERS]:
        text = f"{runs.one_line(t, run)}\n{run_facts.waits_for_whom(t, run)}"
        details = approving.look_button(t, run, action_id=PREVIEW, label=t("Details"))
        content.append(_cancelable(t, shown, run, text, details))
    return content


def _running(t: Texts, shown: Shown) -> list[Block]:
    if not shown.running:
        return []
    content = [blocks.divider(), blocks.header(t("Exports under way"))]
    return content + [_cancelable(t, shown, run, runs.one_line(t, run)) for run in shown.running[:RUNNING]]


def _cancelable(t: Texts, shown: Shown, run: run_facts.Run, text: str, otherwise: Block | None = None) -> Block:
    """A run with a button to cancel it, where the reader may; ``otherwise`` stands there where they may not."""
    label = t("Cancel {name}", name=run.destination)
    cancel = blocks.button(t("Cancel"), CANCEL, str(run.run_id), label=label)
    return blocks.section(text, cancel if run.run_id in shown.cancelable else otherwise)


def _destinations(t: Texts, shown: Shown) -> list[Block]:
    content = [blocks.divider(), blocks.header(t("Destinations"))]
    if not shown.destinations:
        text = t("There is none yet. *New destination* leads through it in four steps; saving does not run anything.")
        return [*content, blocks.section(text)]
    for one in shown.destinations[:DESTINATIONS]:
        history = blocks.button(
            t("History"),
            DETAILS,
            Place(destination=one.id).model_dump_json(),
            label=t("History of {name}", name=one.name),
        )
        content.append(blocks.section("\n".join(facts(t, one)), history, block_id=f"destination.{one.id}"))
        if one.manageable:
            content.append(_buttons(t, one))
    left_out = shown.destinations_in_all - min(len(shown.destinations), DESTINATIONS)
    if left_out:
        more = t.plural(
            "{count} more is listed by `/postino destinations`.",
            "{count} more are listed by `/postino destinations`.",
            left_out,
        )
        content.append(blocks.context(more))
    return content


def _buttons(t: Texts, one: Row) -> Block:
    export = [blocks.button(t("Export…"), EXPORT, str(one.id), label=t("Export {name}", name=one.name))]
    return blocks.actions(
        *(export if one.connection is not None else []),
        blocks.button(t("Edit"), EDIT, str(one.id), label=t("Edit {name}", name=one.name)),
        *([policies.button(t, one.id, one.name)] if one.is_administrator else []),
        blocks.button(t("Remove…"), REMOVE, str(one.id), style="danger", label=t("Remove {name}", name=one.name)),
        block_id=f"actions.{one.id}",
    )


def _history(t: Texts, shown: Shown) -> list[Block]:
    if not shown.history:
        return []
    lines = [blocks.context(runs.one_line(t, run)) for run in shown.history[:HISTORY]]
    return [blocks.divider(), blocks.header(t("Last exports")), *lines]
