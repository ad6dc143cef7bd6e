"""What people and administrators do in Mailchimp itself, without the API: join, leave, bounce, edit, tag, import.

Each takes the world's lock. ``perform`` does the same from JSON, for the control API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.crowds import names_of
from sandbox.mailchimp.records import Member, digest_of
from sandbox.mailchimp.state import World


def add(
    audience: Audience,
    address: str,
    status: str = "subscribed",
    *,
    tags: Iterable[str] = (),
    left_by: str = "",
    **merge_fields: Any,
) -> Member:
    """A member that is there already, with merge fields by tag. ``left_by``: "self" | "api" | "bounce"."""
    with audience.world.lock:
        if audience.find(address):
            raise ValueError(f"{address} is a member already.")
        return audience.insert(
            address,
            status,
            values=audience.values_with((), merge_fields) if merge_fields else (),
            tags=tuple((audience.tag_named(name) or audience.add_tag(name)).id for name in tags),
            left_by=left_by or ("bounce" if status == "cleaned" else "self" if status == "unsubscribed" else ""),
            source="Import",
        )


def _known(audience: Audience, address: str) -> Member:
    if (member := audience.find(address)) is None:
        raise KeyError(address)
    return member


def unsubscribe(audience: Audience, address: str, *, by: str = "self") -> None:
    """``by`` "self": only the person can come back. ``by`` "admin" or "api": the API can subscribe them again."""
    with audience.world.lock:
        audience.edit(_known(audience, address), status="unsubscribed", left_by="self" if by == "self" else "api")


def clean(audience: Audience, address: str) -> None:
    """Mail to the address bounced."""
    with audience.world.lock:
        audience.edit(_known(audience, address), status="cleaned", left_by="bounce")


def archive(audience: Audience, address: str) -> None:
    """An administrator archives the contact; tags and merge fields stay."""
    with audience.world.lock:
        audience.edit(_known(audience, address), status="archived")


def restore(audience: Audience, address: str) -> None:
    """An administrator brings an archived contact back as subscribed."""
    with audience.world.lock:
        audience.edit(_known(audience, address), status="subscribed", left_by="")


def forget(audience: Audience, address: str) -> None:
    """The contact is permanently deleted; the address need not be on the list."""
    with audience.world.lock:
        if member := audience.find(address):
            audience.remove(member)
        else:
            audience.forgotten.add(digest_of(address))


def resubscribe(audience: Audience, address: str) -> None:
    """The person fills in the signup form: works from every state, even forgotten."""
    with audience.world.lock:
        audience.forgotten.discard(digest_of(address))
        if member := audience.find(address):
            audience.edit(member, status="subscribed", left_by="")
        else:
            audience.insert(address, "subscribed", source="Hosted Signup Form")


def change_address(audience: Audience, address: str, new: str) -> None:
    """The person changes the address; nobody may have the new one."""
    with audience.world.lock:
        if audience.find(new):
            raise ValueError("Somebody has the new address.")
        audience.move(_known(audience, address), new)


def edit(audience: Audience, address: str, **merge_fields: Any) -> None:
    """Somebody edits merge fields by hand, unchecked."""
    with audience.world.lock:
        member = _known(audience, address)
        audience.edit(member, values=audience.values_with(member.values, merge_fields))


def refuse(audience: Audience, address: str, text: str) -> None:
    """Every write of this address is refused with ``text``, which may name {address}."""
    with audience.world.lock:
        audience.refusals[digest_of(address)] = text


def add_tag(audience: Audience, name: str) -> int:
    """An empty tag; returns its id, also if it was there."""
    with audience.world.lock:
        return (audience.tag_named(name) or audience.add_tag(name)).id


def tag(audience: Audience, address: str, name: str) -> None:
    """Put a tag on a member, whatever the status."""
    with audience.world.lock:
        member, tag_id = _known(audience, address), add_tag(audience, name)
        touch = audience.world.switches.tag_change_moves_last_changed
        audience.edit(member, tags=tuple(dict.fromkeys((*member.tags, tag_id))), touch=touch)


def untag(audience: Audience, address: str, name: str) -> None:
    """Take a tag off a member."""
    with audience.world.lock:
        member, held = _known(audience, address), audience.tag_named(name)
        if held is None:
            raise KeyError(name)
        touch = audience.world.switches.tag_change_moves_last_changed
        audience.edit(member, tags=tuple(each for each in member.tags if each != held.id), touch=touch)


def rename_tag(audience: Audience, name: str, new: str) -> None:
    """Rename a tag; its id stays."""
    with audience.world.lock:
        if (held := audience.tag_named(name)) is None:
            raise KeyError(name)
        held.name, held.updated_at = new, audience.world.now()


def delete_tag(audience: Audience, name: str) -> None:
    """Delete a tag."""
    with audience.world.lock:
        if (held := audience.tag_named(name)) is None:
            raise KeyError(name)
        audience.delete_tag(held)


def reveal(audience: Audience) -> None:
    """Pages that lag behind (switch visibility_delay) show everything now."""
    with audience.world.lock:
        audience.reveal()


def preload(
    audience: Audience,
    count: int,
    *,
    first: int = 1,
    address: str = "person{number}@example.com",
    status: str = "subscribed",
    tags: Iterable[str] = (),
    days: int = 30,
) -> None:
    """Many members at once: numbers ``first`` on, last changed evenly over the past ``days``."""
    with audience.world.lock:
        held = tuple(add_tag(audience, name) for name in tags)
        begin, step = audience.world.now() - days * 86400, days * 86400 / max(1, count)
        for position in range(count):
            number = first + position
            time = int(begin + position * step)
            audience.insert(
                address.format(number=number),
                status,
                values=names_of(number),
                tags=held,
                left_by="bounce" if status == "cleaned" else "self" if status == "unsubscribed" else "",
                last_changed=time,
                opted=time,
                source="Import",
            )
        audience.stats = None


def crowd(audience: Audience, count: int, *, address: str = "person{number}@example.com") -> None:
    """Millions of subscribed members in an audience that has none, at some bytes each until somebody looks at them.

    They hold no tags. Counts, pages and single members are as if they were all there; ``dump`` brings all to life.
    """
    with audience.world.lock:
        audience.gather(count, address)
        audience.stats = None


def dump(audience: Audience, offset: int = 0, count: int = 10_000) -> list[dict[str, Any]]:
    """Members as they truly are, archived ones included, in the order in which they came."""
    with audience.world.lock:
        return [
            {
                "email_address": member.address,
                "status": member.status,
                "left_by": member.left_by,
                "merge_fields": audience.values_of(member),
                "tags": [audience.tags[tag_id].name for tag_id in member.tags],
                "last_changed": member.last_changed,
                "contact_id": audience.contact_id(member),
            }
            for member in audience.everyone()[offset : offset + count]
        ]


ACTS: dict[str, Callable[..., Any]] = {
    act.__name__: act
    for act in (
        add, unsubscribe, clean, archive, restore, forget, resubscribe, change_address, edit, refuse, add_tag, tag,
        untag, rename_tag, delete_tag, reveal, preload, crowd,
    )
}  # fmt: skip


def perform(world: World, audience_id: str, do: str, arguments: dict[str, Any]) -> None:
    """One act by name. Raises ValueError for an unknown act or wrong arguments, KeyError for what is not there."""
    if do not in ACTS:
        raise ValueError(f"An act is one of {', '.join(ACTS)}.")
    try:
        ACTS[do](world.audience(audience_id), **arguments)
    except TypeError as error:
        raise ValueError(str(error)) from None
