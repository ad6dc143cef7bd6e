"""Saved exports: what may be saved, what is proposed, who agreed to which consent text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import access, audit, guarding, tagging, timetable
from services.access import Actor
from services.connections import Connections
from services.errors import InvalidInput, NotFound, Refused
from services.mailing import Audience, MergeField, Tag
from services.sources import Attribute, ProfileSource
from storage import ledger, runs
from storage.database import Database
from storage.models import Connection, Destination, DestinationSegment, LedgerTag, RunStatus

CONSENT_VERSION = 1
"""The version of the consent text that is shown; raise it with every change of its wording, so that people are asked again."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Form(BaseModel):
    """What a person fills in, in the wizard or at the command line."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    connection_id: int
    audience_id: Name
    email_attribute: str
    fields: dict[str, str] = Field(default_factory=dict)
    consent_attribute: str | None = None
    consent_values: list[str] = Field(default_factory=list)
    skip_required_fields: bool = False
    segments: list[str]
    tag_names: dict[str, str] = Field(default_factory=dict)
    take_over: bool = False
    schedule: str = "refresh"
    time_zone: str = "UTC"
    channel: str | None = None
    language: str = "en"
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class TakenTag:
    """A tag that has a segment's name already: another destination's if ``ours``, else one from before Postino."""

    name: str
    people: int
    ours: bool


class Destinations:
    """All destinations of all workspaces."""

    def __init__(self, database: Database, source: ProfileSource, connections: Connections) -> None:
        self._database = database
        self._source = source
        self._connections = connections

    def save(self, actor: Actor, form: Form, *, edited: Destination | None = None) -> Destination:
        """Create a destination, or save what was edited. Saving does not run.

        Raises InvalidInput naming the field, LimitExceeded, NotAllowed, and Refused if somebody else edited it meanwhile.
        """
        connection = self._connections.get(actor, form.connection_id)
        if edited is not None:
            access.require_manage(actor, edited)
        self._check(form)
        audience = self._connections.audience(connection, form.audience_id)
        fields = self._connections.merge_fields(connection, form.audience_id)
        self._check_fields(form, fields)
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
        self, actor: Actor, connection_id: int, audience_id: str, edited: Destination | None = None
    ) -> dict[str, TakenTag]:
        """By segment: the tag in the audience that has its name and is not the edited destination's own."""
        connection = self._connections.get(actor, connection_id)
        present = {ledger.fold(tag.name): tag for tag in self._connections.tags(connection, audience_id)}
        with self._database.read() as session:
            claimed, own = tagging.claims(session, connection.account_id, audience_id, edited)
        kept = {chosen.segment for chosen in edited.segments} if edited is not None else set()
        taken: dict[str, TakenTag] = {}
        for segment in self._source.segments():
            folded = ledger.fold(segment.display_name)
            if segment.name in kept or folded in own or folded not in claimed | set(present):
                continue
            tag = present.get(folded)
            name, people = (tag.name, tag.members) if tag is not None else (segment.display_name, 0)
            taken[segment.name] = TakenTag(name, people, ours=folded in claimed)
        return taken

    def visible(self, actor: Actor) -> list[Destination]:
        """All destinations of the workspace, by name: every member may view them."""
        access.require_member(actor)
        with self._database.read() as session:
            statement = select(Destination).where(Destination.workspace_id == actor.workspace_id)
            return list(session.scalars(statement.order_by(Destination.name)))

    def named(self, actor: Actor, name: str) -> Destination:
        """One destination by name, without case. Raises NotFound."""
        for one in self.visible(actor):
            if one.name.casefold() == name.strip().casefold():
                return one
        raise NotFound("There is no destination called {name}.", name=name)

    def get(self, actor: Actor, destination_id: int) -> Destination:
        """One destination. Raises NotFound."""
        for one in self.visible(actor):
            if one.id == destination_id:
                return one
        raise NotFound("This destination does not exist any more.")

    def remove(self, actor: Actor, destination_id: int) -> None:
        """Remove a destination: its schedule stops, its run is cancelled, its tags stay in Mailchimp and are no longer ours.

        Raises Refused while a run of it is sending: it was asked to stop, remove the destination when it has.
        """
        destination = self.get(actor, destination_id)
        access.require_manage(actor, destination)
        with self._database.write() as session:
            now = self._database.now(session)
            sending = False
            for run in runs.unfinished(session, destination_id):
                run.cancel_requested_by = actor.person
                sending = sending or run.status == RunStatus.PROCESSING
            if not sending:
                for tag in session.scalars(select(LedgerTag).where(LedgerTag.destination_id == destination_id)):
                    ledger.release_tag(session, tag)
                session.delete(session.get_one(Destination, destination_id))
                audit.record(session, actor, now, "destination.removed", destination.name)
        if sending:
            raise Refused(
                "{destination} is exporting. It was asked to stop; remove it when it has.", destination=destination.name
            )

    # Saving

    def _check(self, form: Form) -> None:
        if not form.name:
            raise InvalidInput("Give the destination a name.", field="name")
        if not form.agreed:
            raise InvalidInput("Agree to the data privacy and compliance statement first.", field="agreed")
        if not form.email_attribute:
            raise InvalidInput("Choose the attribute that holds the e-mail address.", field="email_attribute")
        attributes = {attribute.name for attribute in self._source.attributes()}
        asked = {"email_attribute": [form.email_attribute], "fields": list(form.fields.values())}
        if form.consent_attribute:
            asked["consent_attribute"] = [form.consent_attribute]
            if not form.consent_values:
                raise InvalidInput("Say which values of the consent attribute allow mailing.", field="consent_values")
        for field, names in asked.items():
            for name in names:
                if name not in attributes:
                    raise InvalidInput("The profiles have no attribute {attribute}.", field=field, attribute=name)
        if form.time_zone not in available_timezones():
            raise InvalidInput(
                "{zone} is not a time zone. It looks like Europe/Rome.", field="time_zone", zone=form.time_zone
            )
        timetable.crontab(form.schedule)
        self.check_segments(form.segments)

    def _check_fields(self, form: Form, fields: Sequence[MergeField]) -> None:
        known = {field.tag for field in fields}
        for merge_tag in form.fields:
            if merge_tag not in known:
                raise InvalidInput("The audience has no merge field {tag}.", field="fields", tag=merge_tag)
        guarding.check_required(fields, list(form.fields), skip=form.skip_required_fields)

    def _tag_names(
        self, form: Form, present: Iterable[Tag], connection: Connection, edited: Destination | None
    ) -> dict[str, str]:
        """Each segment's tag: as asked for, else as the destination has it, else named like the segment.

        A name that a tag of somebody else has is avoided unless it was asked for or is to be taken over.
        """
        foreign = {ledger.fold(tag.name) for tag in present}
        with self._database.read() as session:
            claimed, own = tagging.claims(session, connection.account_id, form.audience_id, edited)
        kept = {chosen.segment: chosen.tag_name for chosen in edited.segments} if edited is not None else {}
        display = {segment.name: segment.display_name for segment in self._source.segments()}
        names: dict[str, str] = {}
        for segment in form.segments:
            name = form.tag_names.get(segment) or kept.get(segment)
            if name is None:
                name = (display.get(segment) or segment)[:80]
                taken = (claimed - own) | (set() if form.take_over else foreign - own)
                taken |= {ledger.fold(other) for other in names.values()}
                name = tagging.free_name(name, taken, form.name)
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
        moved = edited is not None and (edited.audience_id, edited.connection_id) != (audience.id, connection.id)
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
        destination.schedule = form.schedule
        destination.time_zone = form.time_zone
        destination.channel = form.channel
        destination.language = form.language
        destination.consent_version, destination.consent_by, destination.consent_at = CONSENT_VERSION, actor.person, now
        destination.updated_by, destination.updated_at = actor.person, now
        destination.version += 1
        if edited is None:
            destination.refresh_seen = self._source.refresh_marker().id
            session.add(destination)
        destination.segments = [
            DestinationSegment(segment=name, position=at, tag_name=tag_names[name], take_over=form.take_over)
            for at, name in enumerate(form.segments)
        ]
        session.flush()
        tagging.claim(session, destination, connection.account_id, tag_names, release_all=moved)
        action = "destination.created" if edited is None else "destination.edited"
        details = {"consent_version": CONSENT_VERSION, "segments": list(form.segments), "audience": audience.name}
        audit.record(session, actor, now, action, destination.name, details)
        return destination


