"""The modal in which administrators name others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.wizard import problem_blocks
from services.administrators import MOST

CALLBACK = "administrators.save"
OPEN = "administrators.open"
NAMED = "administrators.named"


class Metadata(BaseModel):
    """Who was shown as named, and the language of the person, so that it answers at once."""

    language: str
    shown: list[str] = []


def button(t: Texts) -> Block:
    """Leads an administrator to who else is one."""
    return blocks.button(t("Administrators"), OPEN)


def working(t: Texts) -> Block:
    """What shows until the names are there, and while they are saved."""
    return _outcome(t, t("One moment…"))


def form(t: Texts, named: Sequence[str], problem: str | None = None, chosen: Sequence[str] | None = None) -> Block:
    """The people named, to change; ``problem`` says on top why nothing was saved, of whom were ``chosen`` instead."""
    said = t(
        "Admins and owners of this Slack workspace are administrators of Postino anyway. Whoever is named here is one, "
        "too: for connections, policies, removals, and naming others. It counts at once, and so does taking a name off."
    )
    people = blocks.multi_users_select(NAMED, t("Choose people"), chosen=named if chosen is None else chosen)
    return blocks.modal(
        t("Administrators"),
        [
            *problem_blocks(problem),
            blocks.section(said),
            blocks.field(
                t("Also administrators"),
                people | {"max_selected_items": MOST},
                block(named),
                hint=t("Members of this workspace; no guests and no bots."),
                optional=True,
            ),
        ],
        callback_id=CALLBACK,
        submit=t("Save"),
        close=t("Cancel"),
        private_metadata=Metadata(language=t.language, shown=list(named)).model_dump_json(),
    )


def block(named: Sequence[str]) -> str:
    """The input's block: another one for other people, because Slack keeps in a block what was entered there."""
    return f"named.{hashlib.blake2b(' '.join(named).encode(), digest_size=4).hexdigest()}"


def chosen(view: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    """Whom a submitted view names."""
    return list(view["state"]["values"][block(shown)][NAMED].get("selected_users") or [])


def saved(t: Texts, named: Sequence[str]) -> Block:
    """Who is an administrator from now on."""
    if not named:
        return _outcome(
            t, t("Saved. From now on only admins and owners of this Slack workspace are administrators of Postino.")
        )
    people = ", ".join(f"<@{one}>" for one in named)
    return _outcome(
        t, t("Saved. Besides admins and owners of this Slack workspace, administrators are: {people}.", people=people)
    )


def problem(t: Texts, text: str) -> Block:
    """Why nobody can be named."""
    return _outcome(t, escape(text))


def _outcome(t: Texts, text: str) -> Block:
    return blocks.modal(t("Administrators"), [blocks.section(text)], callback_id=CALLBACK, close=t("Close"))
