"""Sharing what one person was shown: the button under it, and the copy that everybody in the channel sees.

A copy has none of the reader's own buttons but one, which opens the same for whoever clicks, with what they may do. What not
everybody may see has no *Share*: how a person stands, the connections, and what is sent as a file or for administrators. Nor has
what is shown in the direct messages with Postino: nobody else is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.run_facts import Message, who

LISTS = ("hub", "status", "history", "destinations", "schedule", "segments", "help")
ACTIONS = frozenset(f"{name}.share" for name in LISTS)
"""The actions of all buttons that share."""


def button(t: Texts, action_id: str, value: str | None = None) -> Block:
    """Shows the list to everybody in the channel. The action is one of ``ACTIONS``."""
    return blocks.button(t("Share"), action_id, value)


def alone(content: Sequence[Block]) -> list[Block]:
    """The same blocks without their buttons to share, for where nobody else is."""
    left = []
    for block in content:
        if _shares(block.get("accessory")):
            block = {key: part for key, part in block.items() if key != "accessory"}
        elif block["type"] == "actions":
            block = block | {"elements": [one for one in block["elements"] if not _shares(one)]}
        if block["type"] != "actions" or block["elements"]:
            left.append(block)
    return left


def _shares(element: Block | None) -> bool:
    return element is not None and element.get("action_id") in ACTIONS


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
