"""An answer in a modal: for clicks in a thread, where what only one person sees may not be seen at all."""

from __future__ import annotations

from bot.texts import Texts
from bot.views import blocks, sharing
from bot.views.blocks import Block
from bot.views.run_facts import Message

CALLBACK = "answer"


def modal(t: Texts, answer: Message | str) -> Block:
    """The answer; without *Share*, because nobody else is there."""
    content = [blocks.section(answer)] if isinstance(answer, str) else sharing.alone(answer.blocks)
    return blocks.modal("Postino", content, callback_id=CALLBACK, close=t("Close"))
