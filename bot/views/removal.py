"""The modals in which a destination or a connection is removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, Reason, because
from services.removing import Ending, Tags, Users

DESTINATION, CONNECTION = "remove.destination", "remove.connection"
"""Both the buttons that open a modal and the modals' callbacks."""
CHOICE = "remove.choice"
TOLD = "remove.told"
"""The callback of a modal that asks nothing."""
USERS_NAMED = 20


class Metadata(BaseModel):
    """What is to be removed, and the language of the person, so that the modal answers at once."""

    id: int
    language: str = "en"


def destination(t: Texts, destination_id: int, name: str, tags: Sequence[str]) -> Block:
    """Asks whether the destination's tags stay; says what else happens."""
    about = t(
        "{name} is forgotten with its history: its schedule stops, a running export is canceled. "
        "Contacts stay in Mailchimp as they are; nobody is deleted or unsubscribed. Of those who have left the audience Postino "
        "keeps a scrambled mark, from which nobody can read who it is, so that they are not added again.",
        name=f"*{escape(blocks.shorten(name, 150))}*",
    )
    options = [
        blocks.option(t("Keep the tags in Mailchimp"), Tags.KEEP),
        blocks.option(
            t("Delete the tags in Mailchimp"), Tags.DELETE, t("Campaigns that go to such a tag reach nobody then.")
        ),
    ]
    named = ", ".join(escape(blocks.shorten(tag, 100)) for tag in tags[:USERS_NAMED])
    content = [
        blocks.section(about),
        blocks.field(t("Its tags"), blocks.radio_buttons(CHOICE, options, Tags.KEEP), "choice"),
        blocks.context(t("Tags: {names}. Those it took over from others are never deleted.", names=named)),
    ]
    return _asking(t, DESTINATION, t("Remove destination"), content, Metadata(id=destination_id, language=t.language))


def connection(t: Texts, connection_id: int, name: str, account: str, users: Sequence[str]) -> Block:
    """Names what uses the connection and asks what becomes of it."""
    about = t(
        "The connection {name} to the Mailchimp account {account} is removed with its credential.",
        name=f"*{escape(blocks.shorten(name, 150))}*",
        account=escape(blocks.shorten(account, 150)),
    )
    content = [blocks.section(about)]
    if users:
        listed = "\n".join(f"• {escape(blocks.shorten(one, 100))}" for one in users[:USERS_NAMED])
        if len(users) > USERS_NAMED:
            listed += "\n" + t("and {count} more", count=len(users) - USERS_NAMED)
        used = t.plural("{count} destination uses it:", "{count} destinations use it:", len(users))
        options = [
            blocks.option(
                t("Detach them"), Users.DETACH, t("They are kept and cannot run until they get another connection.")
            ),
            blocks.option(t("Remove them, too"), Users.REMOVE, t("Their contacts and tags stay in Mailchimp.")),
        ]
        content += [
            blocks.section(f"{used}\n{listed}"),
            blocks.field(t("What uses it"), blocks.radio_buttons(CHOICE, options, Users.DETACH), "choice"),
        ]
    else:
        content.append(blocks.section(t("No destination uses it.")))
    return _asking(t, CONNECTION, t("Remove connection"), content, Metadata(id=connection_id, language=t.language))


def choice(view: Mapping[str, Any]) -> str | None:
    """What was chosen in a submitted modal; None if there was nothing to choose."""
    values = view["state"]["values"].get("choice")
    return str(values[CHOICE]["selected_option"]["value"]) if values else None


def ended(t: Texts, name: str, ending: Ending, tags: Tags) -> str:
    """How far the removal of a destination has come, in a sentence without markup."""
    if ending is Ending.LATER:
        return t("{name} will be removed as soon as its export has stopped and Mailchimp answers.", name=name)
    if ending is Ending.TAGS_KEPT:
        return t(
            "{name} was removed. Its contacts stay in Mailchimp, and so do tags that Mailchimp did not delete: a message "
            "says which and why.",
            name=name,
        )
    if tags is Tags.DELETE:
        return t("{name} was removed. Its contacts stay in Mailchimp, without its tags.", name=name)
    return t("{name} was removed. Its contacts and tags stay in Mailchimp.", name=name)


def tags_kept(t: Texts, name: str, tags: Sequence[str], reason: Reason) -> Message:
    """That tags of a removed destination stay in Mailchimp although they were to be deleted, and what to do."""
    text = t(
        "{name} was removed, but Mailchimp did not delete these of its tags: {tags}. {reason} Delete them in Mailchimp, "
        "or leave them: no contact was lost.",
        name=f"*{escape(name)}*",
        tags=", ".join(escape(blocks.shorten(tag, 100)) for tag in tags[:USERS_NAMED]),
        reason=because(t, reason),
    )
    return Message(text, [blocks.section(f"⚠️ {text}")])


def told(t: Texts, text: str) -> Block:
    """What the modal says instead of a question, in markup."""
    return blocks.modal(t("Remove"), [blocks.section(text)], callback_id=TOLD, close=t("Close"))


def _asking(t: Texts, callback: str, title: str, content: Sequence[Block], metadata: Metadata) -> Block:
    return blocks.modal(
        title,
        content,
        callback_id=callback,
        submit=t("Remove"),
        close=t("Keep"),
        private_metadata=metadata.model_dump_json(),
    )
