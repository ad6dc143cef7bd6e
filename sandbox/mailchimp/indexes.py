"""Ordered, countable groups of members: the holders of a tag, and who changed when.

Both answer "page N of those with these statuses" without looking at everybody.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.mailchimp.records import Member

HOUR = 3600


class Shelf:
    """Members by status, each with a stamp (seconds since 1970). Within a status they stand in the order of arrival."""

    __slots__ = ("_cached", "_disordered", "groups")

    def __init__(self) -> None:
        self.groups: dict[str, dict[Member, int]] = {}
        self._cached: dict[tuple[str, ...], list[Member]] = {}
        self._disordered: set[str] = set()

    def put(self, status: str, member: Member, stamp: int) -> None:
        """Add a member, which must not be here yet."""
        group = self.groups.get(status)
        if group is None:
            group = self.groups[status] = {}
        elif group and stamp < group[next(reversed(group))]:
            self._disordered.add(status)
        group[member] = stamp
        if self._cached:
            self._cached.clear()

    def take(self, status: str, member: Member) -> int | None:
        """Take a member away and return its stamp; None if it was not here."""
        if self._cached:
            self._cached.clear()
        return self.groups.get(status, {}).pop(member, None)

    def stamp(self, status: str, member: Member) -> int | None:
        """A member's stamp; None if it is not here."""
        return self.groups.get(status, {}).get(member)

    def size(self, statuses: Sequence[str]) -> int:
        """How many members have one of these statuses."""
        return sum(len(self.groups.get(status, ())) for status in statuses)

    def listed(self, statuses: tuple[str, ...]) -> list[Member]:
        """Members with these statuses, status by status. The list is shared: do not change it."""
        if (found := self._cached.get(statuses)) is None:
            found = list(chain.from_iterable(self.groups.get(status, ()) for status in statuses))
            self._cached[statuses] = found
        return found

    def by_stamp(self, statuses: tuple[str, ...]) -> list[Member]:
        """Members with these statuses, oldest stamp first. The list is shared: do not change it."""
        if (found := self._cached.get(("by stamp", *statuses))) is None:
            groups = [group for status in statuses if (group := self.groups.get(status))]
            if len(groups) == 1 and not self._disordered.intersection(statuses):
                found = list(groups[0])
            else:
                stamps = {member: stamp for group in groups for member, stamp in group.items()}
                found = sorted(stamps, key=lambda member: (stamps[member], member.number))
            self._cached["by stamp", *statuses] = found
        return found


class Timeline:
    """All members of an audience by ``last_changed``, one shelf an hour.

    An hour can be folded: only how many changed in it is known, until ``unfold(hour)`` has put them.
    """

    def __init__(self, unfold: Callable[[int], None]) -> None:
        self._shelves: dict[int, Shelf] = {}
        self._hours: list[int] = []
        self._folded: dict[int, tuple[str, int]] = {}
        self._unfold = unfold

    def fold(self, status: str, hours: Sequence[tuple[int, int]]) -> None:
        """Say how many with this status changed in which hours; nobody else may have changed in one of them."""
        self._folded |= {hour: (status, count) for hour, count in hours}
        self._hours = sorted({*self._hours, *self._folded})

    def unfold(self, hour: int | None = None) -> None:
        """Bring the members of an hour to life, or those of all; nothing happens to an hour that is not folded."""
        for each in [hour] if hour is not None else list(self._folded):
            if self._folded.pop(each, None):
                self._shelves[each] = Shelf()
                self._unfold(each)

    def put(self, status: str, member: Member, changed: int) -> None:
        """Add a member that changed at ``changed``."""
        hour = changed // HOUR
        self.unfold(hour)
        shelf = self._shelves.get(hour)
        if shelf is None:
            shelf = self._shelves[hour] = Shelf()
            bisect.insort(self._hours, hour)
        shelf.put(status, member, changed)

    def take(self, status: str, member: Member, changed: int) -> None:
        """Take a member away, under the status and time it was put with."""
        if (shelf := self._shelves.get(changed // HOUR)) is not None:
            shelf.take(status, member)

    def window(
        self, statuses: tuple[str, ...], first: int | None, last: int | None, offset: int, count: int, *, newest: bool
    ) -> tuple[list[Member], int]:
        """One page of those that changed in [first, last], and how many there are in all.

        Oldest first, or newest first. Nothing is sorted but an hour that is shown.
        """
        total = 0
        page: list[Member] = []
        for hour in self._between(first, last, newest=newest):
            size = self._size(hour, statuses)
            cut = (first is not None and hour * HOUR < first) or (last is not None and (hour + 1) * HOUR > last)
            if not size or (not cut and (len(page) == count or offset >= total + size)):
                total += size
                continue
            self.unfold(hour)
            members = self._shelves[hour].by_stamp(statuses)
            low, high = _cut(members, first, last) if cut else (0, size)
            start = max(0, offset - total)
            wanted = count - len(page)
            if newest:
                page += members[low:high][::-1][start : start + wanted]
            else:
                page += members[low + start : min(high, low + start + wanted)]
            total += high - low
        return page, total

    def everyone(self, statuses: tuple[str, ...]) -> Iterator[Member]:
        """All members with these statuses, oldest change first."""
        self.unfold()
        for hour in self._hours:
            yield from self._shelves[hour].by_stamp(statuses)

    def _size(self, hour: int, statuses: tuple[str, ...]) -> int:
        if hour in self._folded:
            status, count = self._folded[hour]
            return count if status in statuses else 0
        return self._shelves[hour].size(statuses)

    def _between(self, first: int | None, last: int | None, *, newest: bool) -> Sequence[int]:
        low = 0 if first is None else bisect.bisect_left(self._hours, first // HOUR)
        high = len(self._hours) if last is None else bisect.bisect_right(self._hours, last // HOUR)
        hours = self._hours[low:high]
        return hours[::-1] if newest else hours


def _cut(members: list[Member], first: int | None, last: int | None) -> tuple[int, int]:
    """The part of a list in order of time that lies in [first, last]."""
    low = 0 if first is None else bisect.bisect_left(members, first, key=lambda member: member.shelved)
    high = len(members) if last is None else bisect.bisect_right(members, last, key=lambda member: member.shelved)
    return low, max(low, high)
