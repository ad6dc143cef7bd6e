"""The digest of a destination: its scheduled successes of a day, with figures."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import escape
from bot.views.history import Place
from bot.views.run_facts import Counts, Message, moment, outcome_counts


class Digest(BaseModel):
    """What a digest tells. ``counts`` are those of all exports together."""

    destination: int
    name: str
    audience: str
    zone: str
    since: datetime
    exports: int
    with_rejects: int
    counts: Counts


def digest(t: Texts, told: Digest) -> Message:
    """How many scheduled exports went well, and what they did together."""
    name, audience = escape(told.name), escape(told.audience)
    since = moment(t, told.since, told.zone)
    head = t.plural(
        "{count} scheduled export of {destination} to {audience} went well since {time}.",
        "{count} scheduled exports of {destination} to {audience} went well since {time}.",
        told.exports,
        destination=name,
        audience=audience,
        time=since,
    )
    lines = [f"✅ {head}", outcome_counts(t, told.counts)]
    if told.with_rejects:
        lines.append(
            "⚠️ "
            + t.plural(
                "{count} of them had rejects: the history says which.",
                "{count} of them had rejects: the history says which.",
                told.with_rejects,
            )
        )
    place = Place(destination=told.destination).model_dump_json()
    label = t("History of {name}", name=told.name)
    button = blocks.button(t("History"), "history.open", place, label=label)
    text = "\n".join(lines)
    return Message(text, [blocks.section(text), blocks.actions(button)])
