"""One person at a time: why they are exported or not, and forgetting them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from services import access, addresses, audit, masking, moving
from services.access import Actor
from services.destinations import CONSENT_VERSION, Destinations
from services.errors import InvalidInput, PostinoError, Unavailable
from services.hashing import Hasher
from services.mailing import Status
from services.rejects import Problem, listed_as
from services.rules import Class
from services.snapshot import consent
from services.sources import ProfileSource
from storage import decisions, tombstones
from storage.database import Database
from storage.models import FINAL, Destination, LedgerMember, LedgerTag, Refusal, Run, RunReject
from storage.vault import Vault


class Obstacle(enum.StrEnum):
    """The first thing that keeps somebody from being exported to a destination."""

    NO_PROFILE = "no_profile"
    NO_ATTRIBUTE = "no_attribute"  # the source lacks the e-mail or the consent attribute: nobody can be exported
    NO_SEGMENT = "no_segment"
    NO_CONNECTION = "no_connection"
    SUPPRESSED = "suppressed"  # the status says in which way
    REJECTED = "rejected"  # ``refused`` says why
    KEPT_OUT = "kept_out"  # a person decided so, because they had left under another address
    NO_CONSENT = "no_consent"
    RECONNECT = "reconnect"  # Mailchimp takes the connection no more: nobody is exported
    STATEMENT = "statement"  # its text has changed: nobody is exported until it is agreed to again
    NEW = "new"  # not exported yet
    FORGOTTEN = "forgotten"  # on request: never exported again


@dataclass(frozen=True, slots=True)
class Standing:
    """How one person stands in one destination: segments they are in, what the audience showed last, and any refusal.

    ``exported`` says whether this destination wrote to them; ``sent_at`` is when an export last did in its audience, and
    ``sent_by`` whose it was, which may be another destination; ``obstacle`` is what keeps them from being exported, None if
    nothing does.
    """

    destination: str
    profiles: tuple[str, ...]
    segments: tuple[str, ...]
    status: str | None
    exported: bool
    refused: str | None
    sent_at: datetime | None
    sent_by: str | None
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class Sending:
    """When an export last wrote to a member, and the ids of all destinations that did.

    ``by`` is the destination it was, None for one that is gone.
    """

    at: datetime
    by: Destination | None
    destinations: frozenset[int]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What forgetting removed, by kind, and the one tombstone that stays, named by the first half of its key.

    ``audiences`` are those in which Postino knew the person until now; ``forgotten_before`` is when it was asked for first.
    """

    tombstone: str
    removed: dict[str, int]
    audiences: tuple[str, ...]
    in_source: bool
    forgotten_before: datetime | None


