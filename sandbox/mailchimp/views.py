"""How things look from outside: members, audiences, segments, merge fields as Mailchimp's JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.mailchimp import paging
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import Member, MergeField, Tag

SHOWN_TAGS = 50  # a member shows at most 50 of its tags
NOWHERE = {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "", "region": ""}

Part = Callable[[Audience, Member], Any]


class Shape:
    """What a member shows, by name: a value that all share, or how to work it out. A member's extras stand in for it.

    A row begins as a copy of what all share, so that a bulk call of 500 costs a few milliseconds.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = parts
        self._shared = {name: None if callable(part) else part for name, part in parts.items()}
        self._own: list[tuple[str, Part]] = [(name, part) for name, part in parts.items() if callable(part)]

    def but(self, *names: str, **others: Any) -> Shape:
        """The same without some names, and with others."""
        return Shape({name: part for name, part in self.parts.items() if name not in names} | others)

    def row(self, audience: Audience, shown: Member) -> dict[str, Any]:
        """A member in this shape."""
        row: dict[str, Any] = self._shared.copy()
        for name, part in self._own:
            row[name] = part(audience, shown)
        if shown.extras:
            row |= {name: value for name, value in shown.extras.items() if name in row}
        return row


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


MEMBER = Shape(
    {
        "id": lambda _audience, member: member.digest.hex(),
        "email_address": lambda _audience, member: member.address,
        # Mailchimp: changes with the address (recorded)
        "unique_email_id": lambda _audience, member: member.digest.hex()[-10:],
        "contact_id": lambda audience, member: audience.contact_id(member),
        "full_name": _full_name,
        "web_id": lambda audience, member: audience.member_web_id(member),
        "email_type": "html",
        "status": lambda _audience, member: member.status,
        "consents_to_one_to_one_messaging": True,
        "merge_fields": lambda audience, member: audience.values_of(member),
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": "",
        "timestamp_signup": "",
        "ip_opt": lambda _audience, member: member.ip_opt,
        "timestamp_opt": lambda _audience, member: paging.iso(member.opted),
        "member_rating": 2,
        "last_changed": lambda _audience, member: paging.iso(member.last_changed),
        "language": "",
        "vip": False,
        "email_client": "",
        "location": NOWHERE,
        "source": lambda _audience, member: member.source,
        "tags_count": lambda _audience, member: len(member.tags),
        "tags": tags_of,
        "list_id": lambda audience, _member: audience.id,
        "_links": lambda audience, member: [
            {"rel": "self", "href": f"/3.0/lists/{audience.id}/members/{member.digest.hex()}", "method": "GET"}
        ],
    }
)
# Specification: a segment's members show none of these, and no region
SEGMENT_MEMBER = MEMBER.but(
    *("contact_id", "full_name", "web_id", "tags", "tags_count", "source", "consents_to_one_to_one_messaging"),
    location={name: value for name, value in NOWHERE.items() if name != "region"},
)
# Specification: bulk and segment calls show these and the tags
CHANGED_MEMBER = SEGMENT_MEMBER.but(**{name: MEMBER.parts[name] for name in ("tags_count", "tags")})


def member(audience: Audience, shown: Member, shape: Shape = MEMBER) -> dict[str, Any]:
    """A member in full."""
    return shape.row(audience, shown)


def member_page(
    audience: Audience, shown: Sequence[Member], total: int, query: dict[str, str], shape: Shape
) -> dict[str, Any]:
    """A page of members, of which only the fields asked for are worked out. Raises Problem (422)."""
    known = {"members": shape.parts, "list_id": (), "total_items": (), "_links": ()}
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
    chosen = shape.but(
        *(name for name in shape.parts if (below and name not in below) or (name in without and not without[name]))
    )
    rows = [chosen.row(audience, each) for each in shown]
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