def propose(attributes: Sequence[Attribute], fields: Sequence[MergeField]) -> tuple[str | None, dict[str, str]]:
    """A mapping from what names and types mean: the address attribute, and an attribute for each merge field that fits."""
    by_meaning: dict[str, str] = {}
    for attribute in sorted(attributes, key=lambda one: -one.fill_rate):
        if attribute.semantic is not None:
            by_meaning.setdefault(attribute.semantic, attribute.name)
    meanings = {"FNAME": "first_name", "LNAME": "last_name", "PHONE": "phone", "BIRTHDAY": "birthday"}
    mapping = {
        field.tag: by_meaning[meanings[field.tag]]
        for field in fields
        if field.tag in ("FNAME", "LNAME") and meanings[field.tag] in by_meaning
    }
    return by_meaning.get("email"), mapping


def _new(actor: Actor, now: datetime) -> Destination:
    return Destination(
        workspace_id=actor.workspace_id,
        created_by=actor.person,
        created_at=now,
        version=0,
        brake_share=0.20,
        brake_people=25,
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
                raise InvalidInput(
                    "{destination} fills the field {tag} of this audience from {attribute}. Use the same attribute here, "
                    "or leave the field out.",
                    field="fields",
                    destination=other.name if other.workspace_id == connection.workspace_id else "Another workspace",
                    tag=merge_tag,
                    attribute=other.fields[merge_tag],
                )


def _already_taken(form: Form, error: IntegrityError) -> InvalidInput:
    if "ledger_tags" in str(error.orig):
        return InvalidInput(
            "One of the tags belongs to another destination on this audience. Give the segment a tag of its own.",
            field="segments",
        )
    return InvalidInput(
        "There is a destination called {name} already. Choose another name.", field="name", name=form.name
    )
