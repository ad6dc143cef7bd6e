"""Saved exports: who may see, save and change them, which tags they have, who agreed to which consent text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import access, audit, binding, forms, guarding, tagging
from services.access import Actor
from services.connections import Connections
from services.errors import InvalidInput, NotFound, Refused
from services.forms import CONSENT_VERSION as CONSENT_VERSION
from services.forms import Brake as Brake
from services.forms import Form as Form
from services.forms import Policies as Policies
from services.forms import policies_of as policies_of
from services.forms import propose as propose
from services.mailing import Audience, Tag
from services.nearest import NoSuchDestination
from services.sources import ProfileSource
from storage import ledger
from storage.database import Database
from storage.models import Connection, Destination, DestinationSegment, Json


@dataclass(frozen=True, slots=True)
class TakenTag:
    """A tag that has a segment's name already: another destination's if ``ours``, else one from before Postino.

    ``instead`` is the name the segment's own tag gets unless this one is taken over.
    """

    name: str
    people: int
    ours: bool
    instead: str


class Destinations:
    """All destinations of all workspaces."""

    def __init__(self, database: Database, source: ProfileSource, connections: Connections) -> None:
        self._database = database
        self._source = source
        self._connections = connections

    def save(self, actor: Actor, form: Form, *, edited: Destination | None = None) -> Destination:
        """Create a destination, or save what was edited. Saving does not run; a preview of what was before ends.

        Raises InvalidInput naming the field, LimitExceeded, NotAllowed, and Refused if somebody else edited it meanwhile, or
        if what is being sent right now would change.
        """
        connection = self._connections.get(actor, form.connection_id)
        if edited is not None:
            access.require_manage(actor, edited)
        forms.check(form, [attribute.name for attribute in self._source.attributes()])
        self.check_segments(form.segments)
        audience = self._connections.audience(connection, form.audience_id)
        fields = self._connections.merge_fields(connection, form.audience_id)
        forms.check_fields(form, fields)
        tag_names = self._tag_names(form, self._connections.tags(connection, form.audience_id), connection, edited)
        try:
            with self._database.write() as session:
                saved = self._store(session, actor, form, connection, audience, tag_names, edited)
            return self.get(actor, saved.id)
        except IntegrityError as error:
            raise _already_taken(form, error) from None

    def check_segments(self, names: Sequence[str]) -> int:
        """How many distinct profiles the segments hold. Raises InvalidInput and LimitExceeded."""
        if not names:
            raise InvalidInput("Choose at least one segment.", field="segments")
        known = {segment.name for segment in self._source.segments()}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidInput("The source has no segment {names}.", field="segments", names=", ".join(unknown))
        count = self._source.count_distinct(names)
        guarding.check_profiles(count)
        return count

    def taken_tags(
        self, actor: Actor, connection_id: int, audience_id: str, destination: str, edited: Destination | None = None
    ) -> dict[str, TakenTag]:
        """By segment: the tag in the audience that has its name and is not the edited destination's own.

        ``destination`` is the name of what is being set up.
        """
        connection = self._connections.get(actor, connection_id)
        tags = self._connections.tags(connection, audience_id)
        present = {ledger.fold(tag.name): tag for tag in tags}
        with self._database.read() as session:
            claimed, own = tagging.claims(session, connection.account_id, audience_id, tags, edited)
            lost = tagging.lost(session, tags, edited) if edited is not None else {}
        kept = {chosen.segment for chosen in edited.segments} if edited is not None else set()
        names = claimed | set(present)
        taken = {
            segment: TakenTag(
                tag.name,
                tag.members,
                ledger.fold(tag.name) in claimed - own,
                tagging.free_name(tag.name[:80], names, destination),
            )
            for segment, tag in lost.items()
        }
        for segment in self._source.segments():
            folded = ledger.fold(segment.display_name)
            if segment.name in kept or folded in own or folded not in names:
                continue
            tag = present.get(folded)
            name, people = (tag.name, tag.members) if tag is not None else (segment.display_name, 0)
            instead = tagging.free_name(segment.display_name[:80], names, destination)
            taken[segment.name] = TakenTag(name, people, folded in claimed, instead)
        return taken

    def visible(self, actor: Actor) -> list[Destination]:
        """All destinations of the workspace that are not being removed, by name: every member may view them."""
        access.require_member(actor)
        with self._database.read() as session:
            statement = select(Destination).where(
                Destination.workspace_id == actor.workspace_id, Destination.removal.is_(None)
            )
            return list(session.scalars(statement.order_by(Destination.name)))

    def named(self, actor: Actor, name: str) -> Destination:
        """One destination by name, without case. Raises NoSuchDestination, which knows the nearest one."""
        visible = self.visible(actor)
        for one in visible:
            if one.name.casefold() == name.strip().casefold():
                return one
        raise NoSuchDestination(name, visible)

    def get(self, actor: Actor, destination_id: int) -> Destination:
        """One destination. Raises NotFound."""
        for one in self.visible(actor):
            if one.id == destination_id:
                return one
        raise NotFound("This destination does not exist any more.")

    def set_policies(
        self, actor: Actor, destination_id: int, chosen: Policies, *, shown: Policies | None = None
    ) -> Destination:
        """Decide what waits for a person, and who is told. Counts from the next step of a run that goes on already.

        Of somebody who was ``shown`` policies only what they changed is written. Raises NotFound, NotAllowed for everybody
        but administrators, and Refused if somebody else changed the same meanwhile.
        """
        access.require_administrator(actor)
        self.get(actor, destination_id)
        with self._database.write() as session:
            destination = session.get_one(Destination, destination_id)
            now_held = policies_of(destination)
            policies = now_held.after(shown if shown is not None else now_held, chosen)
            if policies is None:
                raise overruled(destination)
            destination.approval, destination.approval_above = policies.approval, policies.approval_above
            destination.brake_share, destination.brake_people = policies.brake.share, policies.brake.people
            destination.in_workflows = policies.in_workflows
            destination.mentions, destination.quiet = list(policies.mentions), policies.quiet
            now = self._database.now(session)
            if policies.digest is None or destination.digested_until is None:
                destination.digested_until = now if policies.digest is not None else None
            destination.digest_hour = policies.digest
            details = policies.model_dump(mode="json")
            audit.record(session, actor, now, "destination.policies", destination.name, details)
        return self.get(actor, destination_id)

    def take_over_tags(self, actor: Actor, destination_id: int) -> Destination:
        """Let the destination have the foreign tags that have the names of its own; from the next run on they follow it.

        Raises NotFound, NotAllowed, and Refused if there are none.
        """
        destination = self.get(actor, destination_id)
        access.require_manage(actor, destination)
        connection = self._connections.get(actor, destination.connection_id or 0)
        present = self._connections.tags(connection, destination.audience_id)
        with self._database.write() as session:
            row = session.get_one(Destination, destination_id)
            found = tagging.lost(session, present, row)
            if not found:
                raise Refused("{destination} has all its tags. Preview the export again.", destination=row.name)
            for chosen in row.segments:
                chosen.take_over = chosen.take_over or chosen.segment in found
            row.version += 1
            details = {"tags": [tag.name for tag in found.values()]}
            audit.record(session, actor, self._database.now(session), "destination.tags_taken_over", row.name, details)
        return self.get(actor, destination_id)

    # Saving

    def _tag_names(
        self, form: Form, present: Iterable[Tag], connection: Connection, edited: Destination | None
    ) -> dict[str, str]:
        """Each segment's tag: as asked for, else as the destination has it, else named like the segment.

        A name that a tag of somebody else has is avoided unless it was asked for or is to be taken over.
        """
        present = list(present)
        foreign = {ledger.fold(tag.name) for tag in present}
        with self._database.read() as session:
            claimed, own = tagging.claims(session, connection.account_id, form.audience_id, present, edited)
            lost = tagging.lost(session, present, edited) if edited is not None else {}
        others = claimed - own
        left = {
            segment for segment, tag in lost.items() if not form.takes_over(segment) or ledger.fold(tag.name) in others
        }
        own -= {ledger.fold(lost[segment].name) for segment in left}
        kept = {chosen.segment: chosen.tag_name for chosen in edited.segments} if edited is not None else {}
        kept = {segment: name for segment, name in kept.items() if segment not in left}
        display = {segment.name: segment.display_name for segment in self._source.segments()}
        names: dict[str, str] = {}
        for segment in form.segments:
            name = form.tag_names.get(segment) or kept.get(segment)
            if name is None:
                name = (display.get(segment) or segment)[:80]
                taken = (claimed - own) | (set() if form.takes_over(segment) else foreign - own)
                taken |= {ledger.fold(other) for other in names.values()}
                name = tagging.free_name(name, taken, form.name)
            elif name != kept.get(segment) and ledger.fold(name) in others:
                raise _tag_of_another()
            names[segment] = " ".join(name.split())[:100]
        return names

    def _store(
        self,
        session: Session,
        actor: Actor,
        form: Form,
        connection: Connection,
        audience: Audience,
        tag_names: Mapping[str, str],
        edited: Destination | None,
    ) -> Destination:
        now = self._database.now(session)
        _check_field_owners(session, form, connection, edited)
        destination = _fresh(session, edited) if edited is not None else _new(actor, now)
        before = _settings(destination) if edited is not None else None
        recorded = _recorded(destination) if edited is not None else {}
        destination.name = form.name
        destination.connection_id = connection.id
        destination.audience_id = audience.id
        destination.audience_name = audience.name[:200]
        destination.audience_web_link = audience.web_link
        destination.email_attribute = form.email_attribute
        destination.fields = dict(form.fields)
        destination.consent_attribute = form.consent_attribute
        destination.consent_values = list(form.consent_values)
        destination.skip_required_fields = form.skip_required_fields
        if (destination.schedule, destination.time_zone) != (form.schedule, form.time_zone):
            # A new schedule begins now: it does not owe what the old one would have run.
            destination.schedule, destination.time_zone = form.schedule, form.time_zone
            destination.next_run_at = None
            destination.refresh_seen = self._source.refresh_marker().id[:200]
        destination.channel = form.channel
        destination.language = form.language
        destination.consent_version, destination.consent_by, destination.consent_at = CONSENT_VERSION, actor.person, now
        destination.updated_by, destination.updated_at = actor.person, now
        destination.version += 1
        taken_over = {one.segment for one in destination.segments if one.take_over}
        if edited is None:
            session.add(destination)
        destination.segments = [
            DestinationSegment(segment=name, position=at, tag_name=tag_names[name], take_over=form.takes_over(name))
            for at, name in enumerate(form.segments)
        ]
        if before is not None and before != binding.settings_of(destination, connection.account_id):
            binding.require_not_sending(session, destination)
            binding.end_outdated(session, destination, connection.account_id, now)
        session.flush()
        tagging.claim(session, destination, connection.account_id, tag_names, taken_over=taken_over)
        action = "destination.created" if edited is None else "destination.edited"
        changed = {name: value for name, value in _recorded(destination).items() if recorded.get(name) != value}
        audit.record(session, actor, now, action, destination.name, {"consent_version": CONSENT_VERSION, **changed})
        return destination


def overruled(destination: Destination) -> Refused:
    """The error for policies that somebody else changed after they were shown."""
    return Refused(
        "Somebody else changed the policies of {destination} meanwhile. What holds now is shown here; change it again if "
        "it is still needed.",
        destination=destination.name,
    )


def _settings(destination: Destination) -> str:
    """What the destination's exports are bound to as it stands."""
    account = destination.connection.account_id if destination.connection is not None else ""
    return binding.settings_of(destination, account)


