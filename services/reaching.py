"""How many of some segments' profiles an export reaches, and why not the others: told before there is an export.

What is an address, who allows mailing and who shares an address with whom is decided as an export decides it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from services import addresses, snapshot
from services.forms import Form
from services.hashing import Hasher
from services.mailing import Status
from services.scratch import Scratch
from services.sources import Membership, ProfileSource
from storage import decisions, ledger, tombstones
from storage.database import Database
from storage.vault import SealBrokenError, Vault

# Python's own hashes of 64 bits stand for profiles and addresses: two of 1,000,000 are alike once in ten million times.
# A profile with different addresses has that of the first segment; of several on one address any refusal wins.
_FATES = """
SELECT CASE WHEN refuses THEN 'no_consent' ELSE fate END, COUNT(*), SUM(others) FROM (
    SELECT fate, MAX(refuses) AS refuses, COUNT(*) - 1 AS others FROM (
        SELECT MIN(rank), address, fate, SUM(refuses) > 0 AS refuses FROM reached GROUP BY profile
    ) GROUP BY address
) GROUP BY 1
"""


class Reach(BaseModel):
    """Every profile once: ``reachable``, or why it is not reached.

    ``unknown`` profiles are missing from the profile table, ``sharing`` ones have another's address, ``kept_out`` were forgotten
    on request or are kept out by a decision. ``suppressed`` are as of ``seen_at``, when the audience was last read as a whole;
    without it they are at least so many.
    """

    model_config = ConfigDict(frozen=True)

    reachable: int = 0
    no_address: int = 0
    invalid_address: int = 0
    unknown: int = 0
    no_consent: int = 0
    sharing: int = 0
    kept_out: int = 0
    suppressed: int = 0
    seen_at: datetime | None = None

    @property
    def profiles(self) -> int:
        """How many distinct profiles there are."""
        reached = self.reachable + self.kept_out + self.suppressed
        return reached + self.no_address + self.invalid_address + self.unknown + self.no_consent + self.sharing


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an audience: whom no export writes to."""

    hasher: Hasher
    suppressed: Collection[bytes] = frozenset()
    kept_out: Collection[bytes] = frozenset()
    seen_at: datetime | None = None

    def fate(self, normal: str) -> str:
        """What becomes of whoever has this address."""
        if not self.suppressed and not self.kept_out:
            return "reachable"
        key = self.hasher.key(normal)
        if key in self.kept_out:
            return "kept_out"
        return "suppressed" if key in self.suppressed else "reachable"


@dataclass(frozen=True, slots=True)
class Reaching:
    """Reads the source to the end; Mailchimp is not asked."""

    database: Database
    vault: Vault
    source: ProfileSource
    scratch_folder: Path

    def look(self, workspace_id: int, account_id: str, form: Form, go_on: Callable[[], bool]) -> Reach | None:
        """Whom a destination that is filled in like this reaches; None as soon as ``go_on`` says no.

        Whom Mailchimp refuses, and who left under another address, only an export finds out. Raises what the source raises,
        and Refused for a full disk.
        """
        known = self._known(workspace_id, account_id, form.audience_id)
        consent = snapshot.consent(form.consent_attribute, form.consent_values)
        # What an export reads: which columns a segment's table has decides whether its profiles are looked up.
        attributes = [form.email_attribute, *form.fields.values(), *([consent.attribute] if consent else [])]
        with Scratch(self.scratch_folder) as scratch:
            for position, segment in enumerate(form.segments):
                ranks = position, position + len(form.segments)
                for batch in self.source.read(segment, attributes):
                    if not go_on():
                        return None
                    scratch.add("reached", _rows(batch, ranks, consent, known), 5)
            counts: Counter[str] = Counter()
            for fate, profiles, others in scratch.query(_FATES):
                counts += Counter({fate: profiles, "sharing": others})
        return Reach(**counts, seen_at=known.seen_at)

    def _known(self, workspace_id: int, account_id: str, audience_id: str) -> _Known:
        with self.database.read() as session:
            row = ledger.find(session, account_id, audience_id)
            suppressed = ledger.keys_but(session, row.id, Status.SUBSCRIBED) if row else set()
            decided = decisions.of_ledger(session, row.id) if row else {}
            kept_out = {key for key, exported in decided.items() if not exported}
            kept_out |= tombstones.keys(session, workspace_id)
            seen_at = row.watermark if row else None
            if suppressed or kept_out:
                try:
                    return _Known(Hasher(self.vault.ledger_secret(session)), suppressed, kept_out, seen_at)
                except SealBrokenError:  # an export refuses with the reason
                    seen_at = None
        return _Known(Hasher(secrets.token_bytes(32)), seen_at=seen_at)


def _rows(
    batch: Sequence[Membership], ranks: tuple[int, int], consent: snapshot.Consent | None, known: _Known
) -> Iterator[tuple[Any, ...]]:
    """What becomes of each profile. Without an address it stands alone and behind all that have one: the second rank."""
    profiles, in_profiles, emails, *columns = zip(*batch, strict=True)
    consents = consent.given(columns[-1]) if consent else repeat(1)
    for profile, is_known, email, consents_to in zip(profiles, in_profiles, emails, consents, strict=False):
        hashed = hash(profile)
        normal = addresses.normal(email) if email and is_known else None
        if normal is not None:
            yield hashed, hash(normal), ranks[0], known.fate(normal), not consents_to
        else:
            yield hashed, ~hashed, ranks[1], _problem(email) if is_known else "unknown", not consents_to


def _problem(email: str | None) -> str:
    return "no_address" if addresses.normalise(email) is addresses.Problem.EMPTY else "invalid_address"
