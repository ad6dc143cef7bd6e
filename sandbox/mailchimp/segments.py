"""Segments: tags are static ones, and a tag's id is its segment's."""

from __future__ import annotations

from typing import Any

from sandbox.mailchimp import contacts, paging, views
from sandbox.mailchimp.answers import Answer, Call, Problem, invalid, not_found, optional, require
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import Member, Tag

MOST = 500  # Mailchimp: at most 500 additions and 500 removals a call
TOO_MANY = (  # seen (hitobito#1819)
    f"Maximum allowed member items exceeded, please provide at most {MOST} items in members_to_add field or "
    "members_to_remove field"
)
EXISTS = "Sorry, that tag already exists."  # text unconfirmed
NOT_SUBSCRIBED = "Email address is not subscribed to the list."  # text unconfirmed
KINDS = ("saved", "static", "fuzzy")


def _segment(call: Call) -> Tag:
    found = call.audience.tags.get(int(text)) if (text := call.params["segment_id"]).isdigit() else None
    if found is None:
        raise not_found()
    return found


def _static(call: Call) -> Tag:
    """The static segment in the path. Raises Problem (404), also for a saved segment (MailChimp.Net#377)."""
    segment_id = call.params["segment_id"]
    found = call.audience.tags.get(int(segment_id)) if segment_id.isdigit() else None
    if found is None or found.kind != "static":
        raise not_found(f"A Static Segment with an id of {segment_id} does not exist for this list.")
    return found


def included(call: Call) -> tuple[str, ...]:
    """Active members, and whom the three include flags add."""
    flags = [status for status in ("unsubscribed", "cleaned", "transactional") if call.flag(f"include_{status}")]
    statuses = ["subscribed", *flags]
    if call.world.switches.archived_in_segment_members:
        statuses.append("archived")
    return tuple(statuses)


def page(call: Call) -> Answer:
    """GET /lists/{list_id}/segments."""
    audience = call.audience
    offset, count = paging.window_of(call)
    kind, excluded = call.choice("type", KINDS), call.choice("exclude_type", KINDS)
    created = paging.between(call, "since_created_at", "before_created_at")
    updated = paging.between(call, "since_updated_at", "before_updated_at")
    statuses = included(call)
    found = [
        tag
        for tag in audience.tags.values()
        if (not kind or tag.kind == kind)
        and tag.kind != excluded
        and _within(tag.created_at, created)
        and _within(tag.updated_at, updated)
    ]
    view = {
        "segments": [views.segment(audience, tag, statuses) for tag in found[offset : offset + count]],
        "list_id": audience.id,
        "total_items": len(found),
        "_links": [],
    }
    paging.check_fields(call.query, dict.fromkeys(view, ()))
    return Answer(paging.trimmed(view, call.query))


def _within(time: int, window: tuple[int | None, int | None]) -> bool:
    first, last = window
    return (first is None or time >= first) and (last is None or time <= last)


def create(call: Call) -> Answer:
    """POST /lists/{list_id}/segments: with ``static_segment`` a tag, with ``options`` a saved segment, never both."""
    audience, body = call.audience, call.json_object()
    name = require(body, "name", str).strip()
    addresses, options = optional(body, "static_segment", list), optional(body, "options", dict)
    if not name:
        raise invalid(("name", "This value should not be blank."))
    if (addresses is None) == (options is None):
        raise invalid(("static_segment", "Provide either static_segment or options."))
    if audience.tag_named(name):
        raise Problem(400, "Bad Request", EXISTS)
    if addresses is None:
        return Answer(views.segment(audience, audience.add_tag(name, "saved")))
    _check_addresses("static_segment", addresses)
    tag = contacts.create_tag(audience, name)
    change(audience, tag, addresses, [])
    return Answer(views.segment(audience, tag))


def one(call: Call) -> Answer:
    """GET /lists/{list_id}/segments/{segment_id}."""
    return Answer(paging.trimmed(views.segment(call.audience, _segment(call), included(call)), call.query))


def replace(call: Call) -> Answer:
    """PATCH …/segments/{segment_id}: renames, and with ``static_segment`` REPLACES the whole membership."""
    audience, tag, body = call.audience, _segment(call), call.json_object()
    name, addresses = optional(body, "name", str), optional(body, "static_segment", list)
    if name is not None:
        rename(audience, tag, name)
    if addresses is not None:
        tag = _static(call)
        _check_addresses("static_segment", addresses)
        wanted = {member for address in addresses if (member := audience.find(address))}
        holders = [member for group in tag.holders.groups.values() for member in group]
        change(audience, tag, addresses, [member.address for member in holders if member not in wanted])
    return Answer(views.segment(audience, tag))


