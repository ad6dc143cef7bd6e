"""Whom a workspace was asked to forget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import insert_for
from storage.models import Ledger, LedgerMember, Refusal, RunReject, Tombstone


def keys(session: Session, workspace_id: int) -> frozenset[bytes]:
    """The keys of everybody forgotten: few, and 16 bytes each."""
    return frozenset(session.scalars(select(Tombstone.key).where(Tombstone.workspace_id == workspace_id)))


def forget(session: Session, workspace_id: int, key: bytes, profiles: Sequence[str], now: datetime) -> dict[str, int]:
    """Remove every row about a person and leave one tombstone; how many rows of each kind there were."""
    removed = {}
    for name, table in (("ledger", LedgerMember), ("refusals", Refusal)):
        removed[name] = _deleted(session, delete(table).where(table.key == key))
    removed["rejects"] = 0
    for profile in profiles:
        removed["rejects"] += _deleted(session, delete(RunReject).where(RunReject.profile_id == profile))
    statement = insert_for(session, Tombstone).values(workspace_id=workspace_id, key=key, forgotten_at=now)
    session.execute(statement.on_conflict_do_nothing())
    return removed


def known_in(session: Session, key: bytes) -> dict[tuple[str, str], LedgerMember]:
    """What the ledgers know of a person, by Mailchimp account and audience."""
    statement = select(Ledger, LedgerMember).join(LedgerMember, LedgerMember.ledger_id == Ledger.id)
    return {
        (ledger.account_id, ledger.audience_id): member
        for ledger, member in session.execute(statement.where(LedgerMember.key == key))
    }


def refused_in(session: Session, key: bytes) -> dict[tuple[str, str], Refusal]:
    """Where Mailchimp refused a person, by account and audience."""
    statement = select(Ledger, Refusal).join(Refusal, Refusal.ledger_id == Ledger.id).where(Refusal.key == key)
    return {(ledger.account_id, ledger.audience_id): refusal for ledger, refusal in session.execute(statement)}


def _deleted(session: Session, statement: object) -> int:
    result = session.execute(statement)  # type: ignore[call-overload]
    return int(result.rowcount)
