"""Changed addresses of people who left an audience: they wait until a person decides, and the decision is remembered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import access, audit
from services.access import Actor
from services.errors import InvalidInput, NotFound
from services.rejects import Problem
from storage import decisions, ledger, runs
from storage.database import Database
from storage.models import Destination, RunReject

STATEMENT_VERSION = 1
"""Of the words with which somebody says that these people agreed to mail; recorded with each decision to export."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A profile whose new address waits for a decision. ``key`` is the keyed hash of the address, in hexadecimal."""

    key: str
    profile: str
    masked_address: str
    segments: str


class Deciding:
    """Lists who waits, and remembers what was decided."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, actor: Actor, destination_id: int) -> list[Waiting]:
        """Who waits, as the destination's latest run or preview found it, without those decided about since.

        Raises NotFound, and NotAllowed unless the person may manage the destination.
        """
        with self._database.read() as session:
            return self._waiting(session, self._managed(session, actor, destination_id))

    def decide(
        self, actor: Actor, destination_id: int, keys: Collection[str] | None, *, exported: bool, agreed: bool = False
    ) -> int:
        """Export these new addresses from the next run on, or keep them out; about how many it was decided.

        ``keys`` None means all who wait; whoever waits no more is left out. ``agreed`` says that these people want mail
        at their new address, without which nobody is exported. Raises NotFound, NotAllowed, InvalidInput.
        """
        with self._database.write() as session:
            destination = self._managed(session, actor, destination_id)
            if exported and not agreed:
                raise InvalidInput(
                    "Say that these people agreed to mail at their new address, or keep them out.", field="agreed"
                )
            chosen = [one for one in self._waiting(session, destination) if keys is None or one.key in keys]
            now = self._database.now(session)
            book = self._book(session, destination)
            if not chosen or book is None:
                return 0
            decisions.note(session, book, [bytes.fromhex(one.key) for one in chosen], now, exported=exported)
            details = {"people": len(chosen)} | ({"statement": STATEMENT_VERSION} if exported else {})
            action = "addresses.allowed" if exported else "addresses.kept_out"
            audit.record(session, actor, now, action, destination.name, details)
            return len(chosen)

    def kept_out(self, actor: Actor, destination_id: int) -> int:
        """How many new addresses are kept out of the destination's audience by decision."""
        with self._database.read() as session:
            book = self._book(session, self._managed(session, actor, destination_id))
            return list(decisions.of_ledger(session, book).values()).count(False) if book is not None else 0

    def ask_again(self, actor: Actor, destination_id: int) -> int:
        """Forget whom people decided to keep out of the destination's audience, so that the next run asks; how many."""
        with self._database.write() as session:
            destination = self._managed(session, actor, destination_id)
            book = self._book(session, destination)
            asked = decisions.forget_kept_out(session, book) if book is not None else 0
            if asked:
                now = self._database.now(session)
                audit.record(session, actor, now, "addresses.asked_again", destination.name, {"people": asked})
            return asked

    def _managed(self, session: Session, actor: Actor, destination_id: int) -> Destination:
        destination = session.get(Destination, destination_id)
        if destination is None or destination.workspace_id != actor.workspace_id or destination.removal is not None:
            raise NotFound("This destination does not exist any more.")
        access.require_manage(actor, destination)
        return destination

    def _book(self, session: Session, destination: Destination) -> int | None:
        if destination.connection is None:
            return None
        book = ledger.find(session, destination.connection.account_id, destination.audience_id)
        return book.id if book is not None else None

    def _waiting(self, session: Session, destination: Destination) -> list[Waiting]:
        book = self._book(session, destination)
        if book is None:
            return []
        latest = runs.last_planned(session, destination.id)
        if latest is None:
            return []
        found = select(RunReject).where(
            RunReject.run_id == latest.id,
            RunReject.reason == Problem.OTHER_ADDRESS,
            RunReject.key.is_not(None),
        )
        decided = decisions.of_ledger(session, book)
        return [
            Waiting(row.key.hex(), row.profile_id, row.masked_address, row.segments)
            for row in session.scalars(found.order_by(RunReject.profile_id))
            if row.key is not None and row.key not in decided
        ]
