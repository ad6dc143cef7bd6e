"""How things look from outside: members, audiences, segments, merge fields as Mailchimp's JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.mailchimp import paging
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import Member, MergeField, Tag

SHOWN_TAGS = 50  # a member shows at most 50 of its tags
NOWHERE = {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "", "region": ""}

Part = Callable[[Audience, Member], Any]


def _extra(name: str, default: Any) -> Part:
    return lambda _audience, member: member.extras.get(name, default) if member.extras else default


def _full_name(audience: Audience, member: Member) -> str:
    names = audience.values_of(member)
    return f"{names.get('FNAME', '')} {names.get('LNAME', '')}".strip()


def tags_of(audience: Audience, member: Member) -> list[dict[str, Any]]:
    """A member's tags, at most 50 of them."""
    return [
        {"id": tag_id, "name": audience.tags[tag_id].name}
        for tag_id in member.tags[:SHOWN_TAGS]
        if tag_id in audience.tags
    ]


MEMBER: dict[str, Part] = {
    "id": lambda _audience, member: member.digest.hex(),
    "email_address": lambda _audience, member: member.address,
    # Mailchimp: changes with the address (recorded)
    "unique_email_id": lambda _audience, member: member.digest.hex()[-10:],
    "contact_id": lambda audience, member: audience.contact_id(member),
    "full_name": _full_name,
    "web_id": lambda audience, member: audience.member_web_id(member),
    "email_type": _extra("email_type", "html"),
    "status": lambda _audience, member: member.status,
    "consents_to_one_to_one_messaging": lambda _audience, _member: True,
    "merge_fields": lambda audience, member: audience.values_of(member),
    "stats": lambda _audience, _member: {"avg_open_rate": 0, "avg_click_rate": 0},
    "ip_signup": _extra("ip_signup", ""),
    "timestamp_signup": _extra("timestamp_signup", ""),
    "ip_opt": lambda _audience, member: member.ip_opt,
    "timestamp_opt": lambda _audience, member: paging.iso(member.opted),
    "member_rating": lambda _audience, _member: 2,
    "last_changed": lambda _audience, member: paging.iso(member.last_changed),
    "language": _extra("language", ""),
    "vip": _extra("vip", False),
    "email_client": lambda _audience, _member: "",
    "location": _extra("location", NOWHERE),
    "source": lambda _audience, member: member.source,
    "tags_count": lambda _audience, member: len(member.tags),
    "tags": tags_of,
    "list_id": lambda audience, _member: audience.id,
    "_links": lambda audience, member: [
        {"rel": "self", "href": f"/3.0/lists/{audience.id}/members/{member.digest.hex()}", "method": "GET"}
    ],
}
# Specification: a segment's members show none of these, and no region
SEGMENT_MEMBER = {
    **{
        name: part
        for name, part in MEMBER.items()
        if name
        not in ("contact_id", "full_name", "web_id", "tags", "tags_count", "source",
                "consents_to_one_to_one_messaging")
    },
    "location": _extra("location", {name: value for name, value in NOWHERE.items() if name != "region"}),
}  # fmt: skip
# Specification: bulk and segment calls show these and the tags
CHANGED_MEMBER = {**SEGMENT_MEMBER, "tags_count": MEMBER["tags_count"], "tags": MEMBER["tags"]}


def member(audience: Audience, shown: Member, parts: dict[str, Part] = MEMBER) -> dict[str, Any]:
    """A member in full."""
    return {name: part(audience, shown) for name, part in parts.items()}


