"""POST /lists/{list_id}: up to 500 members in one call, each with an outcome of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.mailchimp import contacts, members, views
from sandbox.mailchimp.answers import Answer, Call, Problem, invalid, optional, require
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import Member, digest_of

MOST = 500  # Mailchimp: at most 500 members a call
# The number is in the specification, the text is not known; the one of segments serves
TOO_MANY = f"Maximum allowed member items exceeded, please provide at most {MOST} items in members field"
NO_STATUS = "{address} cannot be added without a status."  # text unknown

# 3.0.91 adds contact_id
MEMBER = views.CHANGED_MEMBER.but(contact_id=views.MEMBER.parts["contact_id"])


@dataclass
class _Batch:
    """One call under way."""

    call: Call
    audience: Audience
    update_existing: bool
    sync_tags: bool
    skip_required: bool
    room: int
    created: list[Member] = field(default_factory=list)
    updated: list[Member] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    tags: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict)


def upsert(call: Call) -> Answer:
    """The bulk call. HTTP is 200 even when every member failed; a body against the schema fails as a whole."""
    audience, body, switches = call.audience, call.json_object(), call.world.switches
    sent = require(body, "members", list)
    if len(sent) > MOST:
        raise Problem(400, "Invalid Resource", TOO_MANY)
    for position, each in enumerate(sent):
        contacts.check_schema(each, contacts.SETTABLE, f"members.item:{position}.")
        if "email_address" not in each:
            path = f"members.item:{position}.email_address"
            raise invalid((path, "Required fields were not provided: email_address"))
    room = switches.contact_limit - call.account.contacts if switches.contact_limit_mode != "none" else 1 << 60
    batch = _Batch(
        call,
        audience,
        bool(optional(body, "update_existing", bool)),
        bool(optional(body, "sync_tags", bool)),
        call.flag("skip_merge_validation"),
        room,
    )
    unique = _without_duplicates(batch, sent, skip_check=call.flag("skip_duplicate_check"))
    if switches.contact_limit_mode == "403":
        members.check_room(
            call, sum(audience.with_digest(digest_of(each["email_address"].strip())) is None for each in unique)
        )
    for each in unique:
        try:
            _take(batch, each)
        except contacts.Refusal as refusal:
            _refuse(batch, each["email_address"], refusal)
    return _answer(batch, len(sent))


def _without_duplicates(batch: _Batch, sent: list[dict[str, Any]], *, skip_check: bool) -> list[dict[str, Any]]:
    """Mailchimp: an address twice is an error for it, unless skip_duplicate_check lets the first occurrence win."""
    switches = batch.call.world.switches
    times = Counter(each["email_address"].strip().lower() for each in sent)
    if len(times) == len(sent):
        return sent
    unique, seen = [], set()
    for each in sent:
        key = each["email_address"].strip().lower()
        first = key not in seen
        seen.add(key)
        if first and (skip_check or times[key] == 1 or switches.duplicates == "first_kept"):
            unique.append(each)
        elif not skip_check:
            _refuse(batch, each["email_address"], contacts.Refusal(switches.duplicates_text, each["email_address"]))
    return unique


def _take(batch: _Batch, sent: dict[str, Any]) -> None:
    """Insert or update one contact. Raises Refusal."""
    audience = batch.audience
    address = contacts.check_address(audience, sent["email_address"])
    digest = digest_of(address)
    contacts.check_insertable(audience, digest, address)
    member = audience.with_digest(digest)
    if member is None:
        _create(batch, sent, address)
        return
    status = _status_for(batch, sent, member, address)
    values = contacts.check_values(audience, sent, member, skip_required=batch.skip_required)
    contacts.change(audience, member, sent, status, values, tags=_tags(batch, sent, member))
    batch.updated.append(member)


def _create(batch: _Batch, sent: dict[str, Any], address: str) -> None:
    status = _status_of_new(batch, sent, address)
    values = contacts.check_values(batch.audience, sent, None, skip_required=batch.skip_required)
    if batch.room <= 0:
        raise contacts.Refusal(members.OVER_LIMIT, address)
    batch.room -= 1
    tags = _tags(batch, sent, None)
    batch.created.append(
        contacts.create(batch.audience, address, sent, status, batch.call.caller, values=values, tags=tags)
    )


def _status_of_new(batch: _Batch, sent: dict[str, Any], address: str) -> str:
    """The status a new member gets, or an archived one that is revived. Raises Refusal if none was sent."""
    status: str | None = sent.get("status")
    if status is None and batch.call.world.switches.status_if_new_in_bulk:
        status = sent.get("status_if_new")
    if status is None:
        raise contacts.Refusal(NO_STATUS, address)
    return status


def _status_for(batch: _Batch, sent: dict[str, Any], member: Member, address: str) -> str | None:
    """The status an existing member gets; None keeps it. Raises Refusal."""
    switches = batch.call.world.switches
    status = sent.get("status")
    if not batch.update_existing:
        reaction = switches.archived_insert if member.status == "archived" else "exists"
        if reaction != "revived":
            raise contacts.Refusal(contacts.COMPLIANCE if reaction == "compliance" else contacts.EXISTS, address)
        return _status_of_new(batch, sent, address)
    if status is None:
        if switches.omitted_status == "refused":
            raise contacts.Refusal(NO_STATUS, address)
        status = "subscribed" if switches.omitted_status == "subscribed" else None
    contacts.check_status(member, status)
    return status


def _tags(batch: _Batch, sent: dict[str, Any], member: Member | None) -> tuple[int, ...]:
    """A contact's tags after the call (switch bulk_tags): added, or with sync_tags replaced."""
    held = member.tags if member else ()
    honoured = batch.call.world.switches.bulk_tags
    if "tags" not in sent or honoured == "ignored" or (honoured == "new_only" and member):
        return held
    names = tuple(sent["tags"])
    named = batch.tags.get(names)
    if named is None:
        named = batch.tags[names] = tuple(tag.id for tag in contacts.tags_named(batch.audience, list(names)))
    if batch.sync_tags or not held:
        return named
    return held if set(named) <= set(held) else tuple(dict.fromkeys((*held, *named)))


def _refuse(batch: _Batch, address: str, refusal: contacts.Refusal) -> None:
    """Mailchimp: error_code is one of two; merge field errors name the field."""
    first = refusal.errors[0] if refusal.errors else {"field": "", "message": ""}
    batch.errors.append(
        {
            "email_address": address,
            "error": str(refusal),
            "error_code": "ERROR_CONTACT_EXISTS" if refusal.kind == contacts.EXISTS else "ERROR_GENERIC",
            "field": first["field"],
            "field_message": first["message"],
        }
    )


def _answer(batch: _Batch, sent: int) -> Answer:
    body = {
        "new_members": [views.member(batch.audience, member, MEMBER) for member in batch.created],
        "updated_members": [views.member(batch.audience, member, MEMBER) for member in batch.updated],
        "errors": batch.errors,
        "total_created": len(batch.created),
        "total_updated": len(batch.updated),
        "error_count": len(batch.errors),
        "_links": [],
    }
    counts = {
        "members": sent,
        "created": len(batch.created),
        "updated": len(batch.updated),
        "errors": len(batch.errors),
    }
    return Answer(body, counts=counts)
