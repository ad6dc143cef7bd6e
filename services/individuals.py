"""One person at a time: why they are exported or not, and forgetting them."""

from __future__ import annotations

from dataclasses import dataclass

from services import access, addresses, audit
from services.access import Actor
from services.destinations import Destinations
from services.errors import InvalidInput
from services.hashing import Hasher
from services.mailing import Status
from services.sources import ProfileSource
from storage import tombstones
from storage.database import Database
from storage.models import Destination, LedgerMember, Refusal
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Standing:
    """How one person stands in one destination: segments they are in, what the audience showed last, and any refusal."""

    destination: str
    profiles: tuple[str, ...]
    segments: tuple[str, ...]
    status: str | None
    exported: bool
    refused: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What forgetting removed, and the one tombstone that stays, named by the first half of its key."""

    tombstone: str
    removed: dict[str, int]


class Individuals:
    """Looks people up by address. The address is never stored or logged."""

    def __init__(self, database: Database, vault: Vault, source: ProfileSource, destinations: Destinations) -> None:
        self._database = database
        self._vault = vault
        self._source = source
        self._destinations = destinations

    def why(self, actor: Actor, email: str) -> tuple[bool, list[Standing]]:
        """Whether the person was forgotten on request, and how they stand in each destination. Administrators only."""
        access.require_administrator(actor)
        key = self._key(email)
        with self._database.read() as session:
            known = tombstones.known_in(session, key)
            refused = tombstones.refused_in(session, key)
            forgotten = key in tombstones.keys(session, actor.workspace_id)
        standings = []
        for destination in self._destinations.visible(actor):
            place = (destination.connection.account_id if destination.connection else "", destination.audience_id)
            standings.append(self._standing(destination, email, known.get(place), refused.get(place)))
        return forgotten, standings

    def forget(self, actor: Actor, email: str) -> Receipt:
        """Remove every trace of a person but one keyed tombstone. Mailchimp and the source are not touched."""
        access.require_administrator(actor)
        key = self._key(email)
        profiles: set[str] = set()
        for attribute in {one.email_attribute for one in self._destinations.visible(actor)}:
            profiles |= {profile for profile, _ in self._source.find(attribute, email)}
        with self._database.write() as session:
            now = self._database.now(session)
            removed = tombstones.forget(session, actor.workspace_id, key, sorted(profiles), now)
            audit.record(session, actor, now, "person.forgotten", key.hex()[:16])
        return Receipt(key.hex()[:16], removed)

    def _standing(
        self, destination: Destination, email: str, member: LedgerMember | None, refusal: Refusal | None
    ) -> Standing:
        found = self._source.find(destination.email_attribute, email)
        chosen = {one.segment for one in destination.segments}
        return Standing(
            destination=destination.name,
            profiles=tuple(profile for profile, _ in found),
            segments=tuple(sorted({segment for _, segments in found for segment in segments if segment in chosen})),
            status=Status(member.status).name.lower() if member is not None else None,
            exported=member is not None and member.acknowledged > 0,
            refused=refusal.reason if refusal is not None else None,
        )

    def _key(self, email: str) -> bytes:
        address = addresses.normalise(email)
        if isinstance(address, addresses.Problem):
            raise InvalidInput("This is not an e-mail address.", field="email")
        with self._database.write() as session:
            return Hasher(self._vault.ledger_secret(session)).key(address.normal)