def rename(audience: Audience, tag: Tag, name: str) -> None:
    """Give a tag another name. Raises Problem (400) if another one has it."""
    if (other := audience.tag_named(name)) and other is not tag:
        raise Problem(400, "Bad Request", EXISTS)
    tag.name = name
    tag.updated_at = audience.world.now()


def delete(call: Call) -> Answer:
    """DELETE …/segments/{segment_id}: removes the tag from everybody."""
    call.audience.delete_tag(_segment(call))
    return Answer(status=204)


def batch(call: Call) -> Answer:
    """POST …/segments/{segment_id}: up to 500 additions and 500 removals; addresses not on the list are ignored."""
    audience, tag, body = call.audience, _static(call), call.json_object()
    sent = {name: optional(body, name, list) or [] for name in ("members_to_add", "members_to_remove")}
    for name, addresses in sent.items():
        if len(addresses) > MOST:
            raise Problem(400, "Invalid Resource", TOO_MANY)
        _check_addresses(name, addresses)
    added, removed, refused = change(audience, tag, sent["members_to_add"], sent["members_to_remove"])
    body = {
        "members_added": [views.member(audience, member, views.CHANGED_MEMBER) for member in added],
        "members_removed": [views.member(audience, member, views.CHANGED_MEMBER) for member in removed],
        "errors": [{"email_addresses": refused, "error": NOT_SUBSCRIBED}] if refused else [],
        "total_added": len(added),
        "total_removed": len(removed),
        "error_count": len(refused),
        "_links": [],
    }
    counts = {
        "members": len(sent["members_to_add"]) + len(sent["members_to_remove"]),
        "added": len(added),
        "removed": len(removed),
        "errors": len(refused),
    }
    return Answer(body, counts=counts)


def _check_addresses(name: str, addresses: list[Any]) -> None:
    for position, address in enumerate(addresses):
        if not isinstance(address, str):
            raise invalid((f"{name}.item:{position}", "Schema describes string, something else found instead"))


def change(
    audience: Audience, tag: Tag, add: list[str], remove: list[str]
) -> tuple[list[Member], list[Member], list[str]]:
    """Tag and untag by address: (added, removed, refused addresses). Removing works whatever a member's status."""
    switches = audience.world.switches
    added, removed, refused = [], [], []
    seen: set[Member] = set()
    for address in add:
        member = audience.find(address) if "@" in address else None
        if member is None or member in seen:
            continue
        seen.add(member)
        if member.status not in ("subscribed", "transactional", "pending"):
            if switches.segment_add_of_suppressed == "error":
                refused.append(address)
            if switches.segment_add_of_suppressed != "added":
                continue
        if tag.id in member.tags:
            if switches.segment_add_of_holder == "shown":
                added.append(member)
            continue
        contacts.retag(audience, member, (*member.tags, tag.id))
        added.append(member)
    for address in remove:
        member = audience.find(address) if "@" in address else None
        if member is not None and tag.id in member.tags:
            contacts.retag(audience, member, tuple(held for held in member.tags if held != tag.id))
            removed.append(member)
    if added or removed:
        tag.updated_at = audience.world.now()
    return added, removed, refused


def holders(call: Call) -> Answer:
    """GET …/segments/{segment_id}/members: active members, and others by the three include flags."""
    audience, tag = call.audience, _segment(call)
    offset, count = paging.window_of(call)
    shown, total = audience.holders(tag, included(call), offset, count)
    view = views.member_page(audience, shown, total, call.query, views.SEGMENT_MEMBER)
    view.pop("list_id", None)
    return Answer(view, counts={"members": len(shown)})


def remove_member(call: Call) -> Answer:
    """DELETE …/segments/{segment_id}/members/{hash}: no address needed."""
    tag, member = _static(call), call.audience.find(call.params["member"])
    if member is None or tag.id not in member.tags:
        raise not_found()
    contacts.retag(call.audience, member, tuple(held for held in member.tags if held != tag.id))
    return Answer(status=204)


def search(call: Call) -> Answer:
    """GET /lists/{list_id}/tag-search: by the beginning of the name; without ``name`` all tags."""
    wanted = call.query.get("name", "").casefold()
    found = [
        {"id": tag.id, "name": tag.name}
        for tag in call.audience.tags.values()
        if tag.kind == "static" and tag.name.casefold().startswith(wanted)
    ]
    return Answer({"tags": found, "total_items": len(found)})
