"""What somebody has typed into the wizard so far. Never a credential, never a profile's data."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from services.access import Actor, Sharing
from services.approving import Approval
from services.destinations import CONSENT_VERSION, Brake, Form, TakenTag, policies_of
from services.errors import NotFound
from services.mailing import MergeField
from services.reaching import Reach
from services.terms import Terms, terms
from storage import drafts
from storage.database import Database
from storage.models import Destination

KEPT = timedelta(days=7)
"""A draft nobody touches is forgotten after a week."""

OFFERED_ROWS = ("FNAME", "LNAME")
"""The merge fields every new Mailchimp audience has: their rows show without being asked for."""


class Step(enum.IntEnum):
    """The wizard's steps, in order."""

    CONNECT = 1
    AUDIENCE = 2
    MATCHING = 3
    SEGMENTS = 4


class Answers(BaseModel):
    """Everything typed so far, and where the wizard stands.

    ``turn`` counts what the person did: slow work for an earlier turn must not show over a later one; ``touched`` says
    whether anything would be lost with the draft. ``just_connected`` is the connection that was made here last; ``ceiling`` is
    the chosen connection's, empty for none, None while it was not asked; ``terms`` are those that were shown, of the connection
    ``terms_of``. ``rows`` are the merge fields that have a row in step 3, in their order; ``fields`` what they are filled from;
    ``offered`` all merge fields of the audience, kept so that redrawing asks Mailchimp nothing; ``reach`` is how many of the
    ``profiles`` can be reached, None while that is not known, ``reach_problem`` why it cannot be counted. ``saved_tags`` are
    the edited destination's tags by segment, ``saved_audience`` its connection and audience, ``approval_before`` who approved
    its exports, ``brake_before`` its brake. ``revision`` makes Slack forget what it remembers of inputs that we filled anew;
    ``submitted`` is the view last submitted, and when (Unix seconds), so that one that is delivered twice counts once;
    ``refused`` are the inputs for which it was sent back, so that what is drawn after it says so, too; ``acted_at`` is
    Slack's time of the newest act, because acts overtake each other.
    """

    model_config = ConfigDict(extra="ignore")

    step: Step = Step.CONNECT
    turn: int = 0
    touched: bool = False
    revision: int = 0
    submitted: str = ""
    submitted_at: float = 0.0
    refused: list[str] = Field(default_factory=list)
    acted_at: float = 0.0
    view_id: str | None = None
    language: str = "en"

    destination_id: int | None = None
    destination_version: int | None = None
    name: str = ""
    connection_id: int | None = None
    just_connected: int | None = None
    key_asked: bool = False
    sharing: Sharing | None = None
    shared_people: list[str] = Field(default_factory=list)
    ceiling: str | None = None
    terms: Terms | None = None
    terms_of: int | None = None
    agreed: bool = False

    audience_id: str | None = None
    audience_typed: str = ""
    audience_by_id: bool = False
    audience_name: str = ""
    audience_members: int = 0
    offered: list[MergeField] = Field(default_factory=list)
    matched_for: str | None = None

    email_attribute: str | None = None
    rows: list[str] = Field(default_factory=list)
    fields: dict[str, str] = Field(default_factory=dict)
    skip_required_fields: bool = False
    consent_attribute: str | None = None
    consent_values: list[str] = Field(default_factory=list)

    source_problem: str | None = None
    taken: dict[str, TakenTag] = Field(default_factory=dict)
    vanished: list[str] = Field(default_factory=list)
    segments: list[str] = Field(default_factory=list)
    profiles: int | None = None
    reach: Reach | None = None
    reach_problem: str | None = None
    take_over: list[str] = Field(default_factory=list)
    saved_tags: dict[str, str] = Field(default_factory=dict)
    saved_audience: tuple[int | None, str] | None = None
    schedule: str = "refresh"
    time: str = "07:00"
    weekday: str = "mon"
    cron: str = ""
    time_zone: str = "UTC"
    channel: str | None = None
    channel_language: str | None = None
    preview: bool = False
    approval: Approval = Approval.NEVER
    approval_above: int | None = None
    approval_before: tuple[Approval, int | None] = (Approval.NEVER, None)
    brake_percent: int = Brake().percent
    brake_people: int = Brake().people
    brake_before: Brake = Brake()

    def chosen_terms(self, shown: Terms) -> Terms:
        """The connection's terms as the person wants them, where ``shown`` is what they saw."""
        people = tuple(self.shared_people) if self.sharing is not None else shown.people
        ceiling = shown.ceiling if self.ceiling is None else int(self.ceiling or 0) or None
        return terms(self.sharing or shown.sharing, people, ceiling)

    def forget_terms(self) -> None:
        """Forget what was shown and chosen of the connection's terms: what holds is shown next."""
        self.sharing, self.shared_people, self.ceiling, self.terms, self.terms_of = None, [], None, None, None

    def choose_segments(self, chosen: Sequence[str]) -> None:
        """Choose other segments; nothing is known of the people in them then."""
        if set(chosen) != set(self.segments):
            self.segments = list(chosen)
            self.forget_counts()

    def forget_counts(self) -> None:
        """Forget what was counted of the people in the chosen segments."""
        self.profiles = self.reach = self.reach_problem = None

    def missing_fields(self) -> list[MergeField]:
        """The merge fields the audience requires and nothing fills."""
        return [field for field in self.offered if field.required and not self.fields.get(field.tag)]

    def tags_left(self) -> list[str]:
        """The tags the edited destination has and will not have any more: they stay on their people in Mailchimp."""
        # Whichever connection leads there: an audience belongs to one account, and no other has its id.
        moved = self.saved_audience is not None and self.saved_audience[1] != self.audience_id
        return [tag for segment, tag in self.saved_tags.items() if moved or segment not in self.segments]

    def become_copy(self, name: str) -> None:
        """Be the answers of a new destination: with tags of its own, and a consent of its own to give."""
        self.destination_id = self.destination_version = self.saved_audience = None
        self.name, self.agreed = name, False
        self.saved_tags, self.take_over = {}, []
        self.approval_before, self.brake_before = (Approval.NEVER, None), Brake()
        self.revision += 1

    def timetable(self) -> str:
        """The schedule as it is stored."""
        rest = {"daily": self.time, "weekly": f"{self.weekday} {self.time}", "cron": self.cron}.get(self.schedule)
        return f"{self.schedule} {rest}" if rest is not None else self.schedule

    def form(self) -> Form:
        """The answers as what is saved."""
        return Form(
            name=self.name,
            connection_id=self.connection_id or 0,
            audience_id=self.audience_id or "",
            email_attribute=self.email_attribute or "",
            fields={tag: self.fields[tag] for tag in self.rows if self.fields.get(tag)},
            consent_attribute=self.consent_attribute,
            consent_values=self.consent_values if self.consent_attribute else [],
            skip_required_fields=self.skip_required_fields,
            segments=self.segments,
            take_over=self.take_over,
            schedule=self.timetable(),
            time_zone=self.time_zone,
            channel=self.channel,
            language=self.channel_language or self.language,
            agreed=self.agreed,
        )


