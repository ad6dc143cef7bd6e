"""What people, administrators and other tools do in Mailchimp behind Postino's back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from sandbox.mailchimp import acts
from sandbox.mailchimp.records import STATUSES, Member, digest_of
from storage.models import LedgerTag
from tests.model.town import SEGMENTS, Town

ADDRESSES = tuple(f"a{number}@example.com" for number in range(9))
FRESH = tuple(f"b{number}@example.com" for number in range(6))
"""Addresses that nobody signs up with: only the source comes up with them."""
FOREIGN = "Shop Sync"
FAKE = "{address} looks fake or invalid, please enter a real email address."
LONGEST_LAG = 3600


@dataclass(frozen=True, repr=False)
class ToOne:
    """Something that can happen to a member for whom ``fits`` holds. ``number`` chooses whatever else is to choose."""

    name: str
    fits: Callable[[Town, Member], bool]
    do: Callable[[Town, Member, int], None]

    def __repr__(self) -> str:
        return self.name

    def happen(self, town: Town, number: int) -> None:
        """Let it happen to one of those it can happen to, if there are any."""
        able = [member for member in town.audience.everyone() if self.fits(town, member)]
        if able:
            self.happen_to(town, able[number % len(able)], number)

    def happen_to(self, town: Town, member: Member, number: int) -> None:
        """Let it happen to this one."""
        contact = town.audience.contact_id(member)
        self.do(town, member, number)
        town.counts[self.name] += 1
        town.watch.changed_at[contact] = town.world.now_exact()
        town.watch.begin()


@dataclass(frozen=True, repr=False)
class ToAll:
    """Something that can happen to the audience; ``do`` says whether it could."""

    name: str
    do: Callable[[Town, int], bool]

    def __repr__(self) -> str:
        return self.name

    def happen(self, town: Town, number: int) -> None:
        """Let it happen if it can."""
        if self.do(town, number):
            town.counts[self.name] += 1
            town.watch.begin()


def _is(*statuses: str) -> Callable[[Town, Member], bool]:
    return lambda _town, member: member.status in statuses


def _always(_town: Town, _member: Member) -> bool:
    return True


def _may_be_archived(town: Town, member: Member) -> bool:
    """OPEN WINDOW: whoever is archived before any page has shown them cannot be known, so an insert may revive them."""
    joined = town.joined.get(town.audience.contact_id(member), 0.0)
    return member.status != "archived" and town.world.now_exact() - joined > LONGEST_LAG


def _holds(town: Town, member: Member) -> bool:
    return any(tag in town.watch.own for tag in member.tags)


def _lacks(town: Town, member: Member) -> bool:
    return any(tag in town.audience.tags and tag not in member.tags for tag in town.watch.own)


def _free(town: Town) -> list[str]:
    """Addresses that somebody could sign up with."""
    out = {*town.audience.forgotten, *town.audience.refusals}
    return [one for one in ADDRESSES if digest_of(one) not in out and not town.audience.find(one)]


def _change_address(town: Town, member: Member, number: int) -> None:
    free = _free(town)
    if free:
        town.watch.moved[member.address] = town.audience.contact_id(member)
        town.watch.left.discard(free[number % len(free)])
        if member.address in town.watch.known:
            town.watch.left.add(member.address)
        acts.change_address(town.audience, member.address, free[number % len(free)])
        town.joined[town.audience.contact_id(member)] = town.world.now_exact()


def _put_on(town: Town, member: Member, number: int) -> None:
    free = [tag for tag in town.watch.own if tag in town.audience.tags and tag not in member.tags]
    acts.tag(town.audience, member.address, town.audience.tags[free[number % len(free)]].name)


def _take_off(town: Town, member: Member, number: int) -> None:
    held = [tag for tag in member.tags if tag in town.watch.own]
    acts.untag(town.audience, member.address, town.audience.tags[held[number % len(held)]].name)


def _other_tool(town: Town, member: Member, _number: int) -> None:
    tag = town.audience.tag_named(FOREIGN)
    if tag and tag.id in member.tags:
        acts.untag(town.audience, member.address, FOREIGN)
    else:
        acts.tag(town.audience, member.address, FOREIGN)


def _forget(town: Town, member: Member, _number: int) -> None:
    acts.forget(town.audience, member.address)


TO_ONE = [
    ToOne("unsubscribes", _is("subscribed"), lambda town, one, _: acts.unsubscribe(town.audience, one.address)),
    ToOne("is unsubscribed by an admin", _is("subscribed"),
          lambda town, one, _: acts.unsubscribe(town.audience, one.address, by="admin")),
    ToOne("is cleaned", _is("subscribed"), lambda town, one, _: acts.clean(town.audience, one.address)),
    ToOne("is archived", _may_be_archived, lambda town, one, _: acts.archive(town.audience, one.address)),
    ToOne("is restored", _is("archived"), lambda town, one, _: acts.restore(town.audience, one.address)),
    ToOne("is permanently deleted", _always, _forget),
    ToOne("comes back by the form", _is(*STATUSES[1:]), lambda town, one, _: acts.resubscribe(town.audience, one.address)),
    ToOne("changes the address", _is("subscribed"), _change_address),
    ToOne("a field is edited by hand", _always, lambda town, one, _: acts.edit(town.audience, one.address, FNAME="Hand")),
    ToOne("an unmapped field is edited", _always, lambda town, one, _: acts.edit(town.audience, one.address, PHONE="1")),
    ToOne("our tag is put on by hand", _lacks, _put_on),
    ToOne("our tag is taken off by hand", _holds, _take_off),
    ToOne("another tool tags", _always, _other_tool),
]  # fmt: skip


def _own(town: Town, number: int) -> str | None:
    tags = [tag for segment in SEGMENTS if (tag := town.watch.tag_of(segment))]
    return town.audience.tags[tags[number % len(tags)]].name if tags else None


def _rename(town: Town, number: int) -> bool:
    name = _own(town, number)
    if name is None or town.audience.tag_named(f"{name} renamed"):
        return False
    acts.rename_tag(town.audience, name, f"{name} renamed")
    return True


def _delete(town: Town, number: int) -> bool:
    name = _own(town, number)
    if name is None:
        return False
    acts.delete_tag(town.audience, name)
    return True


def _is_asked_for(town: Town, name: str) -> bool:
    asked = select(LedgerTag.id).where(LedgerTag.asked_for.is_(True), LedgerTag.folded_name == name.casefold())
    with town.postino.database.read() as session:
        return session.scalar(asked) is not None


def _make_again(town: Town, number: int) -> bool:
    """Others delete our tag and make one of their own with the name we use."""
    name = town.watch.tag_names[SEGMENTS[number % len(SEGMENTS)]]
    held = town.audience.tag_named(name)
    if (held and held.id not in town.watch.own) or _is_asked_for(town, name):
        # While Postino has asked for a tag and not heard of it, nobody can tell whose an empty one of that name is.
        return False
    if held:
        acts.delete_tag(town.audience, name)
    acts.add_tag(town.audience, name)
    for member in town.audience.everyone()[:1]:
        acts.tag(town.audience, member.address, name)
    return True


def _join(town: Town, number: int) -> bool:
    free = _free(town)
    if not free:
        return False
    status = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")[number % 5]
    member = acts.add(town.audience, free[number % len(free)], status, FNAME="Form")
    town.joined[town.audience.contact_id(member)] = town.world.now_exact()
    return True


def _refuse(town: Town, number: int) -> bool:
    free = _free(town)
    if not free:
        return False
    acts.refuse(town.audience, free[number % len(free)], FAKE)
    return True


TO_ALL = [
    ToAll("a tag of ours is renamed", _rename),
    ToAll("a tag of ours is deleted", _delete),
    ToAll("a tag of ours is made again by others", _make_again),
    ToAll("somebody joins without us", _join),
    ToAll("an address is refused", _refuse),
]
