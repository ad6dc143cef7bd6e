"""Mailchimp's rules for one contact, shared by the single-member calls and the bulk call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sandbox.mailchimp import merge_fields
from sandbox.mailchimp.answers import Problem, invalid, kind_of, optional
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import Member, Tag, digest_of

SETTABLE = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
EXTRAS: dict[str, type] = {
    "email_type": str,
    "language": str,
    "vip": bool,
    "location": dict,
    "ip_signup": str,
    "timestamp_signup": str,
}
KNOWN: dict[str, type] = {
    **EXTRAS,
    "email_address": str,
    "status": str,
    "status_if_new": str,
    "ip_opt": str,
    "timestamp_opt": str,
    "tags": list,
    "interests": dict,
    "marketing_permissions": list,
}
NO_ADDRESS = "Please provide a valid email address."
EXISTS = "{address} is already a list member. Use PUT to insert or update list members."
COMPLIANCE = (
    "{address} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
)
FORGOTTEN = (
    "{address} was permanently deleted and cannot be re-imported. "
    "The contact must re-subscribe to get back on the list."
)
FAKE = "{address} looks fake or invalid, please enter a real email address."
TOO_MANY_LISTS = "{address} has signed up to a lot of lists very recently; we're not allowing more signups for now"
TITLES = {
    EXISTS: "Member Exists",
    COMPLIANCE: "Member In Compliance State",
    FORGOTTEN: "Forgotten Email Not Subscribed",
}
_SYNTAX = re.compile(
    r"(?!\.)(?!.*\.\.)[^\s@<>()\[\],;:\\\"]{1,64}(?<!\.)"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]"
)


class Refusal(Exception):
    """A contact that cannot be taken. ``text`` names {address}; ``errors`` are those of merge fields."""

    def __init__(self, text: str, address: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(text.format(address=address))
        self.kind = text
        self.errors = errors

    def problem(self) -> Problem:
        """The same as the answer to a single-member call."""
        if self.errors:
            return Problem(400, "Invalid Resource", str(self), errors=self.errors)
        return Problem(400, TITLES.get(self.kind, "Invalid Resource"), str(self))


def check_schema(sent: Any, statuses: tuple[str, ...], path: str = "") -> dict[str, Any]:
    """A contact of a body whose fields have the right kinds. Raises Problem (400) for the whole call."""
    if not isinstance(sent, dict):
        raise invalid((path.rstrip("."), f"Schema describes object, {kind_of(sent)} found instead"))
    for name, value in sent.items():
        if name in KNOWN and type(value) is not KNOWN[name]:
            optional(sent, name, KNOWN[name], path)
    for name in ("status", "status_if_new"):
        if name in sent and sent[name] not in statuses:
            raise invalid((f"{path}{name}", "Value must be one of: " + ", ".join(statuses)))
    if "tags" in sent and not all(isinstance(tag, str) for tag in sent["tags"]):
        raise invalid((f"{path}tags", "Schema describes string, something else found instead"))
    merge_fields.sent_fields(sent, path)
    return sent


@lru_cache(maxsize=8)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def check_address(audience: Audience, address: str) -> str:
    """The address without outer blanks. Raises Refusal for one that is no address, looks fake or is to be refused."""
    address = address.strip()
    if not _SYNTAX.fullmatch(address) or len(address) > 254:
        raise Refusal(NO_ADDRESS, address)
    if (fakes := audience.world.switches.fake_addresses) and _pattern(fakes).search(address):
        raise Refusal(FAKE, address)
    if audience.refusals and (text := audience.refusals.get(digest_of(address))):
        raise Refusal(text, address)
    return address


def check_insertable(audience: Audience, digest: bytes, address: str) -> None:
    """Raises Refusal for an address that was permanently deleted: it is gone for ever."""
    if digest in audience.forgotten:
        raise Refusal(FORGOTTEN, address)


def check_status(member: Member, status: str | None) -> None:
    """Raises Refusal if nobody but the person may bring this member back.

    Mailchimp: only a person's own unsubscribe, a bounce or a complaint raises it; whoever the API or an administrator
    unsubscribed becomes subscribed again without a word.
    """
    left_alone = member.status == "unsubscribed" and member.left_by == "self"
    if status == "subscribed" and (left_alone or member.status == "cleaned"):
        raise Refusal(COMPLIANCE, member.address)


def check_values(
    audience: Audience, sent: Mapping[str, Any], member: Member | None, *, skip_required: bool
) -> tuple[Any, ...]:
    """Merge field values by position after the change. Raises Refusal with ``errors``."""
    kept, errors = merge_fields.check(audience, sent.get("merge_fields", {}), member, skip_required=skip_required)
    if errors:
        raise Refusal(merge_fields.REFUSED, sent.get("email_address", ""), errors)
    current = member.values if member else ()
    return audience.values_with(current, kept) if kept else tuple(current)


def create(audience: Audience, address: str, sent: Mapping[str, Any], status: str, caller: str, **more: Any) -> Member:
    """Add a checked contact; ``more`` are attributes of Member."""
    if not EXTRAS.keys().isdisjoint(sent):
        more["extras"] = {name: sent[name] for name in EXTRAS if name in sent}
    return audience.insert(
        address,
        status,
        ip_opt=sent.get("ip_opt", caller),
        left_by="api" if status == "unsubscribed" else "bounce" if status == "cleaned" else "",
        **more,
    )


def change(
    audience: Audience,
    member: Member,
    sent: Mapping[str, Any],
    status: str | None,
    values: tuple[Any, ...],
    **more: Any,
) -> None:
    """Change an existing member; ``status`` None keeps it."""
    if not EXTRAS.keys().isdisjoint(sent):
        more["extras"] = {**(member.extras or {}), **{name: sent[name] for name in EXTRAS if name in sent}}
    if status and status != member.status:
        more |= {"status": status, "left_by": "api" if status == "unsubscribed" else ""}
    audience.edit(member, values=values, **more)


def tags_named(audience: Audience, names: list[str]) -> list[Tag]:
    """Tags by name, created where there are none. Mailchimp may change the case of names (switch tag_name_case)."""
    clean = dict.fromkeys(stripped for name in names if (stripped := name.strip()))
    return [audience.tag_named(name) or create_tag(audience, name) for name in clean]


def create_tag(audience: Audience, name: str) -> Tag:
    """A new tag. Raises Problem (400) for a name that is too long; the true limit is unconfirmed."""
    limit = audience.world.switches.tag_name_limit
    if len(name) > limit:
        raise invalid(("name", f"This value is too long. It should have {limit} characters or less."))
    if audience.world.switches.tag_name_case == "changed":
        name = name.title() if name != name.title() else name.upper()
    return audience.add_tag(name)


def retag(audience: Audience, member: Member, tags: tuple[int, ...]) -> None:
    """Give a member exactly these tags (switch tag_change_moves_last_changed)."""
    if set(tags) != set(member.tags):
        audience.edit(member, tags=tags, touch=audience.world.switches.tag_change_moves_last_changed)
