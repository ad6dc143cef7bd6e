"""What people decided about new addresses of those who left an audience under another one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import insert_for
from storage.models import AddressDecision, Ledger


def of_ledger(session: Session, ledger_id: int) -> dict[bytes, bool]:
    """By key, whether somebody is to be exported: as few as people ever decide about."""
    statement = select(AddressDecision.key, AddressDecision.exported).where(AddressDecision.ledger_id == ledger_id)
    return dict(session.execute(statement).all())


def known_in(session: Session, key: bytes) -> dict[tuple[str, str], bool]:
    """What was decided about a person, by Mailchimp account and audience."""
    statement = (
        select(Ledger.account_id, Ledger.audience_id, AddressDecision.exported)
        .join(AddressDecision, AddressDecision.ledger_id == Ledger.id)
        .where(AddressDecision.key == key)
    )
    return {(account, audience): exported for account, audience, exported in session.execute(statement)}


def note(session: Session, ledger_id: int, keys: Iterable[bytes], now: datetime, *, exported: bool) -> None:
    """Remember a decision; a later one replaces it."""
    statement = insert_for(session, AddressDecision)
    upsert = statement.on_conflict_do_update(
        index_elements=["ledger_id", "key"],
        set_={name: statement.excluded[name] for name in ("exported", "decided_at")},
    )
    rows = [{"ledger_id": ledger_id, "key": key, "exported": exported, "decided_at": now} for key in keys]
    if rows:
        session.execute(upsert, rows)


def forget_kept_out(session: Session, ledger_id: int) -> int:
    """Forget everybody who was kept out of an audience; how many there were."""
    kept_out = AddressDecision.exported.is_(False)
    statement = delete(AddressDecision).where(AddressDecision.ledger_id == ledger_id, kept_out)
    return len(session.execute(statement.returning(AddressDecision.key)).all())
