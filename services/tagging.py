"""Which tags carry a destination's segments: claimed when the destination is saved, created when it first runs.

A tag that was there before Postino is never taken over silently, and a tag has one owner per audience.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.errors import Refused
from services.mailing import Tag
from storage import ledger
from storage.models import Destination, LedgerTag


def settle(session: Session, present: Sequence[Tag], ledger_id: int, destination: Destination) -> list[LedgerTag]:
    """The destination's tags by segment position, as they are in the audience now; those without ``tag_id`` are to be created.

    A tag that was deleted by others gets a new bit, one that was renamed keeps its own. Raises Refused for a foreign tag.
    """
    by_id = {tag.id: tag for tag in present}
    by_name = {ledger.fold(tag.name): tag for tag in present}
    return [
        _settle_one(session, by_id, by_name, ledger_id, destination, chosen.segment, chosen.tag_name, chosen.take_over)
        for chosen in destination.segments
    ]


def _settle_one(
    session: Session,
    by_id: dict[int, Tag],
    by_name: dict[str, Tag],
    ledger_id: int,
    destination: Destination,
    segment: str,
    name: str,
    take_over: bool,
) -> LedgerTag:
    row = session.scalar(
        select(LedgerTag).where(
            LedgerTag.ledger_id == ledger_id,
            LedgerTag.destination_id == destination.id,
            LedgerTag.segment == segment,
            LedgerTag.folded_name.is_not(None),
        )
    )
    if row is not None and row.tag_id is not None and row.tag_id not in by_id:
        ledger.release_tag(session, row)
        row = None
    if row is None:
        row = ledger.claim_tag(session, ledger_id, destination.id, segment, None, name)
    if row.tag_id is not None:
        row.name = by_id[row.tag_id].name
        return row
    existing = by_name.get(ledger.fold(name))
    if existing is not None:
        if not take_over:
            raise Refused(
                "The audience has a tag {tag} that was there before Postino, with {people} people. Nothing was sent. "
                "Edit the destination: take that tag over, or give the segment a tag of its own.",
                tag=existing.name,
                people=existing.members,
            )
        row.tag_id, row.name = existing.id, existing.name
        session.flush()
    return row


def note_created(session: Session, row_id: int, made: Tag) -> None:
    """Remember the id of a tag that was just created. Raises IntegrityError if another destination owns it."""
    row = session.get_one(LedgerTag, row_id)
    row.tag_id, row.name = made.id, made.name
    session.flush()


def claims(
    session: Session, account_id: str, audience_id: str, edited: Destination | None
) -> tuple[set[str], set[str]]:
    """The folded names of all tags that Postino claims in an audience, and those of the edited destination."""
    book = ledger.find(session, account_id, audience_id)
    claimed = ledger.claimed_names(session, book.id) if book is not None else {}
    own = {name for name, owner in claimed.items() if edited is not None and owner == edited.id}
    return set(claimed), own


def claim(
    session: Session,
    destination: Destination,
    account_id: str,
    tag_names: Mapping[str, str],
    *,
    release_all: bool,
) -> None:
    """Claim the tags' names by segment when the destination is saved, so that a second destination is told then.

    Tags of segments that are no longer chosen are released; with ``release_all`` all of them, because the audience changed.
    Raises IntegrityError if another destination claims one of the names.
    """
    book = ledger.open_ledger(session, account_id, destination.audience_id)
    kept = set()
    for tag in session.scalars(select(LedgerTag).where(LedgerTag.destination_id == destination.id)):
        if release_all or tag.ledger_id != book.id or tag.segment not in tag_names:
            ledger.release_tag(session, tag)
        else:
            kept.add(tag.segment)
    for segment, name in tag_names.items():
        if segment not in kept:
            ledger.claim_tag(session, book.id, destination.id, segment, None, name)


def free_name(name: str, taken: set[str], destination: str) -> str:
    """A tag name nobody has: the segment's, else with Postino's mark, else with the destination's name, else numbered."""
    for candidate in (name, f"{name} (Postino)", f"{name} ({destination[:60]})"):
        if ledger.fold(candidate) not in taken:
            return candidate
    return next(candidate for number in count(2) if ledger.fold(candidate := f"{name} ({number})") not in taken)
