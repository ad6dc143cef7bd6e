"""The contact ceiling of a connection: how many contacts its account has by now, and whether an export's new ones still fit.

Mailchimp tells no limit of an account. Its own counts are minutes old, so what exports have added since is counted in the
ledgers, and never beyond what these know of an audience: what stands in both counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services.errors import LimitExceeded
from services.mailing import Audience, Status
from storage import ledger, runs

STATISTICS_LAG = timedelta(minutes=10)  # Mailchimp caches an audience's totals for at least five minutes


@dataclass(frozen=True, slots=True)
class Contacts:
    """How many contacts an account has at least, and at most.

    Between them are archived ones of whom Mailchimp may have told already, and those whom its count does not show yet.
    """

    least: int
    most: int


def contacts(
    session: Session,
    account_id: str,
    audiences: Iterable[Audience],
    subscribers: int,
    asked_at: datetime,
    read: tuple[str, Mapping[int, int]],
) -> Contacts:
    """The account's contacts when Mailchimp told of its ``audiences``, with those that exports added in the minutes before.

    ``subscribers`` is Mailchimp's own total of active members: there are never fewer. ``read`` is the audience that was read
    just now, with its members by status.
    """
    since = asked_at - STATISTICS_LAG
    told = {one.id: one.members if one.contacts is None else one.contacts for one in audiences}
    added = runs.added_since(session, account_id, since)
    least = most = 0
    lately = ledger.lately(session, account_id, since, _ABSENT, Status.ARCHIVED) if added else {}
    for audience_id, total in told.items():
        known = lately.get(audience_id)
        # Of the members written to lately, no more are new than the exports of these minutes have added.
        highest = total + min(known.written, added) if known is not None else total
        in_sight = known.members if known is not None else 0
        archived = known.archived if known is not None else 0
        least += max(total, min(highest, in_sight))
        read_now = sum(read[1].get(status, 0) for status in _COUNTED) if read[0] == audience_id else 0
        most += max(total, min(highest, in_sight + archived), read_now)
    return Contacts(max(least, subscribers), max(most, subscribers))


def check(new: int, present: Contacts, ceiling: int) -> None:
    """Raises ``LimitExceeded`` if the new contacts would lift the account over the ceiling, or might."""
    if not new or present.most + new <= ceiling:
        return
    if present.least + new > ceiling:
        raise LimitExceeded(
            "The account has {present} contacts and the export would add {new}: {over} more than its ceiling of {limit}. "
            "Nothing was sent. Choose fewer segments, or ask an administrator to raise the ceiling.",
            count=present.least + new,
            limit=ceiling,
            present=present.least,
            new=new,
            over=present.least + new - ceiling,
        )
    raise LimitExceeded(
        "The account may have {present} contacts already and the export would add {new}: {over} more than its ceiling of "
        "{limit}. Mailchimp's own count is minutes old and may lack some of them. Nothing was sent. Export again in ten minutes.",
        count=present.most + new,
        limit=ceiling,
        present=present.most,
        new=new,
        over=present.most + new - ceiling,
    )


_ABSENT = (Status.FORGOTTEN, Status.GONE)
"""Members whom the ledger remembers although the audience has them no more."""
_COUNTED = tuple(status for status in Status if status not in (*_ABSENT, Status.ARCHIVED))
"""Members whom Mailchimp's totals hold for certain."""
