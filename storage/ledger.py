"""What Postino knows of an audience: members, tags and fields, as keyed hashes and bits.

A member's ``tags`` is a bit set over the audience's own tags; ``fields`` packs two short hashes per mapped merge field: ``got``
(what Mailchimp showed) and ``want`` (what was last acknowledged). ``profiles`` packs the hashes of the profiles that had the
address. See ``services.planning`` for what they decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from storage.database import insert_for
from storage.models import (
    AddressDecision,
    Json,
    Ledger,
    LedgerField,
    LedgerMember,
    LedgerTag,
    Refusal,
    TagCount,
)

_CHUNK = 500
_SETS = 1_000  # sets of tags whose bytes are remembered: most people share a few
_STREAMED = 5_000


class Row(NamedTuple):
    """One member as the ledger holds it; the columns of ``LedgerMember`` without the ledger's id."""

    key: bytes
    status: int
    changed: int
    tags: int
    fields: bytes
    acknowledged: int
    run_id: int
    run_class: int
    owner: int = 0
    profiles: bytes = b""


_NAMES = ", ".join(Row._fields)
_COLUMNS = (
    LedgerMember.key,
    LedgerMember.status,
    LedgerMember.changed,
    LedgerMember.tags,
    LedgerMember.fields,
    LedgerMember.acknowledged,
    LedgerMember.run_id,
    LedgerMember.run_class,
    LedgerMember.owner,
    LedgerMember.profiles,
)


def open_ledger(session: Session, account_id: str, audience_id: str) -> Ledger:
    """The audience's ledger, made on first use."""
    ledger = find(session, account_id, audience_id)
    if ledger is None:
        ledger = Ledger(account_id=account_id, audience_id=audience_id)
        session.add(ledger)
        session.flush()
    return ledger


def find(session: Session, account_id: str, audience_id: str) -> Ledger | None:
    """The audience's ledger, if it was ever opened."""
    return session.scalar(select(Ledger).where(Ledger.account_id == account_id, Ledger.audience_id == audience_id))


def keep_who_left(session: Session, ledger_id: int, subscribed: int) -> None:
    """Delete what is known of an audience but for who does not stand as ``subscribed``, whose addresses those were, and what
    was decided about them: as long as anybody does, nobody is taken for new who is not."""
    for table in (LedgerTag, LedgerField, Refusal):
        session.execute(delete(table).where(table.ledger_id == ledger_id))
    theirs = LedgerMember.ledger_id == ledger_id
    session.execute(delete(LedgerMember).where(theirs, LedgerMember.status == subscribed))
    nothing = {"tags": b"", "fields": b"", "acknowledged": 0, "run_id": 0, "run_class": 0, "owner": 0}
    session.execute(update(LedgerMember).where(theirs).values(nothing))
    session.execute(update(Ledger).where(Ledger.id == ledger_id).values(watermark=None, read_in_full_at=None))
    kept = exists().where(theirs), exists().where(AddressDecision.ledger_id == ledger_id)
    session.execute(delete(Ledger).where(Ledger.id == ledger_id, ~or_(*kept)))


def claimed_names(session: Session, ledger_id: int) -> dict[str, int | None]:
    """The folded names of all tags Postino claims in an audience, with the destination that owns each."""
    statement = select(LedgerTag.folded_name, LedgerTag.destination_id).where(
        LedgerTag.ledger_id == ledger_id, LedgerTag.folded_name.is_not(None)
    )
    return {name: owner for name, owner in session.execute(statement) if name is not None}


def claimed_ids(session: Session, ledger_id: int) -> dict[int, str]:
    """Mailchimp's ids of all tags Postino claims in an audience, each with the folded name under which it was claimed."""
    statement = select(LedgerTag.tag_id, LedgerTag.folded_name).where(
        LedgerTag.ledger_id == ledger_id, LedgerTag.tag_id.is_not(None), LedgerTag.folded_name.is_not(None)
    )
    return {tag_id: name for tag_id, name in session.execute(statement) if tag_id is not None and name is not None}


def mark_read(
    session: Session, ledger_id: int, watermark: datetime, *, in_full: bool, uncounted: Json | None = None
) -> None:
    """Note that everything Mailchimp showed up to ``watermark`` (its own clock) is in the ledger.

    ``uncounted`` are the members who are not kept, by status, where they were counted.
    """
    values: Json = {"watermark": watermark} | ({"read_in_full_at": watermark} if in_full else {})
    if uncounted is not None:
        values["uncounted"] = uncounted
    session.execute(update(Ledger).where(Ledger.id == ledger_id).values(values))


