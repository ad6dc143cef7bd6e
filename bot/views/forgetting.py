"""Forgetting a person: the question, and the receipt. The address is shown to nobody but whoever typed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts, mark
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message
from services.individuals import Receipt

CALLBACK = "forget"
EMAIL = "email"
LONGEST = 400
"""How much may be typed: more than the longest address, so that what is typed is never cut to another one."""

REMOVED = {
    "ledger": mark("What was known of them in audiences"),
    "refusals": mark("Refusals by Mailchimp"),
    "rejects": mark("Rejects of exports"),
    "decisions": mark("Decisions about a changed address"),
    "drafts": mark("Drafts"),
    "messages": mark("Messages to Slack"),
    "audit": mark("Entries of the audit trail"),
}
"""What a receipt calls each kind of trace."""


class Metadata(BaseModel):
    """The language of the person, so that the modal answers at once. The address is in the field alone."""

    language: str


def working(t: Texts) -> Block:
    """What shows until the question is there, and while the person is forgotten."""
    return _outcome(t, [t("One moment…")])


def form(t: Texts, email: str) -> Block:
    """Asks whether the person is to be forgotten, and says what that means."""
    about = t(
        "Every trace that Postino has of the person with this address is removed: what it knows of them in audiences, "
        "refusals, rejects. Only a scrambled mark stays, from which nobody can read who it was, so that they are not exported "
        "again. This cannot be undone."
    )
    address = blocks.text_input(EMAIL, value=email, longest=LONGEST)
    hint = t("It is neither stored nor logged.")
    return blocks.modal(
        t("Forget a person"),
        [blocks.section(about), blocks.field(t("E-mail address"), address, EMAIL, hint=hint)],
        callback_id=CALLBACK,
        submit=t("Forget"),
        close=t("Cancel"),
        private_metadata=Metadata(language=t.language).model_dump_json(),
    )


def entered(view: Mapping[str, Any]) -> str:
    """The address in a submitted view."""
    return str(view["state"]["values"][EMAIL][EMAIL].get("value") or "").strip()


def told(t: Texts, receipt: Receipt) -> Block:
    """The receipt, in the modal."""
    return _outcome(t, _lines(t, receipt))


def said(t: Texts, receipt: Receipt) -> Message:
    """The receipt as a message, for whoever has closed the modal."""
    text = "\n".join(_lines(t, receipt))
    return Message(text, [blocks.section(text)])


def problem(t: Texts, text: str) -> Block:
    """Why nobody was forgotten."""
    return _outcome(t, [escape(text)])


def verdict(t: Texts, receipt: Receipt) -> str:
    """Whether anything was known of them."""
    if receipt.forgotten_before is not None:
        return t("This person was forgotten before, on {date}.", date=t.moment(receipt.forgotten_before))
    if not any(receipt.removed.values()):
        return t("Postino knew nothing of this person.")
    return t("Forgotten.")


def what_stays(t: Texts, receipt: Receipt) -> list[str]:
    """The tombstone, and what is left to do in Mailchimp, in the source and in Slack; no markup."""
    in_mailchimp = (
        t(
            "Mailchimp was not touched. Delete the contact there, with Delete permanently, in: {audiences}.",
            audiences=", ".join(receipt.audiences),
        )
        if receipt.audiences
        else t("Mailchimp was not touched. If the contact is in an audience, delete it there with Delete permanently.")
    )
    in_source = (
        t("The source was not touched and still has a profile with this address. Delete it there, too.")
        if receipt.in_source
        else t("The source was not touched. It has no profile with this address in what is exported.")
    )
    return [
        t(
            "What stays is a scrambled mark of the address and of its profiles, {tombstone}…, from which nobody can read who it "
            "was. Without it they would be exported again. Under another address the same profile waits until somebody decides "
            "about it.",
            tombstone=receipt.tombstone,
        ),
        in_mailchimp,
        in_source,
        t("Messages in Slack show masked addresses and profile IDs at most; delete there what is about this person."),
    ]


def _lines(t: Texts, receipt: Receipt) -> list[str]:
    removed = [f"{t(REMOVED[kind])}: {t.number(count)}" for kind, count in receipt.removed.items() if count]
    receipt_name = t("Receipt: {name}", name=f"`{receipt.tombstone}`")
    said = [verdict(t, receipt), " · ".join(removed), *what_stays(t, receipt)]
    return [f"*{receipt_name}*", *(escape(line) for line in said if line)]


def _outcome(t: Texts, lines: Sequence[str]) -> Block:
    return blocks.modal(
        t("Forget a person"), [blocks.section("\n".join(lines))], callback_id="forget.told", close=t("Close")
    )
