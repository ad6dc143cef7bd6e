"""Whom Mailchimp refused, for which value and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import insert_for
from storage.models import Refusal


class Row(NamedTuple):
    """One refusal; ``until`` None means as long as the value stays the same."""

    key: bytes
    value_hash: bytes
    reason: str
    until: datetime | None


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
    """Insert or replace refusals."""
    statement = insert_for(session, Refusal)
    upsert = statement.on_conflict_do_update(
        index_elements=["ledger_id", "key"],
        set_={name: statement.excluded[name] for name in ("value_hash", "reason", "until")},
    )
    values = [row._asdict() | {"ledger_id": ledger_id} for row in rows]
    if values:
        session.execute(upsert, values)


def clear(session: Session, ledger_id: int, keys: Sequence[bytes] | None = None) -> None:
    """Forget refusals, all of the audience or those of these keys: a person asked to try again."""
    statement = delete(Refusal).where(Refusal.ledger_id == ledger_id)
    if keys is None:
        session.execute(statement)
        return
    for start in range(0, len(keys), 500):
        session.execute(statement.where(Refusal.key.in_(keys[start : start + 500])))
