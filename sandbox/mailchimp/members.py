"""Single members: read, list, add, change, archive, and their tags. The rules stand in ``contacts``."""

from __future__ import annotations

from sandbox.mailchimp import contacts, paging, views
from sandbox.mailchimp.answers import Answer, Call, Problem, invalid, not_found, optional, require
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import STATUSES, Member, digest_of

UNARCHIVABLE = (
    "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"  # recorded
)


def _member(call: Call, *, hash_only: bool = False) -> Member:
    """The member in the path. Raises Problem (404), the same for never seen and permanently deleted."""
    key = call.params["member"]
    found = call.audience.find(key)
    if found is None or (hash_only and found.digest.hex() != key):
        raise not_found()
    return found


def page(call: Call) -> Answer:
    """GET /lists/{list_id}/members. Without ``sort_field`` the order is not promised; here it is by last change."""
    audience, switches = call.audience, call.world.switches
    offset, count = paging.window_of(call)
    status = call.choice("status", STATUSES)
    sort_field = call.choice("sort_field", ("timestamp_opt", "timestamp_signup", "last_changed"))
    newest = call.choice("sort_dir", ("ASC", "DESC")) == "DESC"
    if call.flag("since_last_campaign") and not status:
        raise invalid(("since_last_campaign", "A status is required with since_last_campaign."))
    if call.query.get("unsubscribed_since") and status != "unsubscribed":
        raise invalid(("unsubscribed_since", "unsubscribed_since can only be used with the status unsubscribed."))
    everybody = STATUSES if switches.archived_in_plain_list else STATUSES[:-1]
    statuses = (status,) if status else everybody
    for name in ("interest_category_id", "interest_ids", "interest_match"):
        if call.query.get(name):
            raise invalid((name, "This list has no interests."))
    first, last = paging.between(call, "since_last_changed", "before_last_changed")
    if call.query.get("unsubscribed_since"):
        left_since = paging.moment(call, "unsubscribed_since")
        first = max(first or 0, left_since or 0)
    if _narrows(call) or sort_field.startswith("timestamp"):
        found = _selected(call, audience, statuses, first, last)
        if sort_field != "last_changed":
            found.sort(key=lambda member: (member.opted, member.number))
        if newest:
            found.reverse()
        shown, total = found[offset : offset + count], len(found)
    else:
        shown, total = audience.window(statuses, first, last, offset, count, newest=newest)
    return Answer(views.member_page(audience, shown, total, call.query, views.MEMBER), counts={"members": len(shown)})


def _narrows(call: Call) -> bool:
    names = ("since_timestamp_opt", "before_timestamp_opt", "unique_email_id", "vip_only", "email_type")
    return any(call.query.get(name) for name in names)


def _selected(
    call: Call, audience: Audience, statuses: tuple[str, ...], first: int | None, last: int | None
) -> list[Member]:
    """The slow way, for filters that have no index."""
    opted_first, opted_last = paging.between(call, "since_timestamp_opt", "before_timestamp_opt")
    vip_only, unique, kind = call.flag("vip_only"), call.query.get("unique_email_id"), call.query.get("email_type")
    return [
        member
        for member in audience.selection(statuses)
        if (first is None or member.last_changed >= first)
        and (last is None or member.last_changed <= last)
        and (opted_first is None or member.opted >= opted_first)
        and (opted_last is None or 0 < member.opted <= opted_last)
        and (not vip_only or (member.extras or {}).get("vip"))
        and (not unique or member.digest.hex()[-10:] == unique)
        and (not kind or (member.extras or {}).get("email_type", "html") == kind)
    ]


def one(call: Call) -> Answer:
    """GET …/members/{member}: by hash, contact_id or plain address."""
    member = _member(call)
    paging.check_fields(call.query, dict.fromkeys(views.MEMBER.parts, ()))
    return Answer(paging.trimmed(views.member(call.audience, member), call.query), counts={"members": 1})


def add(call: Call) -> Answer:
    """POST /lists/{list_id}/members: tags count here; an archived member comes back with its old tags (recorded)."""
    audience = call.audience
    sent = contacts.check_schema(call.json_object(), contacts.SETTABLE)
    address, status = require(sent, "email_address", str), require(sent, "status", str)
    try:
        address = contacts.check_address(audience, address)
        digest = digest_of(address)
        contacts.check_insertable(audience, digest, address)
        member = audience.with_digest(digest)
        if member is not None and member.status != "archived":
            raise contacts.Refusal(contacts.EXISTS, address)
        values = contacts.check_values(audience, sent, member, skip_required=call.flag("skip_merge_validation"))
    except contacts.Refusal as refusal:
        raise refusal.problem() from None
    check_room(call, 1)
    if member is None:
        member = contacts.create(audience, address, sent, status, call.caller, values=values)
    else:
        contacts.change(audience, member, sent, status, values)
    tags = contacts.tags_named(audience, sent.get("tags", []))
    contacts.retag(audience, member, tuple(dict.fromkeys((*member.tags, *(tag.id for tag in tags)))))
    return Answer(views.member(audience, member), counts={"created": 1})


def check_room(call: Call, wanted: int) -> None:
    """The plan's contact limit as the switches have it. Raises Problem; both refusals are inventions."""
    switches = call.world.switches
    mode = switches.contact_limit_mode
    if mode == "none" or call.account.contacts + wanted <= switches.contact_limit:
        return
    raise Problem(403 if mode == "403" else 400, "Forbidden" if mode == "403" else "Bad Request", OVER_LIMIT)


