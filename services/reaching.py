"""How many of some segments' people an audience is known to suppress, from what earlier runs have seen of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from services.hashing import Hasher
from services.mailing import Status
from services.sources import ProfileSource
from storage import ledger
from storage.database import Database
from storage.vault import SealBrokenError, Vault


class Suppressed(NamedTuple):
    """How many profiles are suppressed, and when the audience was last looked at; None if it never was as a whole."""

    people: int
    seen_at: datetime | None


def suppressed(
    database: Database,
    vault: Vault,
    source: ProfileSource,
    place: tuple[str, str],
    segments: Sequence[str],
    attribute: str,
    go_on: Callable[[], bool],
) -> Suppressed | None:
    """How many distinct profiles have an address that the audience holds in any state but subscribed.

    ``place`` is the Mailchimp account and the audience. Mailchimp is not asked: None where nothing is known of the
    audience. Reads all addresses of the segments, until ``go_on`` says no: None then, too.
    """
    with database.read() as session:
        known = ledger.find(session, *place)
        keys = ledger.keys_but(session, known.id, Status.SUBSCRIBED) if known else set()
        if known is None or not (keys or known.watermark):
            return None
        try:
            hasher = Hasher(vault.ledger_secret(session)) if keys else None
        except SealBrokenError:  # an export refuses with the reason
            return None
    people: set[str] = set()
    if hasher is not None:
        for segment in segments:
            for batch in source.read(segment, [attribute]):
                if not go_on():
                    return None
                people |= {profile for profile, _, *values in batch if values[0] and hasher.key_of(values[0]) in keys}
    return Suppressed(len(people), known.watermark) if people or known.watermark else None