def _recorded(destination: Destination) -> Json:
    """What the audit trail tells of a destination when it is made, and of every edit as far as it changed."""
    return {
        "name": destination.name,
        "audience": destination.audience_name,
        "audience_id": destination.audience_id,
        "connection": destination.connection_id,
        "email": destination.email_attribute,
        "fields": dict(destination.fields),
        "consent": destination.consent_attribute,
        "consent_values": list(destination.consent_values),
        "skip_required_fields": destination.skip_required_fields,
        "segments": {chosen.segment: chosen.tag_name for chosen in destination.segments},
        "schedule": destination.schedule,
        "time_zone": destination.time_zone,
        "channel": destination.channel,
        "language": destination.language,
    }


def _new(actor: Actor, now: datetime) -> Destination:
    return Destination(
        workspace_id=actor.workspace_id,
        created_by=actor.person,
        created_at=now,
        version=0,
        brake_share=Brake().share,
        brake_people=Brake().people,
    )


def _fresh(session: Session, edited: Destination) -> Destination:
    """The row as it is now, if nobody saved it since ``edited`` was read."""
    row = session.get(Destination, edited.id)
    if row is None:
        raise NotFound("This destination does not exist any more.")
    if row.version != edited.version:
        raise Refused(
            "Somebody else changed {destination} meanwhile. Open it again; your entries were not saved.",
            destination=row.name,
        )
    return row


