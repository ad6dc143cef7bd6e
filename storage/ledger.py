"""What Postino knows of an audience: members, tags and fields, as keyed hashes and bits.

A member's ``tags`` is a bit set over the audience's own tags; ``fields`` packs two short hashes per mapped merge field: ``got``
(what Mailchimp showed) and ``want`` (what was last acknowledged). See ``services.planning`` for what they decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Insert, delete, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import TableClause

from storage.database import insert_for
from storage.models import Ledger, LedgerField, LedgerMember, LedgerTag, TagCount

_CHUNK = 500


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


_COLUMNS = (
    LedgerMember.key,
    LedgerMember.status,
    LedgerMember.changed,
    LedgerMember.tags,
    LedgerMember.fields,
    LedgerMember.acknowledged,
    LedgerMember.run_id,
    LedgerMember.run_class,
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


def claimed_names(session: Session, ledger_id: int) -> dict[str, int | None]:
    """The folded names of all tags Postino claims in an audience, with the destination that owns each."""
    statement = select(LedgerTag.folded_name, LedgerTag.destination_id).where(
        LedgerTag.ledger_id == ledger_id, LedgerTag.folded_name.is_not(None)
    )
    return {name: owner for name, owner in session.execute(statement) if name is not None}


def mark_read(session: Session, ledger_id: int, watermark: datetime, *, in_full: bool) -> None:
    """Note that everything Mailchimp showed up to ``watermark`` (its own clock) is in the ledger."""
    values = {"watermark": watermark} | ({"read_in_full_at": watermark} if in_full else {})
    session.execute(update(Ledger).where(Ledger.id == ledger_id).values(values))


def stream(session: Session, ledger_id: int) -> Iterator[Row]:
    """All members in key order, a few thousand in memory at a time."""
    statement = select(*_COLUMNS).where(LedgerMember.ledger_id == ledger_id).order_by(LedgerMember.key)
    result = session.execute(statement.execution_options(yield_per=5000))
    for batch in result.partitions():
        for key, status, changed, tags, fields, acknowledged, run_id, run_class in batch:
            yield Row(key, status, changed, int.from_bytes(tags, "little"), fields, acknowledged, run_id, run_class)


def members(session: Session, ledger_id: int, keys: Sequence[bytes]) -> dict[bytes, Row]:
    """The members with these keys, as far as they are known."""
    found: dict[bytes, Row] = {}
    for start in range(0, len(keys), _CHUNK):
        statement = select(*_COLUMNS).where(
            LedgerMember.ledger_id == ledger_id, LedgerMember.key.in_(keys[start : start + _CHUNK])
        )
        for key, status, changed, tags, fields, acknowledged, run_id, run_class in session.execute(statement):
            bits = int.from_bytes(tags, "little")
            found[key] = Row(key, status, changed, bits, fields, acknowledged, run_id, run_class)
    return found


def put(session: Session, ledger_id: int, rows: Iterable[Row]) -> None:
    """Insert or replace members. One statement, many rows."""
    iterator = iter(rows)
    statement = _upsert(session)
    while batch := list(islice(iterator, 2000)):
        session.execute(
            statement,
            [row._asdict() | {"ledger_id": ledger_id, "tags": pack_bits(row.tags)} for row in batch],
        )


def _upsert(session: Session) -> Insert:
    table = LedgerMember.__table__
    assert isinstance(table, TableClause)
    statement = insert_for(session, table)
    replaced = {column.key: statement.excluded[column.key] for column in _COLUMNS if column.key != "key"}
    return statement.on_conflict_do_update(index_elements=["ledger_id", "key"], set_=replaced)


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


def counts_by_status(session: Session, ledger_id: int) -> dict[int, int]:
    """How many members the ledger holds in each status."""
    statement = (
        select(LedgerMember.status, func.count())
        .where(LedgerMember.ledger_id == ledger_id)
        .group_by(LedgerMember.status)
    )
    return dict(session.execute(statement).all())


def field_slots(session: Session, ledger_id: int, merge_tags: Iterable[str]) -> dict[str, int]:
    """The slot of each merge field in a member's packed hashes; new fields get the next free slot."""
    slots = dict(
        session.execute(select(LedgerField.merge_tag, LedgerField.slot).where(LedgerField.ledger_id == ledger_id)).all()
    )
    for merge_tag in merge_tags:
        if merge_tag not in slots:
            slots[merge_tag] = len(slots)
            session.add(LedgerField(ledger_id=ledger_id, merge_tag=merge_tag, slot=slots[merge_tag]))
    session.flush()
    return slots


def own_tags(session: Session, ledger_id: int) -> list[LedgerTag]:
    """Every tag that Postino owns in the audience now, by bit."""
    statement = select(LedgerTag).where(LedgerTag.ledger_id == ledger_id, LedgerTag.tag_id.is_not(None))
    return list(session.scalars(statement.order_by(LedgerTag.bit)))


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
