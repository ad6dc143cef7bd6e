"""Step 4 of the wizard, as administrators see it: when an export waits for a person."""

from __future__ import annotations

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block
from bot.views.policies import WORDS
from services.drafts import Answers


def policies(t: Texts, answers: Answers) -> list[Block]:
    """Who approves the destination's exports, and its brake."""
    return [blocks.divider(), *_approval(t, answers), *_brake(t, answers)]


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


def _brake(t: Texts, answers: Answers) -> list[Block]:
    text = t(
        "*Brake* · Taking a tag off more people than this waits until a person says so. Administrators alone can change it."
    )
    percent = blocks.number_input("wizard.brake_percent", value=answers.brake_percent, least=0, most=100)
    people = blocks.number_input("wizard.brake_people", value=answers.brake_people, least=0)
    return [
        blocks.section(text, block_id="brake"),
        blocks.field(t("More than this percentage of a tag's holders"), percent, "brake_percent"),
        blocks.field(t("And at least so many people"), people, "brake_people"),
    ]
