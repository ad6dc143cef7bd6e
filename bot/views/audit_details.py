"""What the audit trail says of an action beside who did it when, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale, UnknownLocaleError

from bot.texts import Texts, mark
from bot.views import policies
from bot.views.wizard_connect import KINDS, SHARED_WITH
from bot.views.wizard_segments import schedule_text

KEYS = {
    "account": mark("Mailchimp account"),
    "approval": mark("approval by a second person"),
    "approval_above": mark("approval if it adds more contacts than"),
    "audience": mark("audience"),
    "audience_id": mark("audience ID"),
    "brake": mark("brake"),
    "canary": mark("contacts of the canary"),
    "channel": mark("channel"),
    "connection": mark("number of the connection"),
    "consent": mark("consent attribute"),
    "consent_values": mark("values that allow mailing"),
    "consent_version": mark("version of the statement"),
    "contacts": mark("contact ceiling"),
    "destinations": mark("destinations that used it"),
    "digest": mark("hour at which successes are told together"),
    "email": mark("e-mail attribute"),
    "fields": mark("fields"),
    "in_workflows": mark("workflows may export it"),
    "kind": mark("connected by"),
    "language": mark("language"),
    "mentions": mark("people to call"),
    "name": mark("name"),
    "people": mark("people"),
    "quiet": mark("successes are not posted"),
    "reason": mark("reason"),
    "run": mark("number of the export"),
    "schedule": mark("schedule"),
    "segments": mark("segments with their tags"),
    "share": mark("share"),
    "shared_with": mark("shared with"),
    "skip_required_fields": mark("required fields may stay empty"),
    "statement": mark("version of the statement"),
    "tags": mark("tags"),
    "time_zone": mark("time zone"),
    "users": mark("what became of them"),
}
"""What people read for each key that is recorded."""
CODES: Mapping[str, Mapping[str, str]] = {
    "approval": {one.value: words for one, words in policies.WORDS.items()},
    "kind": KINDS,
    "shared_with": {one.value: words for one, words in SHARED_WITH.items()},
    "tags": {"keep": mark("kept in Mailchimp"), "delete": mark("deleted in Mailchimp")},
    "users": {
        "detach": mark("kept without a connection"),
        "remove": mark("removed with it"),
        "refuse": mark("nothing used it"),
    },
}
"""What people read for the values that Postino itself has given."""
NAMED_BY_PEOPLE = frozenset({"fields", "segments"})
"""Whose keys are names of other systems."""


def details(t: Texts, recorded: Mapping[str, Any]) -> str:
    """The details as ``key: value; key: value``."""
    return "; ".join(f"{_key(t, key)}: {_value(t, key, value)}" for key, value in recorded.items())


def _key(t: Texts, key: str) -> str:
    return t(KEYS[key]) if key in KEYS else key


def _value(t: Texts, key: str, value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return t("yes") if value else t("no")
        case float():
            return t.percent(value)
        case list():
            return ", ".join(_value(t, "", one) for one in value) or "-"
        case dict():
            own = key not in NAMED_BY_PEOPLE
            return (
                ", ".join(f"{_key(t, one) if own else one} {_value(t, '', held)}" for one, held in value.items()) or "-"
            )
        case str():
            return _words(t, key, value)
    return str(value)


def _words(t: Texts, key: str, value: str) -> str:
    if value in CODES.get(key, ()):
        return t(CODES[key][value])
    match key:
        case "schedule":
            return schedule_text(t, value, "").removesuffix(", ")
        case "language":
            return _language(t, value)
        case "reason":
            return t.known(value)
    return value


def _language(t: Texts, code: str) -> str:
    try:
        return Locale.parse(code).get_display_name(t.language) or code
    except (UnknownLocaleError, ValueError):
        return code
