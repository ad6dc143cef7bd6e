"""What waits for approval, away from its card: the button that opens the preview, and the modal with it and *Send*."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.run_facts import Run, waits_for_whom

LOOK, SEND = "run.preview", "preview.send"
"""The button's action, its value the run's id; and the modal's callback."""


class Metadata(BaseModel):
    """Which run the modal shows, the language of the person, so that it answers at once, and whether Home is below it."""

    language: str
    run: int
    home: bool = False


def look_button(t: Texts, run: Run, *, action_id: str = LOOK, label: str = "") -> Block:
    """Opens the preview, with *Send* for whoever may send it."""
    said = t("Look at the preview of {destination}", destination=run.destination)
    return blocks.button(label or t("Look at the preview"), action_id, str(run.run_id), label=said)


def preview(t: Texts, run: Run, card: Sequence[Block], metadata: Metadata, *, sendable: bool) -> Block:
    """``card`` without its buttons; with *Send* if the reader may, else with who may."""
    content = [block for block in card if block["type"] != "actions"]
    waits = run.status == "waiting"
    if waits and not sendable and not run.rule:
        content.append(blocks.section(waits_for_whom(t, run)))
    send = t("Approve and send") if run.rule else t("Send")
    return blocks.modal(
        t("Preview") if waits else t("Details"),
        content,
        callback_id=SEND,
        submit=send if waits and sendable else None,
        close=t("Close"),
        private_metadata=metadata.model_dump_json(),
    )


def told(t: Texts, sentence: str) -> Block:
    """What the modal says instead, in markup."""
    return blocks.modal(t("Preview"), [blocks.section(sentence)], callback_id=SEND, close=t("Close"))
