"""Everything known of each person, brought together: five streams walked at once, all in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from services.rules import Seen, TagMap
from services.scratch import Scratch
from services.snapshot import Person
from storage import ledger, refusals

_END = b"\xff" * 17  # behind every key, which has 16 bytes
_AFTER: Any = (_END,)  # what every stream seems to go on with when it has ended


class Head(NamedTuple):
    """Everything known of one key."""

    key: bytes
    person: Person | None
    row: ledger.Row | None
    seen: Seen | None
    held: tuple[tuple[int, str], ...]
    refusal: refusals.Row | None


def merge(
    people: Iterable[Person],
    rows: Iterable[ledger.Row],
    seen: Iterable[tuple[bytes, Seen]],
    holders: Iterable[tuple[bytes, int, str]],
    refused: Iterable[refusals.Row],
) -> Iterator[Head]:
    """Walk five streams ordered by key at once; of several observations of one key the last counts."""
    next_person, next_row, next_seen, next_holder, next_refusal = (
        partial(next, iter(stream), _AFTER) for stream in (people, rows, seen, holders, refused)
    )
    person, row, observed, holder, refusal = next_person(), next_row(), next_seen(), next_holder(), next_refusal()
    while (key := min(person[0], row[0], observed[0], holder[0], refusal[0])) != _END:
        this_person = this_row = this_seen = this_refusal = None
        held: tuple[tuple[int, str], ...] = ()
        if person[0] == key:
            this_person, person = person, next_person()
        if row[0] == key:
            this_row, row = row, next_row()
        while observed[0] == key:
            this_seen, observed = observed[1], next_seen()
        while holder[0] == key:
            held, holder = (*held, holder[1:]), next_holder()
        if refusal[0] == key:
            this_refusal, refusal = refusal, next_refusal()
        # As Head(…) does, in half the time.
        yield tuple.__new__(Head, (key, this_person, this_row, this_seen, held, this_refusal))


def observations(scratch: Scratch, tags: TagMap) -> Iterator[tuple[bytes, Seen]]:
    """What Mailchimp showed of members in this run, by key; a later observation comes after an earlier one."""
    by_id = {tag_id: tags.to_ledger(1 << position) for position, tag_id in tags.ids.items()}
    rows = scratch.stream("SELECT key, status, changed, fields, tags FROM seen ORDER BY key, rowid")
    for key, status, changed, got, held in rows:
        bits = None if held is None else sum(by_id.get(int(tag), 0) for tag in held.split())
        yield key, tuple.__new__(Seen, (status, changed, got, bits))
