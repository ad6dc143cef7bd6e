"""What the doctor found, the problems first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.connections import RECONNECT
from bot.views.run_facts import Message
from bot.views.wizard import EDIT

SHOWN = 15
"""How many findings are shown: so many fit into the 12,000 characters that a message may have, with the longest names."""
ABOUT, TEXT = 60, 400
"""The longest name and the longest sentence of a finding."""
AGAIN, EXPORT, DETAILS = "doctor.again", "export.again", "run.details"
SIGNS = {"problem": "❌", "hint": "💡", "ok": "✅"}


class Finding(Protocol):
    """What the doctor says of one thing; ``mark`` is ``problem``, ``hint`` or ``ok``."""

    @property
    def mark(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def destination(self) -> int | None: ...
    @property
    def connection(self) -> int | None: ...
    @property
    def preview(self) -> int | None: ...
    @property
    def run(self) -> int | None: ...


def findings(t: Texts, found: Sequence[Finding]) -> Message:
    """Problems and hints one by one with what to do, then everything that is well in one line."""
    counts = {mark: sum(one.mark == mark for one in found) for mark in SIGNS}
    head = t(
        "Problems: {problems} · hints: {hints} · well: {good}",
        problems=counts["problem"],
        hints=counts["hint"],
        good=counts["ok"],
    )
    content: list[Block] = [blocks.section(f"*{head}*")]
    said = [f"{head}."]
    words = {"problem": t("Problem"), "hint": t("Hint")}
    worth_a_block = [one for mark in words for one in found if one.mark == mark]
    for one in worth_a_block[:SHOWN]:
        line = (
            f"{words[one.mark]} · {escape(blocks.shorten(one.about, ABOUT))}: {escape(blocks.shorten(one.text, TEXT))}"
        )
        content.append(blocks.section(f"{SIGNS[one.mark]} {line}", _remedy(t, one)))
        said.append(line)
    left_out = len(worth_a_block) - SHOWN
    if left_out > 0:
        content.append(blocks.context(t.plural("{count} finding more.", "{count} findings more.", left_out)))
    well = escape(blocks.shorten(", ".join(one.about for one in found if one.mark == "ok"), 1000))
    if well:
        content.append(blocks.context(f"{SIGNS['ok']} {t('Well: {things}', things=well)}"))
        said.append(t("Well: {things}", things=well))
    content.append(blocks.actions(blocks.button(t("Look again"), AGAIN)))
    return Message("\n".join(said), content)


def _remedy(t: Texts, one: Finding) -> Block | None:
    """The button that puts it right; None where no button does."""
    if one.destination is not None:
        return blocks.button(t("Edit"), EDIT, str(one.destination))
    if one.connection is not None:
        return blocks.button(t("Reconnect…"), RECONNECT, str(one.connection))
    if one.preview is not None:
        return blocks.button(t("Preview again"), EXPORT, str(one.preview))
    if one.run is not None:
        return blocks.button(t("Details"), DETAILS, str(one.run))
    return None
