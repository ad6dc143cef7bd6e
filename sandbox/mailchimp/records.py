"""Merge fields, members and tags as plain objects, small enough for a million. Times are seconds since 1970."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.mailchimp.indexes import Shelf

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")
FIELD_TYPES = (
    "text",
    "number",
    "address",
    "phone",
    "date",
    "url",
    "imageurl",
    "radio",
    "dropdown",
    "birthday",
    "zip",
)


class MergeField:
    """A merge field. ``position`` is its place in every member's values and never changes."""

    __slots__ = (
        "default_value", "display_order", "help_text", "merge_id", "name", "options", "position", "public", "required",
        "tag", "type",
    )  # fmt: skip

    def __init__(
        self, position: int, tag: str, name: str, kind: str, *, required: bool, options: dict[str, Any]
    ) -> None:
        self.position = position
        self.merge_id = self.display_order = position + 1
        self.tag = tag
        self.name = name
        self.type = kind
        self.required = required
        self.options = options
        self.default_value = self.help_text = ""
        self.public = False


class Member:
    """One contact of one audience. ``left_by`` tells who ended a subscription: "" | "self" | "api" | "bounce".

    ``values`` are merge field values by position and may be shorter than there are fields; ``tags`` are ids.
    ``shelved`` is the ``last_changed`` it stands under in the timeline. ``extras`` holds what few members have.
    """

    __slots__ = (
        "address", "digest", "extras", "ip_opt", "last_changed", "left_by", "number", "opted", "shelved", "source",
        "status", "tags", "values",
    )  # fmt: skip

    def __init__(self, number: int, address: str, digest: bytes, status: str, now: int) -> None:
        self.number = number
        self.address = address
        self.digest = digest
        self.status = status
        self.values: tuple[Any, ...] = ()
        self.tags: tuple[int, ...] = ()
        self.last_changed = self.shelved = now
        self.opted = now if status == "subscribed" else 0
        self.left_by = ""
        self.source = "API - Generic"
        self.ip_opt = ""
        self.extras: dict[str, Any] | None = None


class Tag:
    """A static segment (that is, a tag) or, with ``kind`` "saved", a segment that Mailchimp computes."""

    __slots__ = ("created_at", "holders", "id", "kind", "name", "updated_at")

    def __init__(self, tag_id: int, name: str, kind: str, now: int) -> None:
        self.id = tag_id
        self.name = name
        self.kind = kind
        self.created_at = self.updated_at = now
        self.holders = Shelf()


def digest_of(address: str) -> bytes:
    """The subscriber hash, md5 of the address in lower case, as bytes."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).digest()
