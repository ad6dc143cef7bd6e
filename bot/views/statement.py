"""The data privacy and compliance statement: what people agree to in the wizard, and what they agreed to, read again."""

from __future__ import annotations

from datetime import datetime

from bot.texts import Texts, mark
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import moment, who
from services.forms import CONSENT_VERSION

OPEN, CALLBACK = "statement.open", "statement"

WORDINGS = {
    1: (
        mark(
            "By agreeing you instruct Postino to send data from {source}, which may include sensitive personal data, to "
            "Mailchimp: outside the boundary in which {source} keeps it."
        ),
        mark(
            "It is sent on your instruction, and you are responsible for Mailchimp meeting the privacy and security "
            "obligations you are under."
        ),
        mark("An administrator can remove this destination at any time to stop it."),
    ),
}
"""The paragraphs of every version. Never change or drop one that somebody may have agreed to: add the next, and let
``services.forms.CONSENT_VERSION`` say its number, so that people are asked again."""

CURRENT = WORDINGS[CONSENT_VERSION]

LINKS = "<https://privacy.microsoft.com/privacystatement|Microsoft> · <https://mailchimp.com/legal/|Mailchimp>"


def statement(t: Texts, source: str, version: int = CONSENT_VERSION) -> list[Block]:
    """A version's wording under its heading."""
    paragraphs = [t(part, source=escape(source)) for part in WORDINGS[version]]
    return [
        blocks.header(t("Data privacy and compliance")),
        blocks.section("\n\n".join(paragraphs), block_id="statement"),
        blocks.context(t("Their own statements: {links}", links=LINKS)),
    ]


def button(t: Texts, destination_id: int, destination: str) -> Block:
    """Leads to what was agreed to for a destination."""
    label = t("Privacy statement of {name}", name=destination)
    return blocks.button(t("Privacy statement"), OPEN, str(destination_id), label=label)


def agreement(t: Texts, version: int, person: str, at: datetime) -> str:
    """Who agreed to which version, and when, in markup."""
    return t(
        "{person} agreed to version {version} of the data privacy and compliance statement, {time}",
        person=who(t, person),
        version=version,
        time=moment(t, at),
    )


def agreed_to(t: Texts, destination: str, source: str, version: int, agreed: str) -> Block:
    """The wording that was agreed to for a destination; ``agreed`` says by whom and when."""
    wording = (
        statement(t, source, version)
        if version in WORDINGS
        else [blocks.section(t("This Postino does not know the wording of version {version}.", version=version))]
    )
    changed = t(
        "The statement has changed since: nothing is sent before somebody edits the destination and agrees again."
    )
    content = [
        blocks.section(f"*{escape(blocks.shorten(destination, 150))}*\n{agreed}."),
        *wording,
        *([blocks.context(changed)] if version < CONSENT_VERSION else []),
    ]
    return _modal(t, content)


def told(t: Texts, text: str) -> Block:
    """Why there is nothing to read."""
    return _modal(t, [blocks.section(escape(text))])


def _modal(t: Texts, content: list[Block]) -> Block:
    return blocks.modal(t("Privacy statement"), content, callback_id=CALLBACK, close=t("Close"))
