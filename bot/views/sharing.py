"""Sharing what one person was shown: the button under it, and the copy that everybody in the channel sees.

A copy has none of the reader's own buttons but one, which opens the same for whoever clicks, with what they may do. What not
everybody may see has no *Share*: how a person stands, the connections, and what is sent as a file or for administrators.
"""

from __future__ import annotations

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.run_facts import Message, who


def button(t: Texts, action_id: str, value: str | None = None) -> Block:
    """Shows the list to everybody in the channel."""
    return blocks.button(t("Share"), action_id, value)


def copy(t: Texts, message: Message, person: str, action_id: str, value: str | None) -> Message:
    """What the channel sees: the message, who shared it, and a button that opens it for whoever clicks."""
    by = t("Shared by {person}.", person=who(t, person))
    opening = blocks.button(t("Open for me"), action_id, value)
    return Message(f"{message.text}\n{by}", [*message.blocks, blocks.context(by), blocks.actions(opening)])


def refused(t: Texts, channel: str) -> Message:
    """That Slack did not take the copy, and what to do."""
    text = t(
        "This could not be shared in {channel}: Slack does not let Postino post there. The channel may be archived or "
        "closed to apps. Invite Postino with /invite, or type the command in another channel and share it there.",
        channel=f"<#{channel}>",
    )
    return Message(text, [blocks.section(text)])
