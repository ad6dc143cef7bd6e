"""Told of the source's refreshes: that it cannot be read, or that one does not end, to those whose schedules wait for it.

That it is over; and what a refresh has made unusually larger or smaller.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import escape
from bot.views.hub import SCHEDULES
from bot.views.run_facts import Message, Reason, moment, number_of_profiles

NAMED = 10
LONGEST_NAME = 100


class Told(BaseModel):
    """What is told of: the source, the destinations that wait for it, since when, why, and the people to call."""

    source: str
    destinations: list[str]
    since: datetime
    zone: str
    reason: Reason = Reason()
    mentions: list[str] = []


def unreadable(t: Texts, told: Told) -> Message:
    """What happened, since when, what is kept and what to do."""
    since = moment(t, told.since, told.zone)
    lines = [
        "⚠️ " + t("The source “{source}” has been unreadable since {time}.", source=escape(told.source), time=since),
        escape(t(told.reason.message, **told.reason.values)),
        t.plural(
            "{names} waits for its next refresh and is not exported meanwhile. Contacts and tags in Mailchimp stay as they are.",
            "{names} wait for its next refresh and are not exported meanwhile. Contacts and tags in Mailchimp stay as they are.",
            len(told.destinations),
            names=_names(t, told.destinations),
        ),
        t(
            "Ask whoever runs Postino to put it right; /postino doctor shows administrators what is wrong. "
            "The exports then go on by themselves."
        ),
    ]
    return _message(t, [*lines, *_call(t, told)])


def readable(t: Texts, told: Told) -> Message:
    """That the trouble is over, how long it lasted, and what happens now."""
    since = moment(t, told.since, told.zone)
    return _message(
        t,
        [
            "✅ " + t("The source “{source}” can be read again.", source=escape(told.source)),
            t("It had been unreadable since {time}.", time=since),
            _goes_on(t, told),
        ],
    )


def refreshing(t: Texts, told: Told) -> Message:
    """That a refresh goes on and on, since when, what waits for it and what to do."""
    since, source = moment(t, told.since, told.zone), escape(told.source)
    lines = [
        "⚠️ "
        + t(
            "A refresh of the source “{source}” has been going on since {time} and does not end.",
            source=source,
            time=since,
        ),
        t.plural(
            "{names} waits for its end and is not exported meanwhile. Contacts and tags in Mailchimp stay as they are.",
            "{names} wait for its end and are not exported meanwhile. Contacts and tags in Mailchimp stay as they are.",
            len(told.destinations),
            names=_names(t, told.destinations),
        ),
        t(
            "A refresh has ended when no file of the source changes any more. Ask whoever runs Postino to find out what "
            "keeps writing there. The exports then go on by themselves."
        ),
    ]
    return _message(t, [*lines, *_call(t, told)])


def refreshed(t: Texts, told: Told) -> Message:
    """That the refresh has ended at last, how long it lasted, and what happens now."""
    since = moment(t, told.since, told.zone)
    return _message(
        t,
        [
            "✅ " + t("The refresh of the source “{source}” has ended.", source=escape(told.source)),
            t("It had been going on since {time}.", time=since),
            _goes_on(t, told),
        ],
    )


class Size(BaseModel):
    """A segment's profile count before a refresh and after it."""

    segment: str
    before: int
    now: int


class Sizes(BaseModel):
    """The segments that a refresh has changed unusually, and the destinations that export them."""

    destinations: list[str]
    segments: list[Size]


def resized(t: Texts, told: Sizes) -> Message:
    """Which segments are of another size than before the refresh, who exports them, and what to do if it was not meant."""
    lines = [
        "⚠️ "
        + t(
            "{segment} had {before} before the source was refreshed and has {now} now. Was that meant?",
            segment=escape(blocks.shorten(one.segment, LONGEST_NAME)),
            before=number_of_profiles(t, one.before),
            now=t.number(one.now),
        )
        for one in told.segments[:NAMED]
    ]
    if (more := len(told.segments) - NAMED) > 0:
        lines.append(t.plural("and {count} more segment", "and {count} more segments", more))
    lines.append(
        t(
            "Exported by {names}. If it was not meant, pause the schedules, and export nothing by hand, until the source "
            "is in order.",
            names=_names(t, told.destinations),
        )
    )
    return _message(t, lines)


def _goes_on(t: Texts, told: Told) -> str:
    return t.plural(
        "{names} is exported with each refresh again; a refresh that came meanwhile is exported now.",
        "{names} are exported with each refresh again; a refresh that came meanwhile is exported now.",
        len(told.destinations),
        names=_names(t, told.destinations),
    )


def _call(t: Texts, told: Told) -> list[str]:
    """The people to call, if there are any."""
    people = " ".join(f"<@{person}>" for person in told.mentions)
    return [t("Please look: {people}", people=people)] if people else []


def _names(t: Texts, destinations: list[str]) -> str:
    listed = ", ".join(escape(blocks.shorten(name, LONGEST_NAME)) for name in destinations[:NAMED])
    more = len(destinations) - NAMED
    return t("{names} and {count} more", names=listed, count=more) if more > 0 else listed


def _message(t: Texts, lines: list[str]) -> Message:
    text = "\n".join(lines)
    return Message(text, [blocks.section(text), blocks.actions(blocks.button(t("Schedules"), SCHEDULES))])
