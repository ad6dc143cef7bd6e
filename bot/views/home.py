"""App Home: the destinations with their last result, what is running, and the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.texts import Texts
from bot.views import blocks, run_facts, runs
from bot.views.blocks import Block, escape
from bot.views.wizard import EDIT, NEW

EXPORT, CANCEL = "export.again", "run.cancel"
REMOVE, REFRESH = "home.remove", "home.refresh"

RUNNING, DESTINATIONS, HISTORY = 10, 20, 10
"""How many of each are shown: two, two and one block for each keep well below Slack's 100."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination as its row shows it. ``segments`` are the names people know; ``connected`` says that it can run."""

    id: int
    name: str
    audience: str
    segments: int
    schedule: str
    connected: bool
    manageable: bool
    last: run_facts.Run | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What Home shows; ``destinations_in_all`` counts those that do not fit, too."""

    destinations: Sequence[Destination]
    destinations_in_all: int
    running: Sequence[run_facts.Run]
    history: Sequence[run_facts.Run]
    cancelable: frozenset[int] = frozenset()


def home(t: Texts, shown: Shown) -> Block:
    """The whole tab."""
    return blocks.home([*_top(t), *_running(t, shown), *_destinations(t, shown), *_history(t, shown)])


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


def _top(t: Texts) -> list[Block]:
    return [
        blocks.header("Postino"),
        blocks.section(t("Segments of your customers, delivered to Mailchimp audiences.")),
        blocks.actions(
            blocks.button(t("New destination"), NEW, style="primary"),
            blocks.button(t("Refresh"), REFRESH),
            block_id="top",
        ),
    ]


def _refresh_row(t: Texts) -> Block:
    return blocks.actions(blocks.button(t("Refresh"), REFRESH), block_id="top")


def _running(t: Texts, shown: Shown) -> list[Block]:
    if not shown.running:
        return []
    content = [blocks.divider(), blocks.header(t("Exports under way"))]
    for run in shown.running[:RUNNING]:
        line = runs.one_line(t, run)
        if run.status == runs.PROCESSING and run.total:
            line += f"\n{blocks.bar(run.share)} {t.percent(run.share)}"
        button = blocks.button(t("Cancel"), CANCEL, str(run.run_id)) if run.run_id in shown.cancelable else None
        content.append(blocks.section(line, button))
    return content


def _destinations(t: Texts, shown: Shown) -> list[Block]:
    content = [blocks.divider(), blocks.header(t("Destinations"))]
    if not shown.destinations:
        text = t("There is none yet. *New destination* leads through it in four steps; saving does not run anything.")
        return [*content, blocks.section(text)]
    for one in shown.destinations[:DESTINATIONS]:
        content += _destination(t, one)
    left_out = shown.destinations_in_all - min(len(shown.destinations), DESTINATIONS)
    if left_out:
        content.append(
            blocks.context(
                t.plural("{count} more is listed by `/postino`.", "{count} more are listed by `/postino`.", left_out)
            )
        )
    return content


def _destination(t: Texts, one: Destination) -> list[Block]:
    about = t.plural(
        "{count} segment to {audience}", "{count} segments to {audience}", one.segments, audience=escape(one.audience)
    )
    lines = [f"*{escape(one.name)}*", f"{about} · {escape(one.schedule)}"]
    if not one.connected:
        lines.append(":warning: " + t("It has no connection to Mailchimp any more. Edit it and choose one."))
    lines.append(runs.one_line(t, one.last) if one.last is not None else t("Never exported."))
    content = [blocks.section("\n".join(lines), block_id=f"destination.{one.id}")]
    if one.manageable:
        content.append(_buttons(t, one))
    return content


def _buttons(t: Texts, one: Destination) -> Block:
    sure = blocks.confirmation(
        t("Remove this destination?"),
        t(
            "{name} is forgotten and its schedule stops. Its contacts and tags stay in Mailchimp.",
            name=blocks.shorten(one.name, 100),
        ),
        t("Remove"),
        t("Keep"),
        danger=True,
    )
    export = [blocks.button(t("Export…"), EXPORT, str(one.id), label=t("Export {name}", name=one.name))]
    return blocks.actions(
        *(export if one.connected else []),
        blocks.button(t("Edit"), EDIT, str(one.id), label=t("Edit {name}", name=one.name)),
        blocks.button(
            t("Remove"), REMOVE, str(one.id), style="danger", confirm=sure, label=t("Remove {name}", name=one.name)
        ),
        block_id=f"actions.{one.id}",
    )


def _history(t: Texts, shown: Shown) -> list[Block]:
    if not shown.history:
        return []
    lines = [blocks.context(runs.one_line(t, run)) for run in shown.history[:HISTORY]]
    return [blocks.divider(), blocks.header(t("Last exports")), *lines]