OVER_LIMIT = "Your plan's contact limit has been reached. Please upgrade your plan to add more contacts."


def put(call: Call) -> Answer:
    """PUT …/members/{member}: change, or create the body's address. Without ``status`` an existing status is kept.

    An unknown hash is ignored and the body's address created; if that is a member already, it answers 400 Member
    Exists (recorded). Tags are ignored.
    """
    audience = call.audience
    sent = contacts.check_schema(call.json_object(), contacts.SETTABLE)
    address = require(sent, "email_address", str)
    member = audience.find(call.params["member"])
    if member is not None:
        return _change(call, audience, member, sent)
    status = sent.get("status") or sent.get("status_if_new")
    if not status:
        raise invalid(("status_if_new", "Required fields were not provided: status_if_new"))
    try:
        address = contacts.check_address(audience, address)
        contacts.check_insertable(audience, digest_of(address), address)
        if audience.with_digest(digest_of(address)):
            raise contacts.Refusal(contacts.EXISTS, address)
        values = contacts.check_values(audience, sent, None, skip_required=call.flag("skip_merge_validation"))
    except contacts.Refusal as refusal:
        raise refusal.problem() from None
    check_room(call, 1)
    member = contacts.create(audience, address, sent, status, call.caller, values=values)
    return Answer(views.member(audience, member), counts={"created": 1})


def patch(call: Call) -> Answer:
    """PATCH …/members/{member}. The status cannot become ``transactional`` here."""
    sent = contacts.check_schema(call.json_object(), contacts.SETTABLE[:-1])
    return _change(call, call.audience, _member(call), sent)


def _change(call: Call, audience: Audience, member: Member, sent: dict[str, object]) -> Answer:
    status = optional(sent, "status", str)
    address = optional(sent, "email_address", str)
    try:
        if address is not None:
            address = contacts.check_address(audience, address)
        contacts.check_status(member, status)
        values = contacts.check_values(audience, sent, member, skip_required=call.flag("skip_merge_validation"))
    except contacts.Refusal as refusal:
        raise refusal.problem() from None
    if address is not None and address != member.address:
        _move(audience, member, address)
    contacts.change(audience, member, sent, status, values)
    return Answer(views.member(audience, member), counts={"updated": 1})


def _move(audience: Audience, member: Member, address: str) -> None:
    """Change the address of a member: contact_id, web_id and tags stay, the old hash answers 404 (recorded)."""
    digest = digest_of(address)
    if digest == member.digest:
        audience.edit(member, address=address)
        return
    if member.status == "cleaned":
        text = f'This member\'s status is "{member.status}." You can only update email addresses for members with a '
        raise Problem(400, "Invalid Resource", text + 'status of "subscribed."')
    if digest in audience.forgotten:
        raise contacts.Refusal(contacts.FORGOTTEN, address).problem()
    if other := audience.with_digest(digest):
        shown = {"subscribed": "subscribed", "archived": "Deleted"}.get(other.status, "Non-Subscribed")
        text = f'"{address}" is already in this list with a status of "{shown}"'
        raise Problem(400, "Invalid Resource", text + ".", errors=[{"field": "email address", "message": text}])
    audience.move(member, address)


def archive(call: Call) -> Answer:
    """DELETE …/members/{member}: archives; cleaned, pending and archived ones are refused with 405 (recorded)."""
    member = _member(call)
    if member.status in ("cleaned", "pending", "archived"):
        raise Problem(405, "Method Not Allowed", UNARCHIVABLE, headers={"Allow": "GET, PUT"})
    call.audience.edit(member, status="archived")
    return Answer(status=204)


def delete_permanently(call: Call) -> Answer:
    """POST …/members/{hash}/actions/delete-permanent: the address can never be imported again."""
    call.audience.remove(_member(call, hash_only=True))
    return Answer(status=204)


def tags(call: Call) -> Answer:
    """GET …/members/{member}/tags: all of them, in pages."""
    audience, member = call.audience, _member(call)
    offset, count = paging.window_of(call)
    found = [
        {
            "id": tag_id,
            "name": audience.tags[tag_id].name,
            "date_added": paging.iso(audience.tags[tag_id].holders.stamp(member.status, member) or member.last_changed),
        }
        for tag_id in member.tags
    ]
    view = {"tags": found[offset : offset + count], "total_items": len(found), "_links": []}
    return Answer(paging.trimmed(view, call.query))


def change_tags(call: Call) -> Answer:
    """POST …/members/{hash}/tags: 204, also for an empty list and for archived members; unknown tags are created."""
    audience, member, body = call.audience, _member(call, hash_only=True), call.json_object()
    held = list(member.tags)
    wanted = []
    for position, each in enumerate(require(body, "tags", list)):
        path = f"tags.item:{position}."
        if not isinstance(each, dict):
            raise invalid((path.rstrip("."), "Schema describes object, something else found instead"))
        name, status = require(each, "name", str, path), require(each, "status", str, path)
        if status not in ("active", "inactive"):
            raise invalid((f"{path}status", "Value must be one of: active, inactive"))
        wanted.append((name, status))
    for name, status in wanted:
        if status == "active":
            held += [tag.id for tag in contacts.tags_named(audience, [name])]
        elif tag := audience.tag_named(name):
            held = [tag_id for tag_id in held if tag_id != tag.id]
    contacts.retag(audience, member, tuple(dict.fromkeys(held)))
    return Answer(status=204)