def member_page(
    audience: Audience, shown: Sequence[Member], total: int, query: dict[str, str], parts: dict[str, Part]
) -> dict[str, Any]:
    """A page of members, of which only the fields asked for are worked out. Raises Problem (422)."""
    known = {"members": parts, "list_id": (), "total_items": (), "_links": ()}
    paging.check_fields(query, known)
    wanted = paging.tree_of(query.get("fields", ""))
    excluded = paging.tree_of(query.get("exclude_fields", ""))
    page: dict[str, Any] = {"members": [], "list_id": audience.id, "total_items": total, "_links": []}
    if wanted:
        page = {name: value for name, value in page.items() if name in wanted}
    page = {name: value for name, value in page.items() if name not in excluded or excluded[name]}
    if "members" not in page:
        return page
    below, without = wanted.get("members") or {}, excluded.get("members", {})
    chosen = {
        name: part
        for name, part in parts.items()
        if (not below or name in below) and not (name in without and not without[name])
    }
    rows = [member(audience, each, chosen) for each in shown]
    if any(below.values()):
        rows = paging.keep(rows, below)
    if any(without.values()):
        rows = paging.leave_out(rows, without)
    page["members"] = rows
    return page


def merge_field(audience: Audience, field: MergeField) -> dict[str, Any]:
    """A merge field."""
    return {
        "merge_id": field.merge_id,
        "tag": field.tag,
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "default_value": field.default_value,
        "public": field.public,
        "display_order": field.display_order,
        "options": field.options,
        "help_text": field.help_text,
        "list_id": audience.id,
        "_links": [],
    }


def segment(audience: Audience, tag: Tag, statuses: tuple[str, ...] = ("subscribed",)) -> dict[str, Any]:
    """A segment; ``member_count`` counts active subscribers unless other statuses are included."""
    view = {
        "id": tag.id,
        "name": tag.name,
        "member_count": audience.holder_count(tag, statuses),
        "type": tag.kind,
        "created_at": paging.iso(tag.created_at),
        "updated_at": paging.iso(tag.updated_at),
        "list_id": audience.id,
        "_links": [],
    }
    if tag.kind == "saved":
        view["options"] = {"match": "any", "conditions": []}
    return view


def audience_stats(audience: Audience) -> dict[str, Any]:
    """Counts of an audience as they were up to ``stats_delay`` seconds ago (Mailchimp: five minutes at least)."""
    now = audience.world.now()
    if audience.stats is None or not 0 <= now - audience.stats[0] < audience.world.switches.stats_delay:
        counts = audience.counts
        audience.stats = (
            now,
            {
                "member_count": counts["subscribed"],
                "total_contacts": sum(counts.values()),
                "unsubscribe_count": counts["unsubscribed"],
                "cleaned_count": counts["cleaned"],
                "member_count_since_send": 0,
                "unsubscribe_count_since_send": 0,
                "cleaned_count_since_send": 0,
                "campaign_count": 0,
                "campaign_last_sent": "",
                "merge_field_count": len(audience.fields),
                "avg_sub_rate": 0,
                "avg_unsub_rate": 0,
                "target_sub_rate": 0,
                "open_rate": 0,
                "click_rate": 0,
                "last_sub_date": "",
                "last_unsub_date": "",
            },
        )
    return dict(audience.stats[1])


def audience(shown: Audience, *, total_contacts: bool) -> dict[str, Any]:
    """An audience; ``stats.total_contacts`` only if asked for."""
    stats = audience_stats(shown)
    if not total_contacts:
        del stats["total_contacts"]
    return {
        "id": shown.id,
        "web_id": shown.web_id,
        "name": shown.name,
        "contact": {"company": shown.account.name, "address1": "1 Main Street", "city": "Redmond", "state": "WA",
                    "zip": "98052", "country": "US", "phone": ""},
        "permission_reminder": "You signed up on our website.",
        "use_archive_bar": True,
        "campaign_defaults": {"from_name": shown.account.name, "from_email": shown.account.login_email, "subject": "",
                              "language": "en"},
        "notify_on_subscribe": "",
        "notify_on_unsubscribe": "",
        "date_created": paging.iso(shown.created_at),
        "list_rating": 0,
        "email_type_option": False,
        "subscribe_url_short": "",
        "subscribe_url_long": "",
        "beamer_address": "",
        "visibility": "prv",
        "double_optin": shown.double_optin,
        "has_welcome": False,
        "marketing_permissions": False,
        "modules": [],
        "stats": stats,
        "_links": [],
    }  # fmt: skip
