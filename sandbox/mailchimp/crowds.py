"""Generated members that stay numbers until somebody looks at them, so that an audience of millions costs megabytes.

An hour of a crowd is the smallest part that comes to life: pages, lookups and changes then find ordinary members.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator

from sandbox.mailchimp.indexes import HOUR
from sandbox.mailchimp.records import Member, digest_of

FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Giulia", "Hana", "Ivo", "Jo", "Kofi")
LAST_NAMES = ("Abbot", "Bianchi", "Chen", "Duarte", "Eriksen", "Ferrari", "García")
PER_HOUR = 50
_PLACE_BITS = 24  # of an index entry; the other 40 bits are the digest's first


def names_of(number: int) -> tuple[str, str]:
    """The first and last name of a generated person."""
    return FIRST_NAMES[number % 11], LAST_NAMES[number % 7]


class Crowd:
    """``count`` subscribed members, 50 for every hour up to ``last_hour``. ``first`` is the member number of the first.

    ``address`` names them by {number}, from 1 on.
    """

    def __init__(self, first: int, count: int, address: str, last_hour: int) -> None:
        if count >= 1 << _PLACE_BITS:
            raise ValueError(f"A crowd has fewer than {1 << _PLACE_BITS:,} members.")
        self.first = first
        self.count = count
        self._address = address
        self._first_hour = last_hour - (count - 1) // PER_HOUR
        # The beginning of every digest with its member's place, in order: eight bytes a member
        self._index = array("Q", sorted(map(self._entry, range(count))))

    def hours(self) -> Iterator[tuple[int, int]]:
        """Every hour with members, and how many."""
        for start in range(0, self.count, PER_HOUR):
            yield self._first_hour + start // PER_HOUR, min(PER_HOUR, self.count - start)

    def hour_of(self, number: int) -> int:
        """The hour in which the member with this number changed."""
        return self._first_hour + (number - self.first) // PER_HOUR

    def born_in(self, hour: int) -> list[Member]:
        """The members of an hour, none if it has none, by ``last_changed``."""
        start = (hour - self._first_hour) * PER_HOUR
        return [self._member(place) for place in range(max(0, start), min(start + PER_HOUR, self.count))]

    def number_of(self, digest: bytes) -> int | None:
        """The number of the member whose address was made with this hash; None if it is nobody's here."""
        entry = int.from_bytes(digest[:5]) << _PLACE_BITS
        low, high = (bisect.bisect_left(self._index, edge) for edge in (entry, entry + (1 << _PLACE_BITS)))
        for position in range(low, high):
            place = self._index[position] - entry
            if digest_of(self._address_of(place)) == digest:
                return self.first + place
        return None

    def _entry(self, place: int) -> int:
        return int.from_bytes(digest_of(self._address_of(place))[:5]) << _PLACE_BITS | place

    def _address_of(self, place: int) -> str:
        return self._address.format(number=place + 1)

    def _member(self, place: int) -> Member:
        address = self._address_of(place)
        time = self.hour_of(self.first + place) * HOUR + place % PER_HOUR * HOUR // PER_HOUR
        member = Member(self.first + place, address, digest_of(address), "subscribed", time)
        member.values = names_of(place + 1)
        member.source = "Import"
        return member
