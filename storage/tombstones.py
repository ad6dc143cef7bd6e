"""Whom a workspace was asked to forget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    String,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.database import Database, insert_for
from storage.models import (
    AddressDecision,
    AuditEntry,
    Destination,
    Draft,
    Json,
    Ledger,
    LedgerMember,
    LedgerTag,
    OutboxMessage,
    Refusal,
    Run,
    RunReject,
    Tombstone,
)


def keys(session: Session, workspace_id: int) -> frozenset[bytes]:
    """The keys of everybody forgotten: few, and 16 bytes each."""
    return frozenset(session.scalars(select(Tombstone.key).where(Tombstone.workspace_id == workspace_id)))


def elsewhere(session: Session, workspace_id: int) -> frozenset[bytes]:
    """The keys of everybody whom other workspaces were asked to forget, and this one was not."""
    return frozenset(session.scalars(select(Tombstone.key).where(Tombstone.workspace_id != workspace_id))) - keys(
        session, workspace_id
    )


def profiles(session: Session, workspace_id: int) -> bytes:
    """The hashes of the profiles that everybody forgotten had, packed one after the other."""
    theirs = select(Tombstone.profiles).where(Tombstone.workspace_id == workspace_id, Tombstone.profiles != b"")
    return b"".join(session.scalars(theirs))


def clean(session: Session, workspace_id: int, ledger_id: int) -> None:
    """Remove from an audience's ledger what a run may have written of somebody just when they were forgotten.

    Not where other workspaces export to the same audience, whose ledger it is as well.
    """
    shared = _shared(workspace_id).where(LedgerTag.ledger_id == ledger_id)
    if session.scalar(shared.limit(1)) is None:
        forgotten = select(Tombstone.key).where(Tombstone.workspace_id == workspace_id)
        for table in (LedgerMember, Refusal):
            session.execute(delete(table).where(table.ledger_id == ledger_id, table.key.in_(forgotten)))


def of(session: Session, workspace_id: int, key: bytes) -> Tombstone | None:
    """The tombstone of this person; None if nobody asked to forget them."""
    return session.get(Tombstone, (workspace_id, key))


def forget(
    session: Session,
    workspace_id: int,
    key: bytes,
    hashed: Sequence[bytes],
    kept: bytes,
    address: str,
    rejects: ColumnElement[bool],
    now: datetime,
) -> dict[str, int]:
    """Remove every row about a person and leave one tombstone; how many rows of each kind there were.

    What another workspace that exports to the same audience knows of how they stand is not this one's to remove: without it
    they would be taken for new there. This workspace's own marks in it go.
    ``hashed`` are the hashes of their profiles in the source, which former addresses are remembered with; ``kept`` are those
    that stay with the tombstone, packed. ``rejects`` says which rejects are theirs. Texts that name the address, though none
    should, are looked for too.
    """
    if session.get_bind().dialect.name == "sqlite":
        # Else the bytes would stay in the file until they are reused.
        session.execute(text("PRAGMA secure_delete = ON"))
    texts: dict[str, tuple[type[Draft | OutboxMessage | AuditEntry], InstrumentedAttribute[Json]]] = {
        "drafts": (Draft, Draft.values),
        "messages": (OutboxMessage, OutboxMessage.values),
        "audit": (AuditEntry, AuditEntry.details),
    }
    runs = select(Run.id).where(Run.workspace_id == workspace_id)
    ours = RunReject.run_id.in_(runs)

    def alone(table: type[LedgerMember | Refusal | AddressDecision]) -> ColumnElement[bool]:
        return table.ledger_id.not_in(_shared(workspace_id))

    removed = {
        "ledger": _deleted(session, delete(LedgerMember).where(LedgerMember.key == key, alone(LedgerMember)))
        + sum(_without(session, profile) for profile in hashed),
        "refusals": _deleted(session, delete(Refusal).where(Refusal.key == key, alone(Refusal))),
        "rejects": _deleted(session, delete(RunReject).where(ours, or_(rejects, RunReject.key == key))),
        "decisions": _deleted(
            session, delete(AddressDecision).where(AddressDecision.key == key, alone(AddressDecision))
        ),
        **{
            name: _deleted(
                session,
                delete(table).where(
                    table.workspace_id == workspace_id,
                    func.lower(cast(column, String)).contains(address, autoescape=True),
                ),
            )
            for name, (table, column) in texts.items()
        },
    }
    _unmark(session, workspace_id, key, runs)
    statement = insert_for(session, Tombstone).values(
        workspace_id=workspace_id, key=key, forgotten_at=now, profiles=kept
    )
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "key"], set_={"profiles": kept}))
    return removed


def let_go(database: Database) -> None:
    """Take what was removed out of SQLite's write-ahead log, too, as far as nobody is reading it."""
    if database.on_sqlite:
        with database.engine.connect() as connection:
            connection.rollback()
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]


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


def _shared(workspace_id: int) -> Select[int]:
    """The ledgers of audiences to which other workspaces export."""
    owned = select(LedgerTag.ledger_id).join(Destination, Destination.id == LedgerTag.destination_id)
    return owned.where(Destination.workspace_id != workspace_id)


def _unmark(session: Session, workspace_id: int, key: bytes, runs: Select[int]) -> None:
    """Take off a member that others keep knowing that this workspace has written to them, and that it fills their fields."""
    destinations = select(Destination.id).where(Destination.workspace_id == workspace_id)
    member = update(LedgerMember).where(LedgerMember.key == key)
    session.execute(member.where(LedgerMember.run_id.in_(runs)).values(run_id=0, run_class=0))
    session.execute(member.where(LedgerMember.owner.in_(destinations)).values(owner=0))


def _without(session: Session, profile: bytes) -> int:
    """Take a profile off the addresses it had before; of how many."""
    if session.get_bind().dialect.name == "sqlite":
        found = func.instr(LedgerMember.profiles, profile)
    else:
        found = func.position(literal(profile, LargeBinary).op("IN")(LedgerMember.profiles))
    columns = (LedgerMember.ledger_id, LedgerMember.key, LedgerMember.profiles)
    rows = session.execute(select(*columns).where(found > 0)).all()
    for ledger_id, key, packed in rows:
        size = len(profile)
        left = [packed[at : at + size] for at in range(0, len(packed), size) if packed[at : at + size] != profile]
        theirs = (LedgerMember.ledger_id == ledger_id, LedgerMember.key == key)
        session.execute(update(LedgerMember).where(*theirs).values(profiles=b"".join(left)))
    return len(rows)


def _deleted(session: Session, statement: object) -> int:
    result = session.execute(statement)  # type: ignore[call-overload]
    return int(result.rowcount)