def stream(session: Session, ledger_id: int) -> Iterator[Row]:
    """All members in key order, a few thousand in memory at a time."""
    # Written out, because what SQLAlchemy does to each value of a typed column takes longer than reading a million rows.
    statement = text(f"SELECT {_NAMES} FROM ledger_members WHERE ledger_id = :ledger ORDER BY key")  # noqa: S608 - our own names
    result = session.execute(statement.execution_options(yield_per=_STREAMED), {"ledger": ledger_id})
    for batch in result.partitions(_STREAMED):  # which fetches row by row unless it is told
        for key, status, changed, tags, fields, acknowledged, run_id, run_class, owner, profiles in batch:
            bits = int.from_bytes(tags, "little")
            # As Row(…) does, in half the time.
            yield tuple.__new__(
                Row, (key, status, changed, bits, fields, acknowledged, run_id, run_class, owner, profiles)
            )


def members(session: Session, ledger_id: int, keys: Sequence[bytes]) -> dict[bytes, Row]:
    """The members with these keys, as far as they are known."""
    found: dict[bytes, Row] = {}
    for start in range(0, len(keys), _CHUNK):
        statement = select(*_COLUMNS).where(
            LedgerMember.ledger_id == ledger_id, LedgerMember.key.in_(keys[start : start + _CHUNK])
        )
        for key, status, changed, tags, *others in session.execute(statement):
            found[key] = Row(key, status, changed, int.from_bytes(tags, "little"), *others)
    return found


class Lately(NamedTuple):
    """Members of one audience as the ledger counts them: archived ones apart, and how many were written to lately."""

    members: int
    archived: int
    written: int


def lately(
    session: Session, account_id: str, since: datetime, absent: Collection[int], archived: int
) -> dict[str, Lately]:
    """The members of each of an account's audiences, by audience id, without those whose status is one of ``absent``."""
    statement = (
        select(
            Ledger.audience_id,
            func.count().filter(LedgerMember.status != archived),
            func.count().filter(LedgerMember.status == archived),
            func.count().filter(LedgerMember.acknowledged > since.timestamp()),
        )
        .join(LedgerMember, LedgerMember.ledger_id == Ledger.id)
        .where(Ledger.account_id == account_id, LedgerMember.status.not_in(absent))
        .group_by(Ledger.audience_id)
    )
    return {audience_id: Lately(*counts) for audience_id, *counts in session.execute(statement)}


def keys_but(session: Session, ledger_id: int, status: int) -> set[bytes]:
    """The keys of all members who stand in another status."""
    statement = select(LedgerMember.key).where(LedgerMember.ledger_id == ledger_id, LedgerMember.status != status)
    return set(session.scalars(statement))


def profiles_of(session: Session, ledger_id: int, statuses: Collection[int]) -> list[bytes]:
    """The hashes of the profiles that members in these states had, packed for each."""
    those = LedgerMember.status.in_(statuses), LedgerMember.profiles != b""
    return list(session.scalars(select(LedgerMember.profiles).where(LedgerMember.ledger_id == ledger_id, *those)))


def written(session: Session, ledger_id: int, run_id: int, run_class: int) -> set[bytes]:
    """The members whom a run has put into a class."""
    of_the_run = LedgerMember.run_id == run_id, LedgerMember.run_class == run_class
    return set(session.scalars(select(LedgerMember.key).where(LedgerMember.ledger_id == ledger_id, *of_the_run)))


def put(session: Session, ledger_id: int, rows: Iterable[Row]) -> None:
    """Insert or replace members. One statement, many rows."""
    # By the driver itself: a million rows spend more time in SQLAlchemy's parameters than in the table.
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * (len(Row._fields) + 1))
    taken_over = ", ".join(f"{name} = excluded.{name}" for name in Row._fields[1:])
    statement = (
        f"INSERT INTO ledger_members (ledger_id, {_NAMES}) VALUES ({marks}) "  # noqa: S608 - our own names
        f"ON CONFLICT (ledger_id, key) DO UPDATE SET {taken_over}"
    )
    connection = session.connection()
    iterator = iter(rows)
    while batch := list(islice(iterator, 2000)):
        connection.exec_driver_sql(
            statement,
            [
                (ledger_id, row[0], int(row[1]), row[2], pack_bits(row[3]), *row[4:7], int(row[7]), row[8], row[9])
                for row in batch
            ],
        )


