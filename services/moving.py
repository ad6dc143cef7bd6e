"""How somebody who left the audience is known again when the same profile has another address.

The ledger remembers with each address the hashes of the profiles that had it. Whom of them the plan would insert under another
address is known only when the whole audience has been looked at, so they are sought on scratch paper behind the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from services.hashing import PROFILE_BYTES
from services.mailing import Status
from services.scratch import Scratch
from services.snapshot import Person

LEFT = frozenset({Status.UNSUBSCRIBED, Status.ARCHIVED, Status.FORGOTTEN, Status.GONE, Status.UNKNOWN})
"""Who stands so is not added under another address before a person decides. Mailchimp does not tell of somebody archived
whether they had unsubscribed; a cleaned address is mended by a new one; the rest have never said no."""
SHARING = 32
"""How many profiles are remembered with one address: what more of them share is nobody's own."""

_MOVED = """
SELECT n, key, profile, address, segments FROM inserts
WHERE substr(profiles, 1, 8) IN (SELECT profile FROM former WHERE has_left = ?)
   OR key IN (SELECT key FROM sharing WHERE profile IN (SELECT profile FROM former WHERE has_left = ?))
ORDER BY n
"""


class Moved(NamedTuple):
    """Somebody who is to be inserted and was a member under another address; ``n`` is the place among the inserts."""

    n: int
    key: bytes
    profile: str
    address: str
    segments: int


def profiles_of(person: Person | None, hash_profile: Callable[[str], bytes]) -> bytes:
    """The hashes of the profiles that have an address now, packed."""
    if person is None:
        return b""
    if not person.others:
        return hash_profile(person.profile)
    return b"".join(map(hash_profile, (person.profile, *person.others[: SHARING - 1])))


def remember(known: bytes, seen: bytes) -> bytes:
    """The profiles that ever had an address, packed; the first ones stay if they are too many."""
    found = dict.fromkeys([*split(known), *split(seen)])
    return known if len(found) == len(known) // PROFILE_BYTES else b"".join(list(found)[:SHARING])


def split(packed: bytes) -> list[bytes]:
    """The hashes of profiles one by one."""
    return [packed[at : at + PROFILE_BYTES] for at in range(0, len(packed), PROFILE_BYTES)]


def moved(scratch: Scratch, *, left: bool) -> Iterator[Moved]:
    """Who among the ``inserts`` has, or shares an address with, a profile noted in ``former``.

    Those who ``left`` under their former address; else those of whom it was not looked at how they stand there.
    """
    if scratch.query("SELECT 1 FROM former WHERE has_left = ? LIMIT 1", (left,)):
        for n, key, profile, address, packed in scratch.query(_MOVED, (left, left)):
            yield Moved(n, key, profile, address, int.from_bytes(packed, "little"))
