"""Authorised Mailchimp accounts: the list, who may use one, and connecting one again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.removal import CONNECTION as REMOVE
from bot.views.run_facts import Message, moment, who
from bot.views.wizard import NEW, problem_blocks
from bot.views.wizard_connect import KINDS, SHARED_WITH, ceiling_field
from services.access import Sharing
from services.terms import Terms, terms

SHARE, RECONNECT = "connection.share", "connection.reconnect"
"""Both the buttons that open a modal and the modals' callbacks."""
TOLD = "connection.told"
"""The callback of a modal that asks nothing."""
SHARED, PEOPLE, CEILING = "connection.shared_with", "connection.people", "connection.ceiling"
KEY, SIGN_IN = "connection.key", "connection.sign_in"
SHOWN = 8
"""How many connections are shown: so many fit into the 12,000 characters that a message may have, with the longest names."""
PEOPLE_SHOWN, USERS_SHOWN, STOPPED_SHOWN, NAME = 10, 3, 20, 60


class Metadata(BaseModel):
    """Which connection a modal is about, and the language of the person, so that it answers at once.

    ``look`` counts how often it was filled anew, so that Slack forgets what was entered before.
    """

    id: int
    language: str = "en"
    look: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One connection. All but name and kind is for administrators; ``manageable`` says that the reader is one."""

    id: int
    name: str
    account: str
    kind: str
    shared_with: str
    people: Sequence[str]
    ceiling: int | None
    reconnect_needed: bool
    created_by: str
    created_at: datetime
    users: Sequence[str]
    manageable: bool


def listing(t: Texts, rows: Sequence[Row], *, administrator: bool) -> Message:
    """The connections somebody may use: all about them for administrators, name and type for the others.

    There is no way to share it: whoever a connection is not shared with does not see it.
    """
    if not rows and not administrator:
        text = t(
            "No Mailchimp connection is shared with you. Ask an administrator of this Slack workspace to connect "
            "Mailchimp with /postino-connect and to share the connection with you."
        )
        return Message(text, [blocks.section(text)])
    if not rows:
        text = t("No Mailchimp account is connected yet.")
        return Message(text, [blocks.section(text), blocks.actions(blocks.button(t("Connect"), NEW))])
    head = t.plural("{count} connection to Mailchimp", "{count} connections to Mailchimp", len(rows))
    content: list[Block] = [blocks.section(f"*{head}*")]
    said = [f"{head}:"]
    for row in rows[:SHOWN]:
        lines = _lines(t, row) if row.manageable else [f"*{_short(row.name)}*", f"Mailchimp · {t(KINDS[row.kind])}"]
        content.append(blocks.section("\n".join(lines)))
        said.append(", ".join(lines))
        if row.manageable:
            content.append(_buttons(t, row))
    left_out = len(rows) - SHOWN
    if left_out > 0:
        content.append(blocks.context(t.plural("{count} connection more.", "{count} connections more.", left_out)))
    return Message("\n".join(said), content)


def sharing(t: Texts, row: Row, problem: str | None = None, look: int = 0) -> Block:
    """Who besides administrators may use the connection, and its contact ceiling; what went wrong, if anything did, on top."""
    options = [blocks.option(t(text), one.value) for one, text in SHARED_WITH.items()]
    content = [
        *problem_blocks(problem),
        blocks.section(
            t(
                "Whoever may use {name} makes destinations on it, and runs and removes their own.",
                name=f"*{_short(row.name)}*",
            )
        ),
        blocks.field(
            t("Who may use this connection"),
            blocks.radio_buttons(SHARED, options, row.shared_with),
            f"shared_with.{look}",
        ),
        blocks.field(
            t("People"),
            blocks.multi_users_select(PEOPLE, t("Choose people"), chosen=row.people),
            f"people.{look}",
            hint=t("Counts for people you choose."),
            optional=True,
        ),
        ceiling_field(t, CEILING, f"ceiling.{look}", row.ceiling),
    ]
    return _modal(t, SHARE, row, content, t("Save"), look)


def shared(view: Mapping[str, Any]) -> tuple[Terms, Terms]:
    """The terms that a modal showed, and those it says now that it was submitted."""
    elements = {name: one for held in view["state"]["values"].values() for name, one in held.items()}
    filled = {one["element"]["action_id"]: one["element"] for one in view["blocks"] if one["type"] == "input"}
    return (
        _terms(
            filled[SHARED]["initial_option"], filled[PEOPLE].get("initial_users"), filled[CEILING].get("initial_value")
        ),
        _terms(
            elements[SHARED]["selected_option"], elements[PEOPLE].get("selected_users"), elements[CEILING].get("value")
        ),
    )


def _terms(option: Block, people: Sequence[str] | None, ceiling: str | None) -> Terms:
    return terms(Sharing(option["value"]), tuple(people or ()), int(ceiling) if ceiling else None)


def reconnecting(t: Texts, row: Row, sign_in_url: str | None, problem: str | None = None) -> Block:
    """Connect the same account again: by signing in where that is set up, else or also by an API key.

    ``problem`` says on top why the last attempt came to nothing.
    """
    content = [
        *problem_blocks(problem),
        blocks.section(
            t(
                "Connect the Mailchimp account {account} again. Its destinations stay as they are.",
                account=f"*{escape(blocks.shorten(row.account, 150))}*",
            )
        ),
    ]
    if sign_in_url is not None:
        button = blocks.button(t("Authenticate with Mailchimp"), SIGN_IN, url=sign_in_url, style="primary")
        content += [blocks.actions(button), blocks.context(t("Or paste an API key:"))]
    key = blocks.field(
        t("API key"),
        blocks.text_input(KEY, longest=100),
        "key",
        hint=t("In Mailchimp: Account & billing, Extras, API keys. It is stored encrypted and never shown."),
        optional=sign_in_url is not None,
    )
    return _modal(t, RECONNECT, row, [*content, key], t("Connect"))


def key(view: Mapping[str, Any]) -> str:
    """The API key typed into a submitted modal; empty if none was."""
    return str(view["state"]["values"]["key"][KEY].get("value") or "").strip()


def saved(t: Texts, stopped: Sequence[str]) -> Block:
    """That the sharing counts; ``stopped`` are the destinations whose schedules nobody stands for any more."""
    lines = [t("Saved. It counts from now on.")]
    if stopped:
        names = [blocks.shorten(name, NAME) for name in stopped[:STOPPED_SHOWN]]
        more = len(stopped) - STOPPED_SHOWN
        names += [t.plural("and {count} more", "and {count} more", more)] if more > 0 else []
        lines += [
            t.plural(
                "The schedule of this destination stops, because whoever agreed to its statement may not use the connection "
                "any more: {names}.",
                "The schedules of these destinations stop, because whoever agreed to their statements may not use the "
                "connection any more: {names}.",
                len(stopped),
                names=", ".join(names),
            ),
            t("To go on, share the connection with them again, or edit the destination and agree to the statement."),
        ]
    return told(t, "\n".join(lines))


def connected(t: Texts, account: str) -> Block:
    """That the account is connected again."""
    text = t("Connected to Mailchimp as *{account}*.", account=escape(blocks.shorten(account, 150)))
    return blocks.modal(
        t("Connection"),
        [blocks.section(f":white_check_mark: {text}")],
        callback_id=TOLD,
        close=t("Close"),
    )


def told(t: Texts, text: str) -> Block:
    """What a modal says instead of a question."""
    return blocks.modal(t("Connection"), [blocks.section(escape(text))], callback_id=TOLD, close=t("Close"))


def _lines(t: Texts, row: Row) -> list[str]:
    access = t(SHARED_WITH[Sharing(row.shared_with)])
    if row.shared_with == Sharing.PEOPLE:
        people = ", ".join(f"<@{one}>" for one in row.people[:PEOPLE_SHOWN]) or "–"
        if len(row.people) > PEOPLE_SHOWN:
            people = t("{names} and {count} more", names=people, count=len(row.people) - PEOPLE_SHOWN)
        access = t("Only {people}", people=people)
    state = t("connected")
    if row.reconnect_needed:
        state = ":warning: " + t("Mailchimp no longer accepts it: connect it again")
    users = ", ".join(_short(one) for one in row.users[:USERS_SHOWN])
    if len(row.users) > USERS_SHOWN:
        users = t("{names} and {count} more", names=users, count=len(row.users) - USERS_SHOWN)
    made = t("Made by {person}, {time}", person=who(t, row.created_by), time=moment(t, row.created_at))
    return [
        f"*{_short(row.name)}* · {state}",
        f"Mailchimp · {_short(row.account)} · {t(KINDS[row.kind])} · {made}",
        t("May be used by: {access}", access=access),
        *([t("Contact ceiling: {count}", count=row.ceiling)] if row.ceiling is not None else []),
        t("Used by: {destinations}", destinations=users) if users else t("No destination uses it."),
    ]


def _buttons(t: Texts, row: Row) -> Block:
    value = str(row.id)
    return blocks.actions(
        blocks.button(t("Sharing and ceiling…"), SHARE, value, label=t("Sharing and ceiling of {name}", name=row.name)),
        blocks.button(
            t("Reconnect…"),
            RECONNECT,
            value,
            style="primary" if row.reconnect_needed else None,
            label=t("Reconnect {name}", name=row.name),
        ),
        blocks.button(t("Remove…"), REMOVE, value, style="danger", label=t("Remove {name}", name=row.name)),
    )


def _modal(t: Texts, callback: str, row: Row, content: Sequence[Block], submit: str, look: int = 0) -> Block:
    return blocks.modal(
        t("Connection"),
        content,
        callback_id=callback,
        submit=submit,
        close=t("Cancel"),
        private_metadata=Metadata(id=row.id, language=t.language, look=look).model_dump_json(),
    )


def _short(name: str) -> str:
    return escape(blocks.shorten(name, NAME))
