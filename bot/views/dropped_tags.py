"""Deleting the tags of dropped segments: the button on the wizard's confirmation, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import refusal
from services.dropped_tags import Deletion, DroppedTag

DELETE = "wizard.delete_tags"
BLOCK = "tags_left"
"""The block_id of the paragraph with the button."""
MOST = 150
"""Tags one button names: Slack takes 2,000 characters of them."""
NAMES = 100


class Named(BaseModel):
    """What the button deletes: a destination's tags by the ids of their ledger."""

    destination: int
    tags: list[int]


def offer(t: Texts, text: str, destination_id: int, tags: Sequence[DroppedTag]) -> Block:
    """A paragraph about tags that stay in Mailchimp, in markup, with the button that deletes them if there are any."""
    return blocks.section(text, _button(t, destination_id, tags[:MOST]) if tags else None, BLOCK)


def waiting(t: Texts) -> Block:
    """What takes the place of the offer while Mailchimp is asked."""
    return blocks.section(f":hourglass_flowing_sand: {t('Mailchimp is being asked…')}", block_id=BLOCK)


def outcome(t: Texts, destination_id: int, what: Deletion) -> list[Block]:
    """What takes the place of the offer: what was deleted, and for what was not the reason and the button again."""
    content = []
    if what.deleted:
        text = t.plural(
            ":white_check_mark: The tag *{tags}* was deleted in Mailchimp. Its people are still there.",
            ":white_check_mark: The tags *{tags}* were deleted in Mailchimp. Their people are still there.",
            len(what.deleted),
            tags=_names(what.deleted),
        )
        content.append(blocks.section(text))
    if what.reason is not None:
        text = t.plural(
            ":warning: The tag *{tags}* was not deleted. {reason}",
            ":warning: The tags *{tags}* were not deleted. {reason}",
            len(what.kept),
            tags=_names(what.kept),
            reason=refusal(t, what.reason),
        )
        content.append(offer(t, text, destination_id, what.kept))
    return content


def _button(t: Texts, destination_id: int, tags: Sequence[DroppedTag]) -> Block:
    text = t.plural(
        "{tags}: Mailchimp takes this tag off everybody, and a campaign that goes to it reaches nobody. The people stay: "
        "nobody is unsubscribed or deleted.",
        "{tags}: Mailchimp takes these tags off everybody, and a campaign that goes to one reaches nobody. The people "
        "stay: nobody is unsubscribed or deleted.",
        len(tags),
        tags=blocks.shorten(", ".join(one.name for one in tags), NAMES),
    )
    confirm = blocks.confirmation(
        t.plural("Delete the tag?", "Delete the tags?", len(tags)),
        text,
        t.plural("Delete the tag", "Delete the tags", len(tags)),
        t("Keep"),
        danger=True,
    )
    value = Named(destination=destination_id, tags=[one.id for one in tags]).model_dump_json()
    label = t.plural("Delete the tag…", "Delete the tags…", len(tags))
    return blocks.button(label, DELETE, value, style="danger", confirm=confirm)


def _names(tags: Sequence[DroppedTag]) -> str:
    return escape(", ".join(one.name for one in tags))
