"""The steps' work: what entering, showing and leaving each of them asks of the services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.people import Person
from bot.views import wizard, wizard_connect, wizard_matching, wizard_segments
from bot.views.blocks import Block
from bot.views.wizard_connect import Choice, Connecting
from bot.views.wizard_matching import Matching
from bot.wiring import Application
from bot.wizard import samples
from services import destinations, guarding
from services.access import Actor, Sharing
from services.destinations import Policies
from services.drafts import OFFERED_ROWS, Answers, Step
from services.errors import InvalidInput, NotFound, PostinoError, Refused
from services.fields import can_fill
from services.runs import Order
from services.signing_in import Origin
from services.terms import Terms, terms_after, terms_of
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
        if answers.step is Step.CONNECT:
            answers.source_problem = self._source_problem(person)
        elif answers.step is Step.AUDIENCE:
            self._forget_absent_audience(person.actor, answers)
        elif answers.step is Step.MATCHING:
            self._propose(answers)
        elif answers.step is Step.SEGMENTS:
            known = {segment.name for segment in self.application.source.segments()}
            answers.vanished = [name for name in answers.segments if name not in known]
            answers.segments = [name for name in answers.segments if name in known]
            self.count(answers)
            answers.taken = self.application.destinations.taken_tags(
                person.actor,
                answers.connection_id or 0,
                answers.audience_id or "",
                answers.name,
                self._edited(person.actor, answers),
            )

    def count(self, answers: Answers) -> None:
        """Count the chosen segments' distinct profiles."""
        answers.forget_counts()
        if answers.segments:
            answers.profiles = self.application.source.count_distinct(answers.segments)

    def look_further(self, person: Person, answers: Answers, go_on: Callable[[], bool]) -> bool:
        """Find out what takes longer than to show the step: how many can be reached; whether there is more to show then.

        Gives up when ``go_on`` says no.
        """
        may_be_exported = 0 < (answers.profiles or 0) <= guarding.PROFILES
        if answers.step is not Step.SEGMENTS or not may_be_exported or answers.reach is not None:
            return False
        try:
            account = self._connection(person.actor, answers).account_id
            found = self.application.reaching.look(person.actor.workspace_id, account, answers.form(), go_on)
        except PostinoError as error:
            answers.reach_problem = person.texts.error(error)
            return True
        if found is not None:  # the source may have been refreshed since the profiles were counted
            answers.reach, answers.reach_problem, answers.profiles = found, None, found.profiles
        return found is not None

    def show(self, person: Person, answers: Answers, draft_id: str, problem: str | None = None) -> Block:
        """The step's view with everything typed so far."""
        match answers.step:
            case Step.CONNECT:
                return self._connect(person, answers, draft_id, problem)
            case Step.AUDIENCE:
                connection = self._connection(person.actor, answers)
                audiences = self.application.connections.audiences(connection)
                green = wizard_connect.connected(person.texts, connection.name, _account(person.actor, connection))
                return wizard_connect.audience(person.texts, answers, draft_id, green, audiences, problem)
            case Step.MATCHING:
                return wizard_matching.matching(person.texts, answers, draft_id, self._matching(answers), problem)
            case Step.SEGMENTS:
                source = self.application.source
                return wizard_segments.segments(
                    person.texts,
                    answers,
                    draft_id,
                    source.segments(),
                    guarding.PROFILES,
                    source.name,
                    problem,
                    policies=person.actor.is_administrator,
                    times=self._times(answers),
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
        edited = self.require_current(person.actor, answers)
        if edited is not None:
            self._check_policies(answers, edited)
        changes = self._changed_terms(person.actor, answers)
        saved = self.application.destinations.save(person.actor, answers.form(), edited=edited)
        self._decide(person.actor, answers, saved)
        problem, previewing = None, False
        if changes is not None:
            try:
                self.application.connections.change(person.actor, answers.connection_id or 0, *changes)
            except PostinoError as error:  # somebody was quicker by a moment: the destination is saved all the same
                problem = person.texts.error(error)
        if answers.preview:
            try:
                self.application.runs.request(person.actor, saved, Order(preview=True))
                previewing = True
            except PostinoError as error:
                problem = " ".join(filter(None, [problem, person.texts.error(error)]))
        times = self.application.schedules.next_times(saved)
        chosen = {one.segment for one in saved.segments}
        dropped = self.application.dropped_tags.of(person.actor, saved.id) if answers.tags_left() else []
        return wizard.Saved(
            destination_id=saved.id,
            name=saved.name,
            audience=saved.audience_name,
            segments=len(saved.segments),
            profiles=answers.profiles,
            schedule=wizard_segments.schedule_text(person.texts, saved.schedule, saved.time_zone),
            times=wizard_segments.next_times(person.texts, times, saved.time_zone) if times else "",
            channel=saved.channel,
            edited=edited is not None,
            previewing=previewing,
            problem=problem,
            unready=self._unready(person, chosen),
            tags_left=wizard_segments.left_behind(person.texts, answers.tags_left()),
            deletable=tuple(one for one in dropped if one.segment in answers.saved_tags),
        )

    def _unready(self, person: Person, chosen: Collection[str]) -> str:
        """Which of these segments are empty or not active; nothing while the source cannot be asked, for all is saved."""
        try:
            offered = self.application.source.segments()
        except PostinoError:
            return ""
        return wizard_segments.unready_text(person.texts, (one for one in offered if one.name in chosen))

    # Step 1

    def _source_problem(self, person: Person) -> str | None:
        try:
            self.application.source.segments()
        except PostinoError as error:
            return person.texts.error(error)
        return None

    def _connect(self, person: Person, answers: Answers, draft_id: str, problem: str | None) -> Block:
        connections = self.application.connections
        choices = [
            Choice(
                one.id,
                one.name,
                one.kind,
                _account(person.actor, one),
                Sharing(one.shared_with),
                tuple(one.shared_people),
                one.reconnect_needed,
                one.contact_ceiling,
            )
            for one in connections.visible(person.actor)
        ]
        self._note_terms(answers, connections.visible(person.actor))
        if not choices and not person.actor.is_administrator:
            return wizard_connect.no_connection(person.texts)
        url = None
        if person.actor.is_administrator and self.application.sign_ins.possible:
            origin = Origin(draft_id=draft_id, language=person.texts.language)
            url = self.application.sign_ins.begin(person.actor, origin)
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
        self.application.connections.mark_reconnect_needed(connection.id, needed=False, by=actor.person)
        if not account.can_write:
            raise Refused(
                "The Mailchimp role {role} cannot add contacts. Connect as somebody with the role Manager, Admin or Owner.",
                role=account.role,
            )

    def _note_terms(self, answers: Answers, connections: Sequence[Connection]) -> None:
        """Note what is shown of the connection's terms: as they are now, unless the person has changed them already."""
        shown = answers.terms if answers.terms_of == answers.connection_id else None
        now = next((terms_of(one) for one in connections if one.id == answers.connection_id), None)
        if shown is None or answers.chosen_terms(shown) == shown:
            if shown is not None and shown != now:
                answers.revision += 1
            answers.forget_terms()
            answers.terms, answers.terms_of = now, answers.connection_id

    def _changed_terms(self, actor: Actor, answers: Answers) -> tuple[Terms, Terms] | None:
        """The connection's terms as an administrator was shown them, and as they chose them; None if nothing changes.

        Raises Refused, and goes back to the first step, if somebody else has changed the same meanwhile.
        """
        shown = answers.terms if answers.terms_of == answers.connection_id else None
        if shown is None or not actor.is_administrator or answers.chosen_terms(shown) == shown:
            return None
        chosen = answers.chosen_terms(shown)
        try:
            terms_after(self._connection(actor, answers), shown, chosen)
        except Refused:
            answers.forget_terms()
            answers.step = Step.CONNECT
            answers.revision += 1
            raise
        return shown, chosen

    # Step 2

    def _forget_absent_audience(self, actor: Actor, answers: Answers) -> None:
        """Forget the audience of another account, or one that is gone: who goes on must choose one that there is."""
        if answers.audience_id is None:
            return
        connection, connections = self._connection(actor, answers), self.application.connections
        if any(one.id == answers.audience_id for one in connections.audiences(connection, lately=True)):
            return
        try:
            connections.audience(connection, answers.audience_id)
        except NotFound:
            answers.audience_id, answers.audience_name, answers.audience_members = None, "", 0
            answers.revision += 1

    def _leave_audience(self, actor: Actor, answers: Answers) -> None:
        connection = self._connection(actor, answers)
        wanted = (answers.audience_typed if answers.audience_by_id else answers.audience_id) or ""
        try:
            audience = self.application.connections.audience(connection, wanted)
            offered = self.application.connections.merge_fields(connection, wanted)
        except NotFound:
            raise InvalidInput(
                "This Mailchimp account has no audience {audience}. Choose one from the list, or check the ID.",
                field="audience",
                audience=wanted,
            ) from None
        answers.audience_id, answers.audience_typed, answers.audience_by_id = audience.id, "", False
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
        required = [field.tag for field in answers.offered if field.required and can_fill(field)]
        answers.rows += [tag for tag in OFFERED_ROWS if tag in tags and tag not in answers.rows]
        answers.rows += [tag for tag in required if tag not in answers.rows]
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

    # Step 4

    def _times(self, answers: Answers) -> list[datetime]:
        """The next times of the schedule as it is typed; none while it means nothing."""
        try:
            return self.application.schedules.upcoming(answers.timetable(), answers.time_zone)
        except InvalidInput:
            return []

    def _decide(self, actor: Actor, answers: Answers, saved: Destination) -> None:
        """Set who approves the exports and the brake, if an administrator changed it: what others decided meanwhile stays."""
        shown, chosen = _policies(answers, saved)
        if not actor.is_administrator or shown == chosen:
            return
        self.application.destinations.set_policies(actor, saved.id, chosen, shown=shown)

    def _check_policies(self, answers: Answers, edited: Destination) -> None:
        """Raises Refused, before anything is saved, if somebody else has decided the same meanwhile; that shows then."""
        shown, chosen = _policies(answers, edited)
        now = destinations.policies_of(edited)
        if now.after(shown, chosen) is None:
            answers.approval, answers.approval_above = now.approval, now.approval_above
            answers.approval_before = (now.approval, now.approval_above)
            answers.brake_percent, answers.brake_people, answers.brake_before = (
                now.brake.percent,
                now.brake.people,
                now.brake,
            )
            answers.revision += 1
            raise destinations.overruled(edited)

    # Both ends

    def _connection(self, actor: Actor, answers: Answers) -> Connection:
        return self.application.connections.get(actor, answers.connection_id or 0)

    def require_current(self, actor: Actor, answers: Answers) -> Destination | None:
        """The destination that is edited, None for a new one.

        Raises NotFound, NotAllowed, and Refused if somebody else has changed it since: then nothing can be saved.
        """
        edited = self._edited(actor, answers)
        if edited is not None and edited.version != answers.destination_version:
            raise Refused(
                "Somebody else changed {destination} meanwhile. Open it again; your entries were not saved.",
                destination=edited.name,
            )
        return edited

    def _edited(self, actor: Actor, answers: Answers) -> Destination | None:
        if answers.destination_id is None:
            return None
        return self.application.destinations.get(actor, answers.destination_id)


def _account(actor: Actor, connection: Connection) -> str | None:
    """The connection's account by name, for who may know it."""
    return connection.account_name if actor.is_administrator else None


def _policies(answers: Answers, destination: Destination) -> tuple[Policies, Policies]:
    """The destination's policies with what the wizard decides of them as it was shown, and as it was chosen."""
    now = destinations.policies_of(destination)
    approval, above = answers.approval_before
    brake = answers.brake_before
    chosen = {
        "approval": answers.approval,
        "approval_above": answers.approval_above,
        "brake": brake.entered(answers.brake_percent, answers.brake_people),
    }
    shown = {"approval": approval, "approval_above": above, "brake": brake}
    return now.model_copy(update=shown), now.model_copy(update=chosen)


def choose(answers: Answers, connection_id: int) -> None:
    """Choose a connection that was just made, over whatever the open view shows."""
    answers.connection_id, answers.just_connected, answers.key_asked = connection_id, connection_id, False
    answers.forget_terms()
    answers.revision += 1
