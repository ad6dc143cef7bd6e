"""Whom Mailchimp refused, for which value and until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from storage.database import insert_for
from storage.models import LedgerMember, Refusal

VALUE_BYTES = 8
VALUES = 8
"""How many values are remembered with one person: destinations that map other fields send other values."""


class Row(NamedTuple):
    """One refusal; ``until`` None means as long as the value stays the same. ``value_hash`` packs those that were refused."""

    key: bytes
    value_hash: bytes
    reason: str
    until: datetime | None

    def values(self) -> list[bytes]:
        """The hashes of all values that were refused, the last one first."""
        return [self.value_hash[at : at + VALUE_BYTES] for at in range(0, len(self.value_hash), VALUE_BYTES)]


def stream(session: Session, ledger_id: int) -> Iterator[Row]:
    """All refusals of an audience in key order."""
    statement = (
        select(Refusal.key, Refusal.value_hash, Refusal.reason, Refusal.until)
        .where(Refusal.ledger_id == ledger_id)
        .order_by(Refusal.key)
    )
    for row in session.execute(statement.execution_options(yield_per=5000)):
        yield Row(*row)


def remember(session: Session, ledger_id: int, rows: Iterable[Row]) -> None:
    """Insert or replace refusals; values that were refused before for the same reason are remembered as well."""
    rows = list(rows)
    before = _of(session, ledger_id, [row.key for row in rows])
    rows = [_together(row, before.get(row.key)) for row in rows]
    statement = insert_for(session, Refusal)
    upsert = statement.on_conflict_do_update(
        index_elements=["ledger_id", "key"],
        set_={name: statement.excluded[name] for name in ("value_hash", "reason", "until")},
    )
    values = [row._asdict() | {"ledger_id": ledger_id} for row in rows]
    if values:
        session.execute(upsert, values)


def standing(session: Session, ledger_id: int, reasons: Collection[str], now: datetime) -> set[bytes]:
    """Who was refused for one of these reasons, still is, and is no member of the audience."""
    statement = select(Refusal.key).where(
        Refusal.ledger_id == ledger_id,
        Refusal.reason.in_(reasons),
        or_(Refusal.until.is_(None), Refusal.until > now),
        ~exists().where(LedgerMember.ledger_id == ledger_id, LedgerMember.key == Refusal.key),
    )
    return set(session.scalars(statement))


def _of(session: Session, ledger_id: int, keys: Sequence[bytes]) -> dict[bytes, Row]:
    columns = Refusal.key, Refusal.value_hash, Refusal.reason, Refusal.until
    found: dict[bytes, Row] = {}
    for start in range(0, len(keys), 500):
        some = Refusal.key.in_(keys[start : start + 500])
        for row in session.execute(select(*columns).where(Refusal.ledger_id == ledger_id, some)):
            found[row.key] = Row(*row)
    return found


def _together(row: Row, before: Row | None) -> Row:
    if before is None or before.reason != row.reason:
        return row
    values = dict.fromkeys([*row.values(), *before.values()])
    return row._replace(value_hash=b"".join(list(values)[:VALUES]))


def clear(session: Session, ledger_id: int, keys: Sequence[bytes] | None = None) -> None:
    """Forget refusals, all of the audience or those of these keys: a person asked to try again."""
    statement = delete(Refusal).where(Refusal.ledger_id == ledger_id)
    if keys is None:
        session.execute(statement)
        return
    for start in range(0, len(keys), 500):
        session.execute(statement.where(Refusal.key.in_(keys[start : start + 500])))
