"""Which tags carry a destination's segments: claimed when the destination is saved, created when it first runs.

A tag that was there before Postino is never taken over silently, and a tag has one owner per audience.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.errors import Refused
from services.mailing import ContentRefused, MailingService, Tag
from services.rules import TagMap
from storage import ledger
from storage.database import Database
from storage.models import Destination, LedgerTag


class ForeignTag(Refused):
    """A tag in the audience has the name of ours and is not ours: somebody must say whether it may become so."""


def settle(session: Session, present: Sequence[Tag], ledger_id: int, destination: Destination) -> list[LedgerTag]:
    """The destination's tags by segment position, as they are in the audience now; those without ``tag_id`` are to be created.

    A tag that was deleted by others gets a new bit, one that was renamed keeps its own. Raises Refused for a foreign tag, and
    for one of another destination, which may have come to that name in Mailchimp.
    """
    carried = ledger.claimed_ids(session, ledger_id)
    by_id = {tag.id: tag for tag in present}
    by_name = {ledger.fold(tag.name): tag for tag in present}
    return [
        _settle_one(
            session, by_id, by_name, carried, ledger_id, destination, chosen.segment, chosen.tag_name, chosen.take_over
        )
        for chosen in destination.segments
    ]


def _settle_one(
    session: Session,
    by_id: dict[int, Tag],
    by_name: dict[str, Tag],
    carried: Collection[int],
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
    if existing is not None and existing.id in carried:
        raise _of_another(existing.name)
    if existing is not None and take_over:
        ledger.become(session, row, existing.id, existing.name)
    elif existing is not None and not row.asked_for:
        raise foreign(existing.name, existing.members)
    return row


def foreign(name: str, people: int) -> ForeignTag:
    """The refusal of a tag that is not ours."""
    return ForeignTag(
        "The audience has a tag {tag} that Postino did not make; people who have it: {people}. Nothing was sent. "
        "Take that tag over, or edit the destination and give the segment a tag of its own.",
        tag=name,
        people=people,
    )


def _of_another(tag: str) -> Refused:
    return Refused("The tag {tag} belongs to another destination. Edit this one and choose another tag.", tag=tag)


def lost(session: Session, present: Sequence[Tag], destination: Destination) -> dict[str, Tag]:
    """By segment, the foreign tags that have the names of the destination's own, which are gone or were never made."""
    statement = select(LedgerTag).where(LedgerTag.destination_id == destination.id, LedgerTag.folded_name.is_not(None))
    rows = {row.segment: row for row in session.scalars(statement)}
    own = {segment: row.tag_id for segment, row in rows.items()}
    ids = {tag.id for tag in present}
    # One that we asked for and that nobody holds is ours, though its creation was not answered.
    asked_for = {row.folded_name for row in rows.values() if row.asked_for}
    by_name = {ledger.fold(tag.name): tag for tag in present if tag.members or ledger.fold(tag.name) not in asked_for}
    return {
        chosen.segment: found
        for chosen in destination.segments
        if own.get(chosen.segment) not in ids and (found := by_name.get(ledger.fold(chosen.tag_name)))
    }


class Named(NamedTuple):
    """The destination's tags just before contacts are inserted: their names, and the ids of all tags the audience had then."""

    names: tuple[str, ...]
    there: frozenset[int]


def create(
    service: MailingService, database: Database, audience_id: str, present: Sequence[LedgerTag], tags: TagMap
) -> TagMap:
    """Create those of the destination's tags that do not exist yet; all of them with their ids.

    Raises Refused for a tag that has come to be meanwhile and is not ours.
    """
    ids = dict(tags.ids)
    for position, row in enumerate(present):
        if row.tag_id is not None:
            continue
        made = _create(service, database, audience_id, row)
        # One that was there is ours only if our own call, whose answer was lost, has made it: then nobody holds it.
        if holders := service.tag_members(audience_id, made.id, count=1).total:
            raise foreign(made.name, holders)
        try:
            with database.write() as session:
                _note_created(session, row.id, made)
        except IntegrityError:
            raise _of_another(row.name) from None
        ids[position] = made.id
    return TagMap(tags.bits, ids)


def _create(service: MailingService, database: Database, audience_id: str, row: LedgerTag) -> Tag:
    """Ask for a tag, and remember that until it is known what came of it: one found later is ours if nobody has it."""
    with database.write() as session:
        _note_asked(session, row.id, asked=True)
    try:
        return service.create_tag(audience_id, row.name)
    except ContentRefused as refused:
        if not refused.repeated:
            # Not made: whoever makes one of that name now is somebody else.
            with database.write() as session:
                _note_asked(session, row.id, asked=False)
        raise


