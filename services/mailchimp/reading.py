"""Mailchimp's JSON as values. What it leaves out or leaves empty reads as empty; any other shape is a plain error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from services import mailing
from services.mailchimp import meaning

ACCOUNT_FIELDS = "account_id,account_name,role,pricing_plan_type,total_subscribers"
_AUDIENCE = ("id", "name", "web_id", "double_optin", "stats.member_count", "stats.total_contacts")
AUDIENCE_FIELDS = ",".join(_AUDIENCE)
AUDIENCES_FIELDS = ",".join(["total_items", *(f"lists.{name}" for name in _AUDIENCE)])
MERGE_FIELDS_FIELDS = ",".join(
    [
        "total_items",
        *(f"merge_fields.{name}" for name in ("tag", "name", "type", "required", "default_value", "options")),
    ]
)
TAGS_FIELDS = "total_items,segments.id,segments.name,segments.member_count,segments.type"
_MEMBER = ("email_address", "id", "contact_id", "status", "last_changed")
MEMBER_FIELDS = ",".join([*_MEMBER, "merge_fields", "tags", "tags_count"])
MEMBERS_FIELDS = ",".join(["total_items", *(f"members.{name}" for name in MEMBER_FIELDS.split(","))])
HOLDERS_FIELDS = "total_items,members.email_address"

NEVER = datetime.fromtimestamp(0, UTC)  # Mailchimp: a time that is not known is ""

# Mailchimp: these two roles read reports and write e-mails, they may not change contacts
_READING_ROLES = {"viewer", "author"}

WORDS = {
    mailing.Status.SUBSCRIBED: "subscribed",
    mailing.Status.UNSUBSCRIBED: "unsubscribed",
    mailing.Status.CLEANED: "cleaned",
    mailing.Status.PENDING: "pending",
    mailing.Status.TRANSACTIONAL: "transactional",
    mailing.Status.ARCHIVED: "archived",
}
_KINDS: dict[str, Literal["static", "saved", "fuzzy"]] = {"static": "static", "saved": "saved", "fuzzy": "fuzzy"}
_STATUSES = {word: status for status, word in WORDS.items()}


def account(data: dict[str, Any], data_centre: str) -> mailing.Account:
    """``GET /``."""
    role = str(data.get("role") or "")
    return mailing.Account(
        id=str(data["account_id"]),
        name=str(data.get("account_name") or ""),
        role=role,
        can_write=role.casefold() not in _READING_ROLES,
        total_subscribers=int(data.get("total_subscribers") or 0),
        plan=str(data.get("pricing_plan_type") or ""),
        data_centre=data_centre,
    )


def audience(data: dict[str, Any], data_centre: str) -> mailing.Audience:
    """One of ``GET /lists``, or ``GET /lists/{id}``."""
    stats = data.get("stats") or {}
    contacts = stats.get("total_contacts")
    web_id = data.get("web_id")
    return mailing.Audience(
        id=str(data["id"]),
        name=str(data.get("name") or ""),
        members=int(stats.get("member_count") or 0),
        contacts=None if contacts is None else int(contacts),
        double_opt_in=bool(data.get("double_optin")),
        web_link=f"https://{data_centre}.admin.mailchimp.com/lists/members/?id={web_id}" if web_id else "",
    )


def merge_field(data: dict[str, Any]) -> mailing.MergeField:
    """One of ``GET /lists/{id}/merge-fields``."""
    options = data.get("options") or {}
    return mailing.MergeField(
        tag=str(data["tag"]),
        name=str(data.get("name") or ""),
        type=str(data["type"]),
        required=bool(data.get("required")),
        default_value=_text(data.get("default_value")),
        choices=tuple(str(choice) for choice in options.get("choices") or ()),
        date_format=str(options.get("date_format") or ""),
        phone_format=str(options.get("phone_format") or ""),
        size=int(options["size"]) if options.get("size") else None,
    )


def tag(data: dict[str, Any]) -> mailing.Tag:
    """One of ``GET /lists/{id}/segments``, or the answer to creating one."""
    return mailing.Tag(
        id=int(data["id"]),
        name=str(data["name"]),
        members=int(data.get("member_count") or 0),
        kind=_KINDS[data.get("type") or "static"],
    )


def address(data: dict[str, Any]) -> str:
    """A member's address, where nothing else of it was asked for."""
    return str(data["email_address"])


def member(data: dict[str, Any]) -> mailing.Member:
    """A member wherever one is shown. Mailchimp shows at most 50 tags of a member."""
    tags = tuple(int(shown["id"]) for shown in data.get("tags") or ())
    last_changed = data.get("last_changed")
    return mailing.Member(
        address=data["email_address"],
        status=_STATUSES.get(data["status"], mailing.Status.UNKNOWN),
        last_changed=datetime.fromisoformat(last_changed) if last_changed else NEVER,
        fields={
            name: value if type(value) is str else _text(value)
            for name, value in (data.get("merge_fields") or {}).items()
        },
        tags=tags,
        member_id=data["id"],
        contact_id=data.get("contact_id") or "",
        tags_cut=(data.get("tags_count") or 0) > len(tags),
    )


def bulk_answer(data: dict[str, Any], values: Mapping[str, tuple[str, ...]]) -> mailing.BulkAnswer:
    """``POST /lists/{id}``. ``values`` are what was sent, by lower-case address, to be masked in what comes back."""
    all_values = tuple(value for sent in values.values() for value in sent)
    shown = [*(data.get("new_members") or ()), *(data.get("updated_members") or ())]
    refused = [
        meaning.member_error(entry, values.get(str(entry.get("email_address") or "").lower(), all_values))
        for entry in data["errors"]
    ]
    return mailing.BulkAnswer(tuple(map(member, shown)), tuple(refused))


def tag_answer(data: dict[str, Any]) -> mailing.TagAnswer:
    """``POST /lists/{id}/segments/{id}``."""
    refused = [
        meaning.member_error({**entry, "email_address": address})
        for entry in data["errors"]
        for address in entry.get("email_addresses") or [""]
    ]
    return mailing.TagAnswer(
        added=tuple(shown["email_address"] for shown in data.get("members_added") or ()),
        removed=tuple(shown["email_address"] for shown in data.get("members_removed") or ()),
        errors=tuple(refused),
    )


def _text(value: object) -> str:
    """A merge field's value as text: numbers as written in JSON, an address (an object) as JSON with sorted keys."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
