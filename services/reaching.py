"""How many of some segments' profiles an export reaches, and why not the others: told before there is an export.

What is an address, who allows mailing and who shares an address with whom is decided as an export decides it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from services import addresses, moving, snapshot
from services.forms import Form
from services.hashing import Hasher
from services.mailing import Status
from services.rules import ABOUT_ADDRESS
from services.scratch import Scratch
from services.sources import Membership, ProfileSource
from storage import decisions, ledger, refusals, tombstones
from storage.database import Database
from storage.vault import SealBrokenError, Vault

# Python's own hashes of 64 bits stand for profiles and addresses: two of 1,000,000 are alike once in ten million times.
# A profile with different addresses has that of the first segment; of several on one address any refusal wins, and one that has
# left under another address keeps them all waiting ('moved' comes before 'reachable').
_FATES = """
SELECT CASE WHEN refuses THEN 'no_consent' ELSE fate END, COUNT(*), SUM(others) FROM (
    SELECT MIN(fate) AS fate, MAX(refuses) AS refuses, COUNT(*) - 1 AS others FROM (
        SELECT MIN(rank), address, fate, SUM(refuses) > 0 AS refuses FROM reached GROUP BY profile
    ) GROUP BY address
) GROUP BY 1
"""


class Reach(BaseModel):
    """Every profile once: ``reachable``, or why it is not reached.

    ``unknown`` profiles are missing from the profile table, ``sharing`` ones have another's address, ``kept_out`` were forgotten
    on request or are kept out by a decision, ``refused`` were refused by Mailchimp for their address, ``moved`` left under
    another address and wait for a decision. ``suppressed`` are as of ``seen_at``, when the audience was last read as a whole;
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
    refused: int = 0
    moved: int = 0
    suppressed: int = 0
    seen_at: datetime | None = None

    @property
    def profiles(self) -> int:
        """How many distinct profiles there are."""
        reached = self.reachable + self.kept_out + self.refused + self.moved + self.suppressed
        return reached + self.no_address + self.invalid_address + self.unknown + self.no_consent + self.sharing


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an audience: whom no export writes to."""

    hasher: Hasher
    hash_profile: Callable[[str], bytes]
    forgotten: Collection[bytes] = frozenset()
    suppressed: Collection[bytes] = frozenset()
    refused: Collection[bytes] = frozenset()
    decided: Mapping[bytes, bool] = field(default_factory=dict)
    left: Collection[bytes] = frozenset()
    seen_at: datetime | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether everybody who has an address can be reached, as far as is known."""
        return not (self.forgotten or self.suppressed or self.refused or self.decided or self.left)

    def fate(self, profile: str, key: bytes) -> str:
        """What becomes of a profile with the address of this key: in the order in which an export decides."""
        if key in self.forgotten:
            return "kept_out"
        if key in self.suppressed:
            return "suppressed"
        if key in self.refused:
            return "refused"
        if key in self.decided:
            return "reachable" if self.decided[key] else "kept_out"
        return "moved" if self.left and self.hash_profile(profile) in self.left else "reachable"


@dataclass(frozen=True, slots=True)
class Reaching:
    """Reads the source to the end; Mailchimp is not asked."""

    database: Database
    vault: Vault
    source: ProfileSource
    scratch_folder: Path

    def look(self, workspace_id: int, account_id: str, form: Form, go_on: Callable[[], bool]) -> Reach | None:
        """Whom a destination that is filled in like this reaches; None as soon as ``go_on`` says no.

        Whom Mailchimp will refuse, or has refused for another value than the address, only an export finds out. Raises what
        the source raises, and Refused for a full disk.
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
                    members = partial(self._members, account_id, form.audience_id)
                    scratch.add("reached", _rows(batch, ranks, consent, known, members), 5)
            counts: Counter[str] = Counter()
            for fate, profiles, others in scratch.query(_FATES):
                counts += Counter({fate: profiles, "sharing": others})
        return Reach(**counts, seen_at=known.seen_at)

    def _known(self, workspace_id: int, account_id: str, audience_id: str) -> _Known:
        with self.database.read() as session:
            forgotten = tombstones.keys(session, workspace_id)
            left = set(moving.split(tombstones.profiles(session, workspace_id)))
            row = ledger.find(session, account_id, audience_id)
            if row is None and not forgotten:
                return _nothing(workspace_id)
            try:
                hasher = Hasher(self.vault.ledger_secret(session))
            except SealBrokenError:  # an export refuses with the reason
                return _nothing(workspace_id)
            known = _Known(hasher, hasher.profiles(workspace_id), forgotten=forgotten, left=left)
            if row is None:
                return known
            for packed in ledger.profiles_of(session, row.id, moving.LEFT):
                left.update(moving.split(packed))
            return replace(
                known,
                suppressed=ledger.keys_but(session, row.id, Status.SUBSCRIBED),
                refused=refusals.standing(session, row.id, ABOUT_ADDRESS, self.database.now(session)),
                decided=decisions.of_ledger(session, row.id),
                seen_at=row.watermark,
            )

    def _members(self, account_id: str, audience_id: str, keys: Sequence[bytes]) -> Collection[bytes]:
        """Which of these are members of the audience already, as far as is known."""
        with self.database.read() as session:
            row = ledger.find(session, account_id, audience_id)
            return ledger.members(session, row.id, keys).keys() if row is not None and keys else ()


def _nothing(workspace_id: int) -> _Known:
    """That nobody is known: what nobody is sought by is as good as any other secret."""
    hasher = Hasher(secrets.token_bytes(32))
    return _Known(hasher, hasher.profiles(workspace_id))


def _rows(
    batch: Sequence[Membership],
    ranks: tuple[int, int],
    consent: snapshot.Consent | None,
    known: _Known,
    members: Callable[[Sequence[bytes]], Collection[bytes]],
) -> Iterator[tuple[Any, ...]]:
    """What becomes of each profile. Without an address it stands alone and behind all that have one: the second rank."""
    profiles, in_profiles, emails, *columns = zip(*batch, strict=True)
    consents = consent.given(columns[-1]) if consent else repeat(1)
    moved: list[tuple[bytes, tuple[Any, ...]]] = []
    for profile, is_known, email, consents_to in zip(profiles, in_profiles, emails, consents, strict=False):
        hashed = hash(profile)
        normal = addresses.normal(email) if email and is_known else None
        if normal is None:
            yield hashed, ~hashed, ranks[1], _problem(email) if is_known else "unknown", not consents_to
            continue
        if known.is_nothing:
            yield hashed, hash(normal), ranks[0], "reachable", not consents_to
            continue
        key = known.hasher.key(normal)
        fate = known.fate(profile, key)
        row = hashed, hash(normal), ranks[0], fate, not consents_to
        if fate == "moved":
            moved.append((key, row))
        else:
            yield row
    there = members(
        [key for key, _ in moved]
    )  # whoever is a member under the new address, too, is no question any more
    for key, (hashed, normal, rank, fate, refuses) in moved:
        yield hashed, normal, rank, "reachable" if key in there else fate, refuses


def _problem(email: str | None) -> str:
    return "no_address" if addresses.normalise(email) is addresses.Problem.EMPTY else "invalid_address"
