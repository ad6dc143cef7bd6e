"""The ledger of one audience, opened for one run: what Postino knows of the members, and by which rules it acts on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from services.errors import Refused
from services.hashing import Hasher
from services.rules import Rules, TagMap
from storage import decisions, destinations, ledger, tombstones
from storage.database import Database
from storage.models import Ledger, Run
from storage.vault import SealBrokenError, Vault


@dataclass(frozen=True, slots=True)
class Book:
    """What a run asks of the ledger.

    ``slots`` are those of the mapped fields in their order.
    """

    row: Ledger
    all_slots: Mapping[str, int]
    slots: Sequence[int]
    hasher: Hasher
    verifies: int | None
    forgotten: frozenset[bytes]
    forgotten_elsewhere: frozenset[bytes]
    forgotten_profiles: bytes
    elders: Mapping[int, frozenset[int]]
    decided: Mapping[bytes, bool]

    @property
    def ledger_id(self) -> int:
        """The ledger's own number."""
        return self.row.id

    def rules(self, tags: TagMap, required: frozenset[str]) -> Rules:
        """What to do about people, with these tags, where contacts need a value in the ``required`` of the mapped fields."""
        refusal = partial(self.hasher.refusal, required=required)
        return Rules(tags, self.slots, refusal, self.forgotten, self.verifies, self.elders, self.decided)


def open_book(database: Database, vault: Vault, run: Run, account_id: str, merge_tags: Sequence[str]) -> Book:
    """Open the ledger of the run's audience in that account for the mapped fields.

    What a run that was under way wrote of somebody who was being forgotten is dropped.
    Raises Refused where the ledger's secret cannot be opened.
    """
    destination = run.destination
    with database.write() as session:
        hasher = Hasher(_secret(vault, session))
        row = ledger.open_ledger(session, account_id, destination.audience_id)
        tombstones.clean(session, run.workspace_id, row.id)
        slots = ledger.field_slots(session, row.id, merge_tags)
        return Book(
            row=row,
            all_slots=slots,
            slots=[slots[tag] for tag in merge_tags],
            hasher=hasher,
            verifies=run.verifies,
            forgotten=tombstones.keys(session, run.workspace_id),
            forgotten_elsewhere=tombstones.elsewhere(session, run.workspace_id),
            forgotten_profiles=tombstones.profiles(session, run.workspace_id),
            elders={
                elder.id: frozenset(slots[tag] for tag in elder.fields if tag in slots)
                for elder in destinations.older_on_audience(session, destination)
            },
            decided=decisions.of_ledger(session, row.id),
        )


def _secret(vault: Vault, session: Session) -> bytes:
    try:
        return vault.ledger_secret(session)
    except SealBrokenError:
        raise Refused(
            "What Postino remembers of its audiences cannot be opened with POSTINO_SECRET_KEY, so nothing was sent. "
            "Put the former key back, as a second one behind the new."
        ) from None
