"""The modal in which a person decides about new addresses of people who left the audience under another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from services.deciding import Waiting

OPEN = "decisions.open"
"""The button that opens the modal; its value is the destination's id."""
CALLBACK = "decisions.save"
WHO, WHAT, AGREED, AGAIN = "who", "what", "agreed", "again"
EXPORT, KEEP_OUT = "export", "keep_out"
SHOWN = 100


class Metadata(BaseModel):
    """What the modal is about, and the language of the person, so that it answers at once."""

    language: str
    destination: int


@dataclass(frozen=True, slots=True)
class Entered:
    """What was decided: ``keys`` of those whom it concerns, and whether those kept out before are to be asked about again."""

    keys: tuple[str, ...]
    exported: bool
    agreed: bool
    ask_again: bool


def button(t: Texts, destination_id: int) -> Block:
    """What opens the modal."""
    return blocks.button(t("Decide about changed addresses"), OPEN, str(destination_id))


def working(t: Texts) -> Block:
    """What shows until the people are there, and while the decision is kept."""
    return told(t, t("One moment…"))


def form(t: Texts, destination: str, waiting: Sequence[Waiting], kept_out: int, metadata: Metadata) -> Block:
    """Who waits and what to do with them; where nobody does, what was decided before can be asked about again."""
    content = _about(t, destination, waiting) if waiting else [blocks.section(t("Nobody waits for a decision."))]
    if kept_out and not waiting:
        again = blocks.option(t("Ask again in the next export"), AGAIN)
        label = t.plural("{count} address was kept out before", "{count} addresses were kept out before", kept_out)
        content.append(blocks.field(label, blocks.checkboxes(AGAIN, [again]), AGAIN))
    return blocks.modal(
        _title(t),
        content,
        callback_id=CALLBACK,
        submit=t("Save") if waiting or kept_out else None,
        close=t("Not now") if waiting or kept_out else t("Close"),
        private_metadata=metadata.model_dump_json(),
    )


def _about(t: Texts, destination: str, waiting: Sequence[Waiting]) -> list[Block]:
    said = t(
        "The profiles of these people unsubscribed, or were archived or deleted, under another address, and have a new one "
        "in the source of {destination} now. A new address is no new consent: export them only if they asked for mail "
        "there. You are responsible for that; who decided is recorded.",
        destination=f"*{escape(blocks.shorten(destination, 150))}*",
    )
    options = [
        blocks.option(one.masked_address, one.key, blocks.shorten(f"{one.profile} · {one.segments}", 75))
        for one in waiting[:SHOWN]
    ]
    choices = [
        blocks.option(t("Keep these out"), KEEP_OUT, t("They count as suppressed until somebody asks again.")),
        blocks.option(t("Export these"), EXPORT, t("The next export adds them as subscribed.")),
    ]
    agreed = blocks.option(t("They agreed to mail at their new address"), AGREED)
    content = [
        blocks.section(said),
        blocks.field(
            t("Who"), blocks.multi_select(WHO, options, t("Choose"), chosen=[one.key for one in waiting]), WHO
        ),
        blocks.field(t("Decision"), blocks.radio_buttons(WHAT, choices, KEEP_OUT), WHAT),
        blocks.field(t("To export them"), blocks.checkboxes(AGREED, [agreed]), AGREED, optional=True),
    ]
    if len(waiting) > SHOWN:
        more = t.plural("{count} more waits.", "{count} more wait.", len(waiting) - SHOWN)
        content.insert(2, blocks.context(more))
    return content


def entered(view: Mapping[str, Any]) -> Entered:
    """The decision of a submitted view."""
    values = view["state"]["values"]

    def ticked(name: str) -> bool:
        return bool(values.get(name, {}).get(name, {}).get("selected_options"))

    chosen = values.get(WHO, {}).get(WHO, {}).get("selected_options") or ()
    what = values.get(WHAT, {}).get(WHAT, {}).get("selected_option") or {}
    return Entered(
        keys=tuple(one["value"] for one in chosen),
        exported=what.get("value") == EXPORT,
        agreed=ticked(AGREED),
        ask_again=ticked(AGAIN),
    )


def saved(t: Texts, *, exported: int, kept_out: int, asked_again: int) -> Block:
    """What holds from now on."""
    lines = []
    if exported:
        lines.append(
            t.plural("{count} person is exported next time.", "{count} people are exported next time.", exported)
        )
    if kept_out:
        lines.append(t.plural("{count} person is kept out.", "{count} people are kept out.", kept_out))
    if asked_again:
        lines.append(
            t.plural(
                "The next export asks again about {count} person.",
                "The next export asks again about {count} people.",
                asked_again,
            )
        )
    return told(t, " ".join(lines) or t("Nothing was decided: nobody of them waits any more."))


def told(t: Texts, text: str) -> Block:
    """What the modal says instead of a question, in markup."""
    return blocks.modal(_title(t), [blocks.section(text)], callback_id=CALLBACK, close=t("Close"))


def _title(t: Texts) -> str:
    return t("Changed addresses")
