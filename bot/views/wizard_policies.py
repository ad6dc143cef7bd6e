"""Step 4 of the wizard, as administrators see it: when an export waits for a person."""

from __future__ import annotations

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.policies import WORDS, brake
from services.drafts import Answers


def policies(t: Texts, answers: Answers) -> list[Block]:
    """Who approves the destination's exports, and its brake."""
    at = f".{answers.revision}"
    return [
        blocks.divider(),
        *_approval(t, answers),
        *brake(t, answers.brake_percent, answers.brake_people, "wizard.", at),
    ]


def _approval(t: Texts, answers: Answers) -> list[Block]:
    choices = [blocks.option(t(word), approval.value) for approval, word in WORDS.items()]
    approval = blocks.select("wizard.approval", choices, t("Choose"), chosen=answers.approval)
    above = blocks.number_input("wizard.approval_above", value=answers.approval_above, least=0)
    return [
        blocks.field(
            t("Needs the approval of a second person"),
            approval,
            f"approval.{answers.revision}",
            hint=t("An administrator, or who made the destination, but not the person who asked for the export."),
        ),
        blocks.field(
            t("Also exports that add more contacts than"), above, f"approval_above.{answers.revision}", optional=True
        ),
    ]