def _note_asked(session: Session, row_id: int, *, asked: bool) -> None:
    session.execute(update(LedgerTag).where(LedgerTag.id == row_id).values(asked_for=asked))


def named(service: MailingService, audience_id: str, present: Sequence[LedgerTag], tags: TagMap) -> Named:
    """What the destination's tags are called now, and which tags there are: to be asked just before names are sent."""
    there = {tag.id: tag.name for tag in service.tags(audience_id)}
    names = [there.get(tags.ids[position], row.name) for position, row in enumerate(present)]
    return Named(tuple(names), frozenset(there) | frozenset(tags.ids.values()))


def adopt(session: Session, ledger_id: int, lost_id: int, made: Tag) -> int:
    """Note that a call of ours made a tag anew in the place of one that others have deleted; its bit in the ledger.

    That is a new one, because whoever had the tag that is gone has not got this one.
    """
    gone = session.scalars(select(LedgerTag).where(LedgerTag.ledger_id == ledger_id, LedgerTag.tag_id == lost_id)).one()
    owner, segment, folded = gone.destination_id, gone.segment, gone.folded_name
    assert owner is not None
    ledger.release_tag(session, gone)
    tag = ledger.claim_tag(session, ledger_id, owner, segment, made.id, made.name)
    tag.folded_name = folded
    session.flush()
    return tag.bit


def _note_created(session: Session, row_id: int, made: Tag) -> None:
    row = session.get_one(LedgerTag, row_id)
    row.asked_for = False
    ledger.become(session, row, made.id, made.name)


def claims(
    session: Session, account_id: str, audience_id: str, present: Iterable[Tag], edited: Destination | None
) -> tuple[set[str], set[str]]:
    """The folded names of all tags that Postino claims in an audience, and those that are for the edited destination to use.

    What a claimed tag was renamed to in Mailchimp is claimed as well, and nobody's to use.
    """
    book = ledger.find(session, account_id, audience_id)
    if book is None:
        return set(), set()
    claimed, ids = ledger.claimed_names(session, book.id), ledger.claimed_ids(session, book.id)
    own = {name for name, owner in claimed.items() if edited is not None and owner == edited.id}
    now = {tag.id: ledger.fold(tag.name) for tag in present}
    renamed = {now[tag_id] for tag_id, name in ids.items() if now.get(tag_id, name) != name}
    return set(claimed) | renamed, own - renamed


def claim(
    session: Session,
    destination: Destination,
    account_id: str,
    tag_names: Mapping[str, str],
    *,
    taken_over: Collection[str],
) -> None:
    """Claim the tags' names by segment when the destination is saved, so that a second destination is told then.

    Tags of segments that are no longer chosen are left behind, those in ``taken_over``, those never made and those in another
    audience released: whichever connection leads to the audience, its tags are the same. One that was left behind is released
    when its segment is chosen again.
    Raises IntegrityError if another destination claims one of the names.
    """
    book = ledger.open_ledger(session, account_id, destination.audience_id)
    kept = set()
    for tag in session.scalars(select(LedgerTag).where(LedgerTag.destination_id == destination.id)):
        chosen = tag.segment in tag_names
        left = tag.folded_name is None
        renamed = tag.tag_id is None and tag.folded_name != ledger.fold(tag_names.get(tag.segment, ""))
        if renamed or tag.ledger_id != book.id or (chosen and left):
            ledger.release_tag(session, tag)
        elif chosen:
            kept.add(tag.segment)
        elif tag.segment in taken_over:
            ledger.release_tag(session, tag)
        else:
            ledger.leave_tag(session, tag)
    for segment, name in tag_names.items():
        if segment not in kept:
            ledger.claim_tag(session, book.id, destination.id, segment, None, name)


def left_behind(session: Session, destination: Destination) -> list[LedgerTag]:
    """The tags it made for segments that have left it since, as far as nobody has claimed them."""
    chosen = {one.segment for one in destination.segments}
    left = [tag for tag in ledger.left_tags(session, destination.id) if tag.segment not in chosen]
    claimed = {name for book in {tag.ledger_id for tag in left} for name in ledger.claimed_names(session, book)}
    return [tag for tag in left if ledger.fold(tag.name) not in claimed]


def free_name(name: str, taken: set[str], destination: str) -> str:
    """A tag name nobody has: the segment's, else with Postino's mark, else with the destination's name, else numbered."""
    for candidate in (name, f"{name} (Postino)", f"{name} ({destination[:60]})"):
        if ledger.fold(candidate) not in taken:
            return candidate
    return next(candidate for number in count(2) if ledger.fold(candidate := f"{name} ({number})") not in taken)