def require_address(email: str) -> addresses.Address:
    """The address as it is known by. Raises InvalidInput for what is none: nothing can be stored under it."""
    address = addresses.normalise(email)
    if isinstance(address, addresses.Problem):
        raise InvalidInput(
            "This is not an e-mail address. Postino exports none like it, and nothing is stored under it. "
            "Check how it is written.",
            field="email",
        )
    return address


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
        with self._database.write() as session:
            # Whom it was about would be a trace of them.
            audit.record(session, actor, self._database.now(session), "person.asked_about", "")
            known = tombstones.known_in(session, key)
            refused = tombstones.refused_in(session, key)
            decided = decisions.known_in(session, key)
            forgotten = key in tombstones.keys(session, actor.workspace_id)
            sent = {place: _last_sending(session, member) for place, member in known.items()}
        called = {one.name: one.display_name for one in self._source.segments()}
        standings = []
        found: dict[str, list[tuple[str, list[str]]]] = {}
        consents: dict[tuple[str, ...], list[str | None]] = {}
        destinations = self._destinations.visible(actor)
        chosen = {one.segment for destination in destinations for one in destination.segments}
        for destination in destinations:
            attribute = destination.email_attribute
            lacking = False
            try:
                if attribute not in found:
                    found[attribute] = self._source.find(attribute, email, chosen)
                refuses = self._refuses(destination, found[attribute], consents)
            except InvalidInput as error:
                if not _is_lacking(error):
                    raise
                lacking, refuses = True, False
            place = (destination.connection.account_id if destination.connection else "", destination.audience_id)
            standing = self._standing(
                destination,
                found.get(attribute, []),
                refuses,
                called,
                known.get(place),
                sent.get(place),
                refused.get(place),
                decided.get(place),
            )
            if lacking:
                standing = replace(standing, obstacle=Obstacle.NO_ATTRIBUTE)
            standings.append(replace(standing, obstacle=Obstacle.FORGOTTEN) if forgotten else standing)
        return forgotten, standings

    def forget(self, actor: Actor, email: str) -> Receipt:
        """Remove every trace of a person but one keyed tombstone. Mailchimp and the source are not touched.

        Where the source lacks an attribute that addresses are taken from, what Postino keeps goes all the same. Raises
        Unavailable, and forgets nothing, while the source cannot be read: whose profiles are whose is not known then.
        Asking again, or for somebody who was never known, changes nothing more and gives a receipt too.
        """
        access.require_administrator(actor)
        key = self._key(email)
        destinations = self._destinations.visible(actor)
        profiles, all_found = self._profiles(destinations, email)
        with self._database.write() as session:
            now = self._database.now(session)
            hash_profile = Hasher(self._vault.ledger_secret(session)).profiles(actor.workspace_id)
            hashed = [*map(hash_profile, profiles)]
            stone = tombstones.of(session, actor.workspace_id, key)
            before = stone.forgotten_at if stone is not None else None
            members = tombstones.known_in(session, key)
            known = {audience_id for _, audience_id in members}
            # Under another address they are known by their profile, as those are who left.
            packed = [stone.profiles if stone is not None else b"", *(one.profiles for one in members.values())]
            kept = b"".join(dict.fromkeys([*moving.split(b"".join(packed)), *hashed]))
            # Somebody who has left the source already can only be found by the masked address, which others may share.
            masked = func.lower(RunReject.masked_address) == masking.mask(email.strip()).lower()
            ids = [*profiles, email.strip()]  # which may be the id, too
            listed = RunReject.profile_id.in_([*ids, *(listed_as(one, hash_profile) for one in ids)])
            theirs = listed if profiles and all_found else or_(masked, listed)
            written = email.strip().lower()
            removed = tombstones.forget(session, actor.workspace_id, key, hashed, kept, written, theirs, now)
            audit.record(session, actor, now, "person.forgotten", key.hex()[:16])
        tombstones.let_go(self._database)
        names = {one.audience_name for one in destinations if one.audience_id in known}
        return Receipt(key.hex()[:16], removed, tuple(sorted(names)), bool(profiles), before)

    def _profiles(self, destinations: Sequence[Destination], email: str) -> tuple[list[str], bool]:
        """The profiles with this address in any attribute that some destination takes addresses from.

        And whether the source has all of these attributes.
        """
        found, all_there = set[str](), True
        for attribute in {one.email_attribute for one in destinations}:
            try:
                found |= {profile for profile, _ in self._source.find(attribute, email)}
            except PostinoError as error:
                if not _is_lacking(error):
                    raise Unavailable(
                        "Nothing was forgotten: the source cannot be read now, and it alone tells which profiles are this "
                        "person's. The command doctor shows what is wrong. Put that right, then ask again."
                    ) from error
                all_there = False
        return sorted(found), all_there

    def _standing(
        self,
        destination: Destination,
        found: Sequence[tuple[str, list[str]]],
        refuses: bool,
        called: Mapping[str, str],
        member: LedgerMember | None,
        sent: Sending | None,
        refusal: Refusal | None,
        decided: bool | None,
    ) -> Standing:
        chosen = {one.segment for one in destination.segments}
        within = {segment for _, segments in found for segment in segments if segment in chosen}
        segments = tuple(sorted(called.get(segment, segment) for segment in within))
        profiles = tuple(profile for profile, _ in found)
        status = Status(member.status) if member is not None else None
        refused = refusal.reason if refusal is not None else self._rejected(destination, profiles)
        if refused == Problem.OTHER_ADDRESS and decided:
            refused = None
        by = sent.by if sent is not None else None
        ours = by is not None and by.workspace_id == destination.workspace_id
        return Standing(
            destination=destination.name,
            profiles=profiles,
            segments=segments,
            status=status.name.lower() if status is not None else None,
            exported=sent is not None and destination.id in sent.destinations,
            refused=refused,
            sent_at=sent.at if sent is not None and ours else None,
            sent_by=by.name if by is not None and ours else None,
            obstacle=_obstacle(
                destination, profiles, segments, status, refused, refuses=refuses, kept_out=decided is False
            ),
        )

    def _refuses(
        self,
        destination: Destination,
        found: Sequence[tuple[str, list[str]]],
        consents: dict[tuple[str, ...], list[str | None]],
    ) -> bool:
        """Whether one of the profiles found does not allow mailing, as an export would see it: one refusal is enough.

        ``consents`` keeps what was read, for other destinations that ask for the same.
        """
        attribute = destination.consent_attribute
        chosen = {one.segment for one in destination.segments}
        members: dict[str, list[str]] = {}
        for profile, segments in found:
            for segment in chosen.intersection(segments):
                members.setdefault(segment, []).append(profile)
        if attribute is None or not members:
            return False
        asked = (destination.email_attribute, attribute, *sorted(members))
        if asked not in consents:
            consents[asked] = self._source.values(attribute, members)
        asked_for = consent(attribute, destination.consent_values)
        return asked_for is not None and not all(asked_for.given(consents[asked]))

    def _rejected(self, destination: Destination, profiles: Sequence[str]) -> str | None:
        """Why the destination's last export that sent anything rejected one of these profiles, if it did."""
        with self._database.read() as session:
            last = (
                select(Run.id)
                .where(Run.destination_id == destination.id, Run.status.in_(FINAL), Run.preview.is_(False))
                .where(Run.verifies.is_(None))
                .order_by(Run.id.desc())
                .limit(1)
            )
            rejected = select(RunReject.reason).where(RunReject.run_id == last.scalar_subquery())
            hash_profile = Hasher(self._vault.ledger_secret(session)).profiles(destination.workspace_id)
            listed = [listed_as(profile, hash_profile) for profile in profiles]
            return session.scalar(rejected.where(RunReject.profile_id.in_(listed)).limit(1))

    def _key(self, email: str) -> bytes:
        address = require_address(email)
        with self._database.write() as session:
            return Hasher(self._vault.ledger_secret(session)).key(address.normal)


