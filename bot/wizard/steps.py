"""The steps' work: what entering, showing and leaving each of them asks of the services."""

from __future__ import annotations

from dataclasses import dataclass

from bot.people import Person
from bot.views import wizard, wizard_connect, wizard_matching, wizard_segments
from bot.views.blocks import Block
from bot.views.wizard_connect import Choice, Connecting
from bot.views.wizard_matching import Matching
from bot.wiring import Application
from bot.wizard import samples
from services import destinations, guarding
from services.access import Actor, Sharing
from services.drafts import OFFERED_ROWS, Answers, Step
from services.errors import InvalidInput, NotFound, PostinoError, Refused
from services.runs import Order
from storage.models import Connection, Destination


@dataclass(frozen=True, slots=True)
class Steps:
    """All four, over one application. Everything here may raise what the services raise."""

    application: Application

    def name_of(self, value: str) -> str:
        """The attribute or segment behind an option's value."""
        if not value.startswith(wizard.LONG):
            return value
        source = self.application.source
        return wizard.name_of(value, [*source.attributes(), *source.segments()])

    def enter(self, person: Person, answers: Answers) -> None:
        """Look up what a step needs before it is shown, and propose what can be proposed."""
        if answers.step is Step.MATCHING:
            self._propose(answers)
        elif answers.step is Step.SEGMENTS:
            known = {segment.name for segment in self.application.source.segments()}
            answers.vanished = [name for name in answers.segments if name not in known]
            answers.segments = [name for name in answers.segments if name in known]
            self.count(answers)
            answers.taken = self.application.destinations.taken_tags(
                person.actor, answers.connection_id or 0, answers.audience_id or "", self._edited(person.actor, answers)
            )

    def count(self, answers: Answers) -> None:
        """Count the chosen segments' distinct profiles."""
        chosen = answers.segments
        answers.profiles = self.application.source.count_distinct(chosen) if chosen else None

    def show(self, person: Person, answers: Answers, draft_id: str, problem: str | None = None) -> Block:
        """The step's view with everything typed so far."""
        match answers.step:
            case Step.CONNECT:
                return self._connect(person, answers, draft_id, problem)
            case Step.AUDIENCE:
                connection = self._connection(person.actor, answers)
                audiences = self.application.connections.audiences(connection)
                account = connection.account_name
                return wizard_connect.audience(person.texts, answers, draft_id, account, audiences, problem)
            case Step.MATCHING:
                return wizard_matching.matching(person.texts, answers, draft_id, self._matching(answers), problem)
            case Step.SEGMENTS:
                source = self.application.source
                return wizard_segments.segments(
                    person.texts, answers, draft_id, source.segments(), guarding.PROFILES, source.name, problem
                )

    def leave(self, person: Person, answers: Answers, api_key: str | None) -> None:
        """Do what the step asks of Mailchimp before the next one."""
        if answers.step is Step.CONNECT:
            self._leave_connect(person.actor, answers, api_key)
        elif answers.step is Step.AUDIENCE:
            self._leave_audience(person.actor, answers)

    def connect(self, actor: Actor, answers: Answers, api_key: str) -> None:
        """Connect the account of an API key; of the key only the connection is kept."""
        connection = self.application.connections.add_with_key(actor, None, api_key)
        choose(answers, connection.id)

    def save(self, person: Person, answers: Answers) -> wizard.Saved:
        """Save the destination, and request a preview if that was asked for."""
        edited = self._edited(person.actor, answers)
        if edited is not None and edited.version != answers.destination_version:
            raise Refused(
                "Somebody else changed {destination} meanwhile. Open it again; your entries were not saved.",
                destination=edited.name,
            )
        saved = self.application.destinations.save(person.actor, answers.form(), edited=edited)
        problem = None
        if answers.preview:
            try:
                self.application.runs.request(person.actor, saved, Order(preview=True))
            except PostinoError as error:
                problem = person.texts.error(error)
        return wizard.Saved(
            destination_id=saved.id,
            name=saved.name,
            audience=saved.audience_name,
            account=saved.connection.account_name if saved.connection else "",
            segments=len(saved.segments),
            profiles=answers.profiles,
            schedule=wizard_segments.schedule_text(person.texts, saved.schedule),
            channel=saved.channel,
            edited=edited is not None,
            previewing=answers.preview and problem is None,
            problem=problem,
        )

    # Step 1

    def _connect(self, person: Person, answers: Answers, draft_id: str, problem: str | None) -> Block:
        connections = self.application.connections
        choices = [
            Choice(
                one.id,
                one.name,
                one.account_name,
                Sharing(one.shared_with),
                tuple(one.shared_people),
                one.reconnect_needed,
            )
            for one in connections.visible(person.actor)
        ]
        if not choices and not person.actor.is_administrator:
            return wizard_connect.no_connection(person.texts)
        url = None
        if person.actor.is_administrator and connections.can_sign_in:
            url = connections.begin_sign_in(person.actor, draft_id)
        shown = Connecting(choices, self.application.source.name, person.actor.is_administrator, url)
        return wizard_connect.connect(person.texts, answers, draft_id, shown, problem)

    def _leave_connect(self, actor: Actor, answers: Answers, api_key: str | None) -> None:
        for one in self.application.destinations.visible(actor):
            if one.name.casefold() == answers.name.casefold() and one.id != answers.destination_id:
                raise InvalidInput(
                    "There is a destination called {name} already. Choose another name.",
                    field="name",
                    name=answers.name,
                )
        if api_key is not None:
            self.connect(actor, answers, api_key)
        connection = self._connection(actor, answers)
        account = self.application.connections.account(connection)
        if not account.can_write:
            raise Refused(
                "The Mailchimp role {role} cannot add contacts. Connect somebody with the role Manager, Admin or Owner.",
                role=account.role,
            )
        self._share(actor, answers, connection)

    def _share(self, actor: Actor, answers: Answers, connection: Connection) -> None:
        if answers.sharing is None or not actor.is_administrator:
            return
        people = answers.shared_people if answers.sharing is Sharing.PEOPLE else []
        if (answers.sharing, people) != (connection.shared_with, connection.shared_people):
            self.application.connections.share(actor, connection.id, answers.sharing, people)

    # Step 2

    def _leave_audience(self, actor: Actor, answers: Answers) -> None:
        connection = self._connection(actor, answers)
        wanted = answers.audience_typed or answers.audience_id or ""
        try:
            audience = self.application.connections.audience(connection, wanted)
            offered = self.application.connections.merge_fields(connection, wanted)
        except NotFound:
            raise InvalidInput(
                "This Mailchimp account has no audience {audience}. Choose one from the list, or check the ID.",
                field="audience",
                audience=wanted,
            ) from None
        answers.audience_id, answers.audience_typed = audience.id, ""
        answers.audience_name, answers.audience_members = audience.name, audience.members
        answers.offered = list(offered)

    # Step 3

    def _propose(self, answers: Answers) -> None:
        source = self.application.source
        attributes = source.attributes()
        known = {one.name for one in attributes}
        tags = {field.tag for field in answers.offered}
        answers.rows = [tag for tag in answers.rows if tag in tags]
        answers.fields = {tag: name for tag, name in answers.fields.items() if tag in tags and name in known}
        if answers.email_attribute not in known:
            answers.email_attribute = None
        if answers.matched_for == answers.audience_id:
            return
        email, fields = destinations.propose(attributes, answers.offered)
        if answers.email_attribute is None:
            answers.email_attribute = email or samples.holding_addresses(source, attributes)
        answers.rows += [tag for tag in OFFERED_ROWS if tag in tags and tag not in answers.rows]
        answers.fields = {**fields, **answers.fields}
        answers.matched_for = answers.audience_id

    def _matching(self, answers: Answers) -> Matching:
        source = self.application.source
        attributes = source.attributes()
        known = {one.name: one for one in attributes}
        chosen = [name for name in [answers.email_attribute, *answers.fields.values()] if name in known]
        consent = known.get(answers.consent_attribute or "")
        return Matching(
            source=source.name,
            attributes=attributes,
            samples=samples.examples(source, [name for name in chosen if name]),
            seen=samples.distinct(source, consent) if consent is not None else (),
            menus=len(answers.rows) + 2,
        )

    # Both ends

    def _connection(self, actor: Actor, answers: Answers) -> Connection:
        return self.application.connections.get(actor, answers.connection_id or 0)

    def _edited(self, actor: Actor, answers: Answers) -> Destination | None:
        if answers.destination_id is None:
            return None
        return self.application.destinations.get(actor, answers.destination_id)


def choose(answers: Answers, connection_id: int) -> None:
    """Choose a connection that was just made, over whatever the open view shows."""
    answers.connection_id, answers.key_asked = connection_id, False
    answers.sharing, answers.shared_people = None, []
    answers.revision += 1