def _check_field_owners(session: Session, form: Form, connection: Connection, edited: Destination | None) -> None:
    """One merge field of an audience is filled from one attribute, or two destinations would undo each other for ever."""
    neighbours = session.scalars(
        select(Destination)
        .join(Connection, Destination.connection_id == Connection.id)
        .where(Connection.account_id == connection.account_id, Destination.audience_id == form.audience_id)
    )
    for other in neighbours:
        if edited is not None and other.id == edited.id:
            continue
        for merge_tag, attribute in form.fields.items():
            if other.fields.get(merge_tag, attribute) != attribute:
                ours = other.workspace_id == connection.workspace_id
                raise InvalidInput(
                    "{destination} fills the field {tag} of this audience from {attribute}. Use the same attribute here, "
                    "or leave the field out."
                    if ours
                    else "Another workspace fills the field {tag} of this audience from {attribute}. Use the same attribute "
                    "here, or leave the field out.",
                    field="fields",
                    destination=other.name if ours else "",
                    tag=merge_tag,
                    attribute=other.fields[merge_tag],
                )


def _tag_of_another() -> InvalidInput:
    return InvalidInput(
        "One of the tags belongs to another destination on this audience. Give the segment a tag of its own.",
        field="segments",
    )


def _already_taken(form: Form, error: IntegrityError) -> InvalidInput:
    if "ledger_tags" in str(error.orig):
        return _tag_of_another()
    return InvalidInput(
        "There is a destination called {name} already. Choose another name.", field="name", name=form.name
    )