def _is_lacking(error: PostinoError) -> bool:
    """Whether the source can be read, but lacks an attribute that it was asked for."""
    return isinstance(error, InvalidInput) and error.field == "attributes"


def _last_sending(session: Session, member: LedgerMember) -> Sending | None:
    """What the ledger and its runs tell of it; None if nothing was ever sent.

    A later taking off of a tag leaves no trace but its time, and is no sending: that ended with the run. A rejected change
    leaves none but its run: then the values that the fields show tell whose they are.
    """
    if not member.acknowledged:
        return None
    at, run = datetime.fromtimestamp(member.acknowledged, UTC), session.get(Run, member.run_id)
    if run is not None and run.finished_at is not None:
        at = min(at, run.finished_at)
    if run is not None and member.run_class != Class.REJECTED:
        by: Destination | None = run.destination
    else:
        by = session.get(Destination, member.owner)
    statement = select(LedgerTag.destination_id, LedgerTag.bit).where(
        LedgerTag.ledger_id == member.ledger_id, LedgerTag.folded_name.is_not(None)
    )
    bits = int.from_bytes(member.tags, "little")
    tagged = {owner for owner, bit in session.execute(statement) if owner is not None and bits >> bit & 1}
    return Sending(at, by, frozenset(tagged if by is None else {by.id, *tagged}))


def _obstacle(
    destination: Destination,
    profiles: Sequence[str],
    segments: Sequence[str],
    status: Status | None,
    refused: str | None,
    *,
    refuses: bool,
    kept_out: bool,
) -> Obstacle | None:
    if not profiles:
        return Obstacle.NO_PROFILE
    if not segments:
        return Obstacle.NO_SEGMENT
    if refuses:
        return Obstacle.NO_CONSENT
    if destination.connection is None:
        return Obstacle.NO_CONNECTION
    if status is not None and status is not Status.SUBSCRIBED:
        return Obstacle.SUPPRESSED
    if status is None and kept_out:
        return Obstacle.KEPT_OUT
    if refused is not None:
        return Obstacle.REJECTED
    if destination.connection.reconnect_needed:
        return Obstacle.RECONNECT
    if destination.consent_version < CONSENT_VERSION:
        return Obstacle.STATEMENT
    return Obstacle.NEW if status is None else None
