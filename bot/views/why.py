"""Why somebody is exported or not. The address is never shown: the asker knows whom they asked about."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts import Texts, mark
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.destinations import none_yet
from bot.views.run_facts import Message, moment
from services import rejects
from services.individuals import Obstacle, Standing

SHOWN = 15
"""How many destinations are shown: so many fit into the 12,000 characters that a message may have, with the longest names."""

OBSTACLES = {
    Obstacle.NO_PROFILE: mark("No profile of the source has this address."),
    Obstacle.NO_ATTRIBUTE: mark(
        "The source lacks an attribute that this destination asks for, so nobody is exported. Edit the destination and choose "
        "another one."
    ),
    Obstacle.NO_SEGMENT: mark(
        "They are in none of this destination's segments. Look at the segments' rules in the source."
    ),
    Obstacle.NO_CONNECTION: mark("The destination has no connection to Mailchimp. Edit it and choose one."),
    Obstacle.KEPT_OUT: mark(
        "Their profile unsubscribed, or was archived or deleted, under another address, and somebody decided to keep the new "
        "one out."
    ),
    Obstacle.NO_CONSENT: mark(
        "Their consent attribute does not allow mailing. An export does not take them along, and takes its tags off them."
    ),
    Obstacle.RECONNECT: mark("Mailchimp no longer accepts the destination's connection. Connect the account again."),
    Obstacle.STATEMENT: mark(
        "The data privacy and compliance statement has changed, so nobody is exported. Edit the destination and agree to it "
        "again."
    ),
    Obstacle.NEW: mark("They were not exported yet. The next export takes them along."),
    Obstacle.FORGOTTEN: mark("They were forgotten on request, so no export takes them along."),
}

STATUSES = {
    "subscribed": mark("subscribed"),
    "unsubscribed": mark("unsubscribed"),
    "cleaned": mark("cleaned"),
    "pending": mark("pending"),
    "transactional": mark("transactional"),
    "archived": mark("archived"),
    "forgotten": mark("permanently deleted"),
    "unknown": mark("unknown"),
}

SUPPRESSED = {
    "unsubscribed": mark("They unsubscribed. Only they can subscribe again, through a form of Mailchimp's."),
    "cleaned": mark("Mail to them bounced, so Mailchimp has cleaned the address. Correct it in the source."),
    "pending": mark("They were asked to confirm their subscription and have not done so yet."),
    "transactional": mark(
        "They gave their address without subscribing. Only they can subscribe, through a form of Mailchimp's."
    ),
    "archived": mark("They are archived in Mailchimp. Unarchive them there if they are to be mailed."),
    "forgotten": mark(
        "They were permanently deleted in Mailchimp. Only they can subscribe again, through a form of Mailchimp's."
    ),
    "unknown": mark("Mailchimp holds them in a state that Postino does not know, so they are left alone."),
}


def why(t: Texts, forgotten: bool, standings: Sequence[Standing]) -> Message:
    """How one person stands in each destination, for the asker alone. It cannot be shared: it is about a person, and what was
    asked holds an address."""
    head = t("How this person stands")
    content: list[Block] = [blocks.section(f"*{head}*")]
    said = [f"{head}:"]
    if forgotten:
        text = t("This person was forgotten on request and is not exported.")
        content.append(blocks.section(f":no_entry: {text}"))
        said.append(text)
    if not standings:
        none = none_yet(t)
        content += none.blocks
        said.append(none.text)
    for one in standings[:SHOWN]:
        lines = _lines(t, one)
        content.append(blocks.section("\n".join([f"*{escape(blocks.shorten(one.destination, 60))}*", *lines])))
        said.append(f"{escape(one.destination)}: {' '.join(lines)}")
    left_out = len(standings) - SHOWN
    if left_out > 0:
        content.append(blocks.context(t.plural("{count} destination more.", "{count} destinations more.", left_out)))
    content.append(blocks.context(t("Only you see this. The address was neither stored nor logged.")))
    return Message("\n".join(said), content)


def obstacle(t: Texts, one: Standing) -> str:
    """Why they are not exported and what can be done; empty if nothing is in the way."""
    if one.obstacle is None:
        return ""
    if one.obstacle is Obstacle.SUPPRESSED:
        return t(SUPPRESSED[one.status or "unknown"])
    if one.obstacle is Obstacle.REJECTED:
        return t(rejects.sentence(one.refused or ""))
    return t(OBSTACLES[one.obstacle])


def _lines(t: Texts, one: Standing) -> list[str]:
    facts = []
    if one.segments:
        facts.append(t("In {segments}.", segments=escape(blocks.shorten(", ".join(one.segments), 200))))
    if one.sent_at is not None and one.sent_by == one.destination:
        facts.append(t("Last sent {time}.", time=moment(t, one.sent_at)))
    elif one.sent_at is not None:
        other = escape(blocks.shorten(one.sent_by or "", 60))
        facts.append(t("Last sent by {destination}, {time}.", destination=other, time=moment(t, one.sent_at)))
    if one.status is not None:
        facts.append(t("In the audience: {status}.", status=t(STATUSES[one.status])))
    stands = obstacle(t, one)
    verdict = f":warning: {stands}" if stands else ":white_check_mark: " + t("Nothing keeps them from being exported.")
    return [*([" ".join(facts)] if facts else []), verdict]
