"""That Mailchimp lets Postino in no longer, or lets it in again, for everybody whose exports depend on it."""

from __future__ import annotations

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.connections import RECONNECT
from bot.views.run_facts import Message

NAMED = 5
"""How many destinations are named."""
CALLED = 20
"""How many people are called."""
NAME, ACCOUNT = 60, 100


class Told(BaseModel):
    """A connection, and those of its destinations that the readers know. Without ``channel`` it goes to a person alone."""

    connection: int
    name: str
    account: str
    destinations: list[str] = []
    mentions: list[str] = []
    channel: str | None = None


def revoked(t: Texts, told: Told) -> Message:
    """That the connection must be connected again, what that means and how it is done."""
    account, name = escape(blocks.shorten(told.account, ACCOUNT)), _bold(told.name)
    if told.channel is None:
        text = t(
            "Mailchimp no longer accepts the connection {name} to the account {account}. Its exports do not run until it "
            "is connected again; nothing was lost.",
            name=name,
            account=account,
        )
    else:
        text = t(
            "Mailchimp no longer accepts the connection {name}. Its exports do not run until an administrator connects it "
            "again; nothing was lost.",
            name=name,
        )
    lines = [f"⚠️ {text}"]
    if told.destinations:
        lines.append(t("Not exported until then: {destinations}", destinations=_listed(t, told.destinations)))
    if told.mentions:
        lines.append(t("Please look: {people}", people=" ".join(f"<@{one}>" for one in told.mentions[:CALLED])))
    button = blocks.button(
        t("Reconnect…"),
        RECONNECT,
        str(told.connection),
        style="primary",
        label=t("Reconnect {name}", name=blocks.shorten(told.name, NAME)),
    )
    return _message(lines, blocks.actions(button))


def accepted(t: Texts, told: Told) -> Message:
    """That the connection works again, and what is exported again because of that."""
    lines = ["✅ " + t("Mailchimp accepts the connection {name} again.", name=_bold(told.name))]
    if told.destinations:
        lines.append(t("Exported again from now on: {destinations}", destinations=_listed(t, told.destinations)))
    return _message(lines)


def _message(lines: list[str], *more: Block) -> Message:
    text = "\n".join(lines)
    return Message(text, [blocks.section(text), *more])


def _listed(t: Texts, names: list[str]) -> str:
    listed = ", ".join(escape(blocks.shorten(one, NAME)) for one in names[:NAMED])
    left_out = len(names) - NAMED
    return t("{names} and {count} more", names=listed, count=left_out) if left_out > 0 else listed


def _bold(name: str) -> str:
    return f"*{escape(blocks.shorten(name, NAME))}*"
