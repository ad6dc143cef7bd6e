"""The words of the command line's tables, by the names that ``--json`` uses."""

from __future__ import annotations

from bot.texts import Texts, mark

WORDS = {
    "profiles": mark("profiles"),
    "new": mark("new"),
    "updated": mark("updated"),
    "tags_only": mark("tags only"),
    "unchanged": mark("unchanged"),
    "suppressed": mark("suppressed"),
    "no_consent": mark("no consent"),
    "duplicates": mark("duplicates"),
    "rejected": mark("rejected"),
    "not_attempted": mark("not attempted"),
    "tags_added": mark("tags added"),
    "tags_removed": mark("tags removed"),
    "calls": mark("calls"),
    "retries": mark("retries"),
    "subscribed": mark("subscribed"),
    "unsubscribed": mark("unsubscribed"),
    "cleaned": mark("cleaned"),
    "pending": mark("pending"),
    "transactional": mark("transactional"),
    "archived": mark("archived"),
    "forgotten": mark("permanently deleted"),
    "unknown": mark("unknown"),
    "no_address": mark("no address"),
    "invalid_address": mark("invalid address"),
    "unknown_profile": mark("unknown profile"),
    "unreadable_profile": mark("unreadable profile"),
    "unreadable": mark("unreadable"),
    "other_address": mark("left under another address"),
    "kept_out": mark("kept out"),
    "exists": mark("exists"),
    "duplicate": mark("duplicate"),
    "compliance": mark("compliance"),
    "invalid": mark("invalid"),
    "merge_field": mark("merge field"),
    "too_many_lists": mark("too many lists"),
    "account": mark("account"),
    "gone": mark("gone"),
    "name": mark("name"),
    "connection": mark("connection"),
    "audience": mark("audience"),
    "audience_name": mark("audience name"),
    "email": mark("e-mail"),
    "consent_attribute": mark("consent attribute"),
    "schedule": mark("schedule"),
    "time_zone": mark("time zone"),
    "channel": mark("channel"),
    "approval": mark("approval"),
    "approval_above": mark("approval above"),
    "in_workflows": mark("in workflows"),
    "mentions": mark("mentions"),
    "quiet": mark("quiet"),
    "agreed_by": mark("agreed by"),
    "agreed_at": mark("agreed at"),
    "consent_version": mark("consent version"),
}


def word(t: Texts, name: str) -> str:
    """What people read for a name; one without a word is shown without its underscores."""
    return t(WORDS[name]) if name in WORDS else name.replace("_", " ")
