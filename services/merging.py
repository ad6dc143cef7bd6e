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

Observation = tuple[bytes, int, int, bytes, str | None]
"""A member as noted on scratch paper: key, status, when it changed, the fields' hashes, the ids of all its tags if known."""


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
    seen: Iterable[Observation],
    holders: Iterable[tuple[bytes, int, str]],
    refused: Iterable[refusals.Row],
    tags: TagMap,
) -> Iterator[Head]:
    """Walk five streams ordered by key at once; of several observations of one key the last counts."""
    next_person, next_row, next_seen, next_holder, next_refusal = (
        partial(next, iter(stream), _AFTER) for stream in (people, rows, seen, holders, refused)
    )
    person, row, observed, holder, refusal = next_person(), next_row(), next_seen(), next_holder(), next_refusal()
    made = tuple.__new__  # makes a named tuple in half the time
    while (key := min(person[0], row[0], observed[0], holder[0], refusal[0])) != _END:
        this_person = this_row = this_seen = this_refusal = None
        held: tuple[tuple[int, str], ...] = ()
        if person[0] == key:
            this_person, person = person, next_person()
        if row[0] == key:
            this_row, row = row, next_row()
        if observed[0] == key:
            while observed[0] == key:
                last, observed = observed, next_seen()
            _, status, changed, got, ids = last
            this_seen = made(Seen, (status, changed, got, None if ids is None else tags.of_ids(ids)))
        while holder[0] == key:
            held, holder = (*held, holder[1:]), next_holder()
        if refusal[0] == key:
            this_refusal, refusal = refusal, next_refusal()
        yield made(Head, (key, this_person, this_row, this_seen, held, this_refusal))


def observations(scratch: Scratch) -> Iterator[Observation]:
    """What Mailchimp showed of members in this run, by key; a later observation comes after an earlier one."""
    return scratch.stream("SELECT key, status, changed, fields, tags FROM seen ORDER BY key, rowid")


def holders(scratch: Scratch) -> Iterator[tuple[bytes, int, str]]:
    """Who holds which of our tags, by position, with the address the tag's page showed."""
    return scratch.stream("SELECT key, tag, address FROM holders ORDER BY key, tag")
