"""Audiences: who is on them, in which order pages show them, and what they show when pages lag behind.

Nothing here knows HTTP or Mailchimp's rules; every change of a member goes through ``Audience.edit``, which keeps the
indexes. Times are whole seconds since 1970.
"""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.mailchimp.crowds import Crowd
from sandbox.mailchimp.indexes import HOUR, Timeline
from sandbox.mailchimp.records import Member, MergeField, Tag, digest_of

if TYPE_CHECKING:
    from sandbox.mailchimp.state import Account, World

_SCRAMBLE = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd, so that multiplying by it can be undone
_SPACE = 1 << 128
_MOST = 10**8  # members of one audience


class Audience:
    """A list and everybody on it."""

    def __init__(self, account: Account, list_id: str, web_id: int, name: str) -> None:
        self.account = account
        self.world: World = account.world
        self.id = list_id
        self.web_id = web_id
        self.name = name
        self.double_optin = False
        self.created_at = self.world.now()
        self.fields: dict[str, MergeField] = {}
        self.tags: dict[int, Tag] = {}
        self.forgotten: set[bytes] = set()
        self.refusals: dict[bytes, str] = {}
        self.counts: Counter[str] = Counter()
        self.stats: tuple[int, dict[str, Any]] | None = None
        self._by_digest: dict[bytes, Member] = {}
        self._by_number: list[Member | None] = [None]
        self._crowd: Crowd | None = None
        self._positions = 0
        self._timeline = Timeline(self._unfold)
        self._lagging: dict[Member, Member | None] = {}
        self._due: deque[tuple[float, Member]] = deque()

    # Finding people

    def find(self, key: str) -> Member | None:
        """The member with this subscriber hash, contact_id or plain address (any case); None if there is none."""
        if "@" in key:
            return self.with_digest(digest_of(key))
        try:
            raw = bytes.fromhex(key) if len(key) == 32 else b""
        except ValueError:
            return None
        if found := self.with_digest(raw):
            return found
        number = int.from_bytes(raw) * pow(_SCRAMBLE, -1, _SPACE) % _SPACE - self.web_id * _MOST
        return self._numbered(number) if 0 < number < len(self._by_number) else None

    def with_digest(self, digest: bytes) -> Member | None:
        """The member with this subscriber hash; None if there is none."""
        found = self._by_digest.get(digest)
        if found is None and self._crowd and (number := self._crowd.number_of(digest)) is not None:
            self._timeline.unfold(self._crowd.hour_of(number))
            return self._by_digest.get(digest)
        return found

    def _numbered(self, number: int) -> Member | None:
        if self._crowd and number < self._crowd.first + self._crowd.count:
            self._timeline.unfold(self._crowd.hour_of(number))
        return self._by_number[number]

    def contact_id(self, member: Member) -> str:
        """What stays the same when a member's address changes."""
        return f"{self.member_web_id(member) * _SCRAMBLE % _SPACE:032x}"

    def member_web_id(self, member: Member) -> int:
        """A number no other member of any audience has."""
        return self.web_id * _MOST + member.number

    def everyone(self) -> list[Member]:
        """All members in the order in which they came, archived ones included; a crowd comes to life for it."""
        self._timeline.unfold()
        return [member for member in self._by_number if member]

    # Changing people

    def insert(self, address: str, status: str, **attributes: Any) -> Member:
        """Add a member that is not there yet."""
        now = self.world.now()
        member = Member(len(self._by_number), address, digest_of(address), status, now)
        for name, value in attributes.items():
            setattr(member, name, value)
        self._by_number.append(member)
        self._by_digest[member.digest] = member
        self.counts[status] += 1
        if self.world.switches.visibility_delay:
            self._postpone(member, None)
        else:
            self._file(member)
        return member

    def gather(self, count: int, address: str) -> None:
        """Add a crowd of subscribed members who last changed over the past hours, in an audience without members."""
        if len(self._by_number) > 1:
            raise ValueError("A crowd comes to an audience without members.")
        self._crowd = Crowd(len(self._by_number), count, address, self.world.now() // HOUR - 1)
        self._by_number += [None] * count
        self.counts["subscribed"] += count
        self._timeline.fold("subscribed", list(self._crowd.hours()))

    def _unfold(self, hour: int) -> None:
        for member in self._crowd.born_in(hour) if self._crowd else ():
            self._by_number[member.number] = self._by_digest[member.digest] = member
            self._file(member)

    def edit(self, member: Member, *, touch: bool = True, **changes: Any) -> None:
        """Change attributes of a member; ``touch`` moves ``last_changed``."""
        status, tags = member.status, member.tags
        if self.world.switches.visibility_delay:
            self._postpone(member, copy.copy(member))
        for name, value in changes.items():
            setattr(member, name, value)
        if touch:
            member.last_changed = self.world.now()
        if member.status != status:
            self.counts[status] -= 1
            self.counts[member.status] += 1
            if member.status == "subscribed":
                member.opted = self.world.now()
        if member not in self._lagging:
            self._refile(member, status, tags)

    def move(self, member: Member, address: str) -> None:
        """Give a member another address, which nobody here may have: a new hash, the same contact_id."""
        del self._by_digest[member.digest]
        digest = digest_of(address)
        self._by_digest[digest] = member
        self.edit(member, address=address, digest=digest)

    def remove(self, member: Member) -> None:
        """Take a member out without a trace but its hash (delete-permanent)."""
        self.reveal()
        self._timeline.take(member.status, member, member.shelved)
        for tag_id in member.tags:
            self.tags[tag_id].holders.take(member.status, member)
        self.counts[member.status] -= 1
        self._by_number[member.number] = None
        del self._by_digest[member.digest]
        self.forgotten.add(member.digest)

    # Pages, which may lag behind (visibility_delay)

    def window(
        self, statuses: tuple[str, ...], first: int | None, last: int | None, offset: int, count: int, *, newest: bool
    ) -> tuple[list[Member], int]:
        """One page of members changed in [first, last] by ``last_changed``, as pages show them, and the total."""
        self._catch_up()
        page, total = self._timeline.window(statuses, first, last, offset, count, newest=newest)
        return self._as_shown(page), total

    def selection(self, statuses: tuple[str, ...]) -> list[Member]:
        """Everybody with these statuses, as pages show them."""
        self._catch_up()
        return self._as_shown(self._timeline.everyone(statuses))

    def holders(self, tag: Tag, statuses: tuple[str, ...], offset: int, count: int) -> tuple[list[Member], int]:
        """One page of a tag's holders, as pages show them, and the total."""
        self._catch_up()
        return self._as_shown(tag.holders.listed(statuses)[offset : offset + count]), tag.holders.size(statuses)

    def holder_count(self, tag: Tag, statuses: tuple[str, ...]) -> int:
        """How many hold a tag, as pages show it."""
        self._catch_up()
        return tag.holders.size(statuses)

    def reveal(self) -> None:
        """Let pages show everything now."""
        self._catch_up(everything=True)

    def _catch_up(self, *, everything: bool = False) -> None:
        if not self._due:
            return
        now = self.world.now_exact()
        while self._due and (everything or self._due[0][0] <= now):
            member = self._due.popleft()[1]
            shown = self._lagging.pop(member)
            if shown is None:
                self._file(member)
            else:
                self._refile(member, shown.status, shown.tags)

    def _postpone(self, member: Member, shown: Member | None) -> None:
        if member not in self._lagging:
            self._lagging[member] = shown
            self._due.append((self.world.now_exact() + self.world.switches.visibility_delay, member))

    def _as_shown(self, members: Iterable[Member]) -> list[Member]:
        if not self._lagging:
            return list(members)
        return [self._lagging.get(member) or member for member in members]

    def _file(self, member: Member) -> None:
        member.shelved = member.last_changed
        self._timeline.put(member.status, member, member.shelved)
        for tag_id in member.tags:
            self.tags[tag_id].holders.put(member.status, member, member.last_changed)

    def _refile(self, member: Member, status: str, tags: tuple[int, ...]) -> None:
        if member.shelved != member.last_changed or member.status != status:
            self._timeline.take(status, member, member.shelved)
            member.shelved = member.last_changed
            self._timeline.put(member.status, member, member.shelved)
        moved = member.status != status
        if member.tags is tags and not moved:
            return
        for tag_id in tags:
            tag = self.tags.get(tag_id)
            if tag is None or (tag_id in member.tags and not moved):
                continue
            stamp = tag.holders.take(status, member)
            if tag_id in member.tags:
                tag.holders.put(member.status, member, stamp or self.world.now())
        for tag_id in member.tags:
            if tag_id not in tags and tag_id in self.tags:
                self.tags[tag_id].holders.put(member.status, member, self.world.now())

    # Fields and tags

    def add_field(
        self, tag: str, name: str, kind: str = "text", *, required: bool = False, options: dict[str, Any] | None = None
    ) -> MergeField:
        """Add a merge field; ``tag`` must be new."""
        with self.world.lock:
            field = MergeField(self._positions, tag, name, kind, required=required, options=options or {})
            self._positions += 1
            self.fields[tag] = field
            return field

    def values_of(self, member: Member) -> dict[str, Any]:
        """A member's merge fields by tag: all of them, "" where empty (recorded)."""
        values = member.values
        known = len(values)
        return {tag: values[field.position] if field.position < known else "" for tag, field in self.fields.items()}

    def values_with(self, member_values: Sequence[Any], changes: dict[str, Any]) -> tuple[Any, ...]:
        """Values by position after some fields, by tag, were changed."""
        values = list(member_values) + [""] * (self._positions - len(member_values))
        for tag, value in changes.items():
            values[self.fields[tag].position] = value
        return tuple(values)

    def add_tag(self, name: str, kind: str = "static") -> Tag:
        """Create a tag (or a saved segment) without holders."""
        with self.world.lock:
            tag = Tag(self.world.next_number(), name, kind, self.world.now())
            self.tags[tag.id] = tag
            return tag

    def tag_named(self, name: str) -> Tag | None:
        """The static segment of this name in any case."""
        folded = name.casefold()
        return next((tag for tag in self.tags.values() if tag.kind == "static" and tag.name.casefold() == folded), None)

    def delete_tag(self, tag: Tag) -> None:
        """Delete a tag and take it off everybody."""
        self.reveal()
        for group in tag.holders.groups.values():
            for member in group:
                member.tags = tuple(held for held in member.tags if held != tag.id)
        del self.tags[tag.id]