@lru_cache(_SETS)
def pack_bits(bits: int) -> bytes:
    """A bit set as the shortest little-endian bytes."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def remove(session: Session, ledger_id: int, keys: Sequence[bytes]) -> None:
    """Forget members that are not in the audience any more."""
    for start in range(0, len(keys), _CHUNK):
        session.execute(
            delete(LedgerMember).where(
                LedgerMember.ledger_id == ledger_id, LedgerMember.key.in_(keys[start : start + _CHUNK])
            )
        )


def field_slots(session: Session, ledger_id: int, merge_tags: Iterable[str]) -> dict[str, int]:
    """The slot of each merge field in a member's packed hashes; new fields get the next free slot.

    What the members have in a new one tells only a full reading, so nothing counts as read until one has succeeded.
    """
    slots = dict(
        session.execute(select(LedgerField.merge_tag, LedgerField.slot).where(LedgerField.ledger_id == ledger_id)).all()
    )
    for merge_tag in merge_tags:
        if merge_tag not in slots:
            slots[merge_tag] = len(slots)
            session.add(LedgerField(ledger_id=ledger_id, merge_tag=merge_tag, slot=slots[merge_tag]))
            session.execute(update(Ledger).where(Ledger.id == ledger_id).values(watermark=None))
    session.flush()
    return slots


def claim_tag(
    session: Session, ledger_id: int, destination_id: int, segment: str, tag_id: int | None, name: str
) -> LedgerTag:
    """Record that the destination owns the tag, before it exists or after.

    Raises IntegrityError if another destination owns the id or the name.
    """
    highest = session.scalar(select(func.max(LedgerTag.bit)).where(LedgerTag.ledger_id == ledger_id))
    tag = LedgerTag(
        ledger_id=ledger_id,
        destination_id=destination_id,
        segment=segment,
        bit=0 if highest is None else highest + 1,
        tag_id=tag_id,
        name=name,
        folded_name=fold(name),
    )
    session.add(tag)
    session.flush()
    return tag


def release_tag(session: Session, tag: LedgerTag) -> None:
    """Give a tag up: its bit stays used for ever, its id and name are free again."""
    tag.tag_id, tag.folded_name, tag.destination_id = None, None, None
    session.flush()


def leave_tag(session: Session, tag: LedgerTag) -> None:
    """Note that the segment of a tag left its destination: the name is free again, whose tag it is stays known."""
    tag.folded_name = None
    session.flush()


def left_tags(session: Session, destination_id: int) -> list[LedgerTag]:
    """The tags a destination made for segments that have left it, the oldest first."""
    statement = select(LedgerTag).where(
        LedgerTag.destination_id == destination_id, LedgerTag.tag_id.is_not(None), LedgerTag.folded_name.is_(None)
    )
    return list(session.scalars(statement.order_by(LedgerTag.bit)))


def become(session: Session, tag: LedgerTag, tag_id: int, name: str) -> None:
    """Note which tag of the audience this one is. Whoever left that behind has it no more.

    Raises IntegrityError if another destination owns it.
    """
    left = select(LedgerTag).where(
        LedgerTag.ledger_id == tag.ledger_id, LedgerTag.tag_id == tag_id, LedgerTag.folded_name.is_(None)
    )
    for former in session.scalars(left):
        release_tag(session, former)
    tag.tag_id, tag.name = tag_id, name
    session.flush()


def fold(tag_name: str) -> str:
    """How tag names are compared: Mailchimp may change their case."""
    return " ".join(tag_name.split()).casefold()


def note_holders(session: Session, tag_row_id: int, day: date, holders: int) -> None:
    """Keep the day's highest number of holders of a tag, and no day older than a week."""
    statement = insert_for(session, TagCount).values(ledger_tag_id=tag_row_id, day=day.isoformat(), holders=holders)
    higher = statement.excluded.holders > TagCount.holders
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["ledger_tag_id", "day"], set_={"holders": statement.excluded.holders}, where=higher
        )
    )
    oldest = (day - timedelta(days=7)).isoformat()
    session.execute(delete(TagCount).where(TagCount.ledger_tag_id == tag_row_id, TagCount.day < oldest))


def highest_holders(session: Session, tag_row_id: int) -> int:
    """The highest number of holders of the tag in the last seven days, 0 if never seen."""
    return session.scalar(select(func.max(TagCount.holders)).where(TagCount.ledger_tag_id == tag_row_id)) or 0
