"""What can be switched while the local Mailchimp runs: reactions nobody has confirmed, delays, limits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, get_type_hints


def _switch(default: Any, fact: str, *choices: str) -> Any:
    return dataclasses.field(default=default, metadata={"fact": fact, "choices": choices})


@dataclass(slots=True)
class Switches:
    """Every switch with its default; ``describe()`` tells the fact behind each.

    Seconds are real ones, except for ``visibility_delay`` and ``stats_delay``, which follow the world's clock.
    """

    archived_in_plain_list: bool = _switch(
        False, "A list without status may or may not include archived members; unconfirmed."
    )
    window_edges: str = _switch(
        "exclusive",
        "since/before_last_changed restrict to changes after/before a time; whether that very second counts is "
        "unconfirmed. The default is the specification's wording.",
        "exclusive",
        "inclusive",
    )
    epoch_since_hangs: bool = _switch(True, "since_last_changed at 1970 hangs (reported).")
    omitted_status: str = _switch(
        "kept",
        "Bulk with update_existing and without a status: the status is kept, set to subscribed, or the member refused; "
        "unconfirmed.",
        "kept",
        "subscribed",
        "refused",
    )
    status_if_new_in_bulk: bool = _switch(True, "status_if_new in the bulk call, used by one connector; unconfirmed.")
    bulk_tags: str = _switch(
        "honoured",
        "Tags in the bulk call stand in no specification; connectors rely on them. Exact semantics unconfirmed.",
        "honoured",
        "ignored",
        "new_only",
    )
    archived_insert: str = _switch(
        "revived",
        "Bulk insert (update_existing false) of an archived member; unconfirmed. POST members revives it (recorded). "
        "The worst case: even somebody who unsubscribed before being archived.",
        "revived",
        "exists",
        "compliance",
    )
    duplicates: str = _switch(
        "all_refused",
        "An address twice in one bulk call is an error for that address; whether the first counts is unconfirmed.",
        "all_refused",
        "first_kept",
    )
    duplicates_text: str = _switch(
        "Duplicate items found for the email: {address}", "The text for duplicates in one call is unconfirmed."
    )
    segment_add_of_suppressed: str = _switch(
        "error",
        "Adding unsubscribed, cleaned or archived members to a static segment yields errors or is ignored; "
        "unconfirmed.",
        "error",
        "ignored",
        "added",
    )
    segment_add_of_holder: str = _switch(
        "shown",
        "Whether members_added shows an address that had the tag already is unconfirmed.",
        "shown",
        "left_out",
    )
    archived_in_segment_members: bool = _switch(
        False, "Segment members have flags for cleaned, transactional and unsubscribed only."
    )
    tag_change_moves_last_changed: bool = _switch(False, "Whether a tag change moves last_changed is unconfirmed.")
    tag_name_case: str = _switch("kept", "Mailchimp may change the case of tag names.", "kept", "changed")
    tag_name_limit: int = _switch(100, "The longest tag name, 50 or 100 characters, is unconfirmed.")
    long_merge_value: str = _switch(
        "truncate", "Over 255 bytes: error or truncation, unconfirmed.", "truncate", "error"
    )
    refused_values: str = _switch(
        "", "A pattern for values of any field that are refused: beyond types, Mailchimp's own rules are unknown."
    )
    merge_field_limit: int = _switch(30, "30 merge fields per audience, 80 on Premium.")
    visibility_delay: float = _switch(0.0, "Seconds (0 to 3600) that pages of members and segments lag behind.")
    stats_delay: float = _switch(300.0, "Seconds that counts of an audience are cached; at least five minutes.")
    deep_offset_slowdown: float = _switch(0.0, "Seconds added per 100,000 of offset; deep offsets slow down.")
    latency_read: float = _switch(0.0, "Seconds for each read. Single-member calls took 0.36 s.")
    latency_write: float = _switch(0.0, "Seconds for each single write. Single-member calls took 0.36 s.")
    latency_bulk: float = _switch(0.0, "Seconds for each bulk or segment call; real latency unconfirmed, 2 to 10 s.")
    latency_member: float = _switch(0.0, "Seconds for each member in a bulk or segment call; about 0.005.")
    server_timeout: float = _switch(120.0, "Seconds after which the CDN answers 502 with HTML.")
    connection_limit: int = _switch(10, "Simultaneous connections per account, over all keys; cannot be raised.")
    ghost_seconds: float = _switch(120.0, "Seconds an abandoned call still counts as open after the client left.")
    over_limit_answer: str = _switch(
        "429",
        "Over the connection limit: 429; at very high volume 429 or 403 without JSON; HTML from the CDN.",
        "429",
        "429_bare",
        "403_bare",
        "502_html",
    )
    wrong_datacenter: str = _switch("401", "The wrong data centre answers 401 or 403.", "401", "403")
    contact_limit: int = _switch(250, "Contacts the plan allows; used when contact_limit_mode is not none.")
    contact_limit_mode: str = _switch(
        "none",
        "Over the plan's contacts: paid plans bill silently (none). 403 and error_generic are INVENTIONS: no source "
        "documents an API error.",
        "none",
        "403",
        "error_generic",
    )
    fake_addresses: str = _switch(
        r"@(.+\.)?invalid$", "A pattern for addresses that 'look fake or invalid'. Mailchimp's own rule is unknown."
    )

    def set(self, **changes: Any) -> None:
        """Change switches by name, all or none. Raises ValueError for an unknown one or a value it cannot have."""
        known = {each.name: each for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"There is no switch {name!r}.")
            choices = known[name].metadata["choices"]
            if choices and value not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}.")
            kind = type(known[name].default)
            wrong_type = isinstance(value, bool) != (kind is bool) or not isinstance(
                value, (int, float) if kind is float else kind
            )
            if wrong_type:
                raise ValueError(f"{name} is a {kind.__name__}.")
        for name, value in changes.items():
            setattr(self, name, value)

    def values(self) -> dict[str, Any]:
        """Every switch as it is now."""
        return dataclasses.asdict(self)

    @classmethod
    def describe(cls) -> list[dict[str, Any]]:
        """Every switch: name, type, default, choices and the fact behind it."""
        hints = get_type_hints(cls)
        return [
            {
                "name": each.name,
                "type": hints[each.name].__name__,
                "default": each.default,
                "choices": list(each.metadata["choices"]),
                "fact": each.metadata["fact"],
            }
            for each in dataclasses.fields(cls)
        ]