def of_destination(destination: Destination, person: str) -> Answers:
    """The answers a saved destination was made from. Consent counts as given only by whoever gave it, to this text."""
    schedule, _, rest = destination.schedule.partition(" ")
    times = {"daily": {"time": rest}, "cron": {"cron": rest}}.get(schedule, {})
    if schedule == "weekly":
        weekday, _, time = rest.partition(" ")
        times = {"weekday": weekday[:3].lower(), "time": time}
    brake = policies_of(destination).brake
    agreed = destination.consent_version == CONSENT_VERSION and destination.consent_by == person
    return Answers(
        destination_id=destination.id,
        destination_version=destination.version,
        name=destination.name,
        connection_id=destination.connection_id,
        agreed=agreed,
        audience_id=destination.audience_id,
        audience_name=destination.audience_name,
        matched_for=destination.audience_id,
        email_attribute=destination.email_attribute,
        rows=list(destination.fields),
        fields=dict(destination.fields),
        skip_required_fields=destination.skip_required_fields,
        consent_attribute=destination.consent_attribute,
        consent_values=list(destination.consent_values),
        segments=[chosen.segment for chosen in destination.segments],
        take_over=[chosen.segment for chosen in destination.segments if chosen.take_over],
        saved_tags={chosen.segment: chosen.tag_name for chosen in destination.segments},
        saved_audience=(destination.connection_id, destination.audience_id),
        schedule=schedule,
        time_zone=destination.time_zone,
        channel=destination.channel,
        channel_language=destination.language,
        approval=Approval(destination.approval),
        approval_above=destination.approval_above,
        approval_before=(Approval(destination.approval), destination.approval_above),
        brake_percent=brake.percent,
        brake_people=brake.people,
        brake_before=brake,
        **times,
    )


class Drafts:
    """All drafts. A draft belongs to one person; nobody else can open it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, actor: Actor, answers: Answers) -> str:
        """Keep a new draft; its id. Drafts older than a week are forgotten on the way."""
        draft_id = secrets.token_hex(16)
        with self._database.write() as session:
            now = self._database.now(session)
            drafts.remove_older(session, now - KEPT)
            values = answers.model_dump(mode="json")
            drafts.add(session, draft_id, actor.workspace_id, actor.person, values, now)
        return draft_id

    def get(self, person: str, draft_id: str) -> Answers:
        """What the person typed. Raises NotFound if it was saved, discarded or forgotten."""
        with self._database.read() as session:
            draft = drafts.find(session, draft_id)
        if draft is None or draft.person != person:
            raise _gone()
        return Answers.model_validate(draft.values)

    def change(self, person: str, draft_id: str, edit: Callable[[Answers], None]) -> Answers:
        """Change what was typed, in one transaction; the new state. Raises NotFound."""
        with self._database.write() as session:
            draft = drafts.find(session, draft_id, for_update=True)
            if draft is None or draft.person != person:
                raise _gone()
            answers = Answers.model_validate(draft.values)
            edit(answers)
            draft.values = answers.model_dump(mode="json")
            draft.updated_at = self._database.now(session)
            return answers

    def store(self, person: str, draft_id: str, answers: Answers) -> bool:
        """Keep answers that were worked on; False, and nothing kept, if the person has acted since or the draft is gone.

        For what they were refused meanwhile is not forgotten.
        """
        with self._database.write() as session:
            draft = drafts.find(session, draft_id, for_update=True)
            if draft is None or draft.person != person or draft.values["turn"] != answers.turn:
                return False
            draft.values = answers.model_dump(mode="json") | {"refused": draft.values.get("refused", [])}
            draft.updated_at = self._database.now(session)
            return True

    def discard(self, person: str, draft_id: str) -> None:
        """Forget what was typed. Raises NotFound."""
        self.get(person, draft_id)
        with self._database.write() as session:
            drafts.remove(session, draft_id)


def _gone() -> NotFound:
    return NotFound("This draft does not exist any more. Start again with /postino-connect.")
