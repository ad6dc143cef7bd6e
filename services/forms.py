"""What people fill in to save an export and to decide its policies, what is proposed to them, and what may be saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services import guarding, timetable
from services.approving import Approval
from services.errors import InvalidInput
from services.fields import can_fill
from services.mailing import MergeField
from services.settling import settled
from services.sources import Attribute
from storage.models import Destination

CONSENT_VERSION = 1
"""The version of the consent text that is shown; raise it with every change of its wording, so that people are asked again."""
SHOWN_ATTRIBUTES = 30
"""So many are named where somebody named one that is not there."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Brake(BaseModel):
    """How many removals of a tag wait for a person: more than this share of its holders, and at least so many people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(0.20, ge=0, le=1)
    people: int = Field(25, ge=0)

    @property
    def percent(self) -> int:
        """The share as people enter it."""
        return round(self.share * 100)

    def entered(self, percent: int, people: int) -> Brake:
        """This one with what somebody entered; a finer share than they were shown stays if they left it."""
        return Brake(share=self.share if percent == self.percent else percent / 100, people=people)


class Form(BaseModel):
    """What a person fills in, in the wizard or at the command line.

    ``take_over`` says of which segments a tag that was there before Postino becomes its own: of all, of none, or of those named.
    """

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
    take_over: bool | list[str] = False
    schedule: str = "refresh"
    time_zone: str = "UTC"
    channel: str | None = None
    language: str = "en"
    agreed: bool = False

    def takes_over(self, segment: str) -> bool:
        """Whether the segment's tag may be one that was there before Postino."""
        return self.take_over if isinstance(self.take_over, bool) else segment in self.take_over


class Policies(BaseModel):
    """What administrators decide about a destination's exports.

    ``approval`` and ``approval_above`` say which ones a second person approves, ``in_workflows`` whether workflows may run them.
    ``mentions`` are the Slack users who are called when there is trouble. ``quiet`` keeps scheduled successes from being
    posted; ``digest`` is the hour of the day, in the destination's time zone, at which they are told together instead.
    ``brake`` says how many removals wait for a person.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    approval: Approval = Approval.NEVER
    approval_above: int | None = Field(None, ge=0)
    in_workflows: bool = False
    mentions: list[Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,20}$")]] = Field([], max_length=20)
    quiet: bool = False
    digest: int | None = Field(None, ge=0, le=23)
    brake: Brake = Brake()

    def after(self, shown: Policies, chosen: Policies) -> Policies | None:
        """These with what somebody who was shown others has changed; None if somebody else changed the same meanwhile."""
        together = [frozenset({"approval", "approval_above"}), frozenset({"quiet", "digest"})]
        return settled(shown, chosen, self, together)


def check(form: Form, attributes: Sequence[str]) -> None:
    """Raises InvalidInput naming the field that cannot be saved; ``attributes`` are those the profiles have."""
    if not form.name:
        raise InvalidInput("Give the destination a name.", field="name")
    if not form.agreed:
        raise InvalidInput("Agree to the data privacy and compliance statement first.", field="agreed")
    if not form.email_attribute:
        raise InvalidInput("Choose the attribute that holds the e-mail address.", field="email_attribute")
    asked = {"email_attribute": [form.email_attribute], "fields": list(form.fields.values())}
    if form.consent_attribute:
        asked["consent_attribute"] = [form.consent_attribute]
        if not form.consent_values:
            raise InvalidInput("Say which values of the consent attribute allow mailing.", field="consent_values")
    for field, names in asked.items():
        for name in names:
            if name not in attributes:
                raise InvalidInput(
                    "The profiles have no attribute {attribute}. They have {known}.",
                    field=field,
                    attribute=name,
                    known=", ".join(attributes[:SHOWN_ATTRIBUTES]) + (" …" if attributes[SHOWN_ATTRIBUTES:] else ""),
                )
    if form.time_zone not in available_timezones():
        raise InvalidInput(
            "{zone} is not a time zone. It looks like Europe/Rome.", field="time_zone", zone=form.time_zone
        )
    timetable.crontab(form.schedule)


def check_fields(form: Form, fields: Sequence[MergeField]) -> None:
    """Raises InvalidInput for a merge field the audience lacks, or requires and is not mapped."""
    known = {field.tag: field for field in fields}
    for merge_tag in form.fields:
        if merge_tag not in known:
            raise InvalidInput("The audience has no merge field {tag}.", field="fields", tag=merge_tag)
        if not can_fill(known[merge_tag]):
            raise InvalidInput(
                "The merge field {tag} has several parts, which no single attribute can fill. Leave it out.",
                field="fields",
                tag=merge_tag,
            )
    guarding.check_required(fields, list(form.fields), skip=form.skip_required_fields)


def policies_of(destination: Destination) -> Policies:
    """The policies a destination has."""
    return Policies(
        approval=Approval(destination.approval),
        approval_above=destination.approval_above,
        in_workflows=destination.in_workflows,
        mentions=destination.mentions,
        quiet=destination.quiet,
        digest=destination.digest_hour,
        brake=Brake(share=destination.brake_share, people=destination.brake_people),
    )


MEANINGS = {"FNAME": "first_name", "LNAME": "last_name", "PHONE": "phone", "BIRTHDAY": "birthday"}
"""What Mailchimp's own merge fields mean."""


def propose(attributes: Sequence[Attribute], fields: Sequence[MergeField]) -> tuple[str | None, dict[str, str]]:
    """A mapping from what names and types mean: the address attribute, and an attribute for names and each required field.

    A required field that no attribute fits is not in it.
    """
    by_meaning: dict[str, str] = {}
    for attribute in sorted(attributes, key=lambda one: -one.fill_rate):
        if attribute.semantic is not None:
            by_meaning.setdefault(attribute.semantic, attribute.name)
    found = {
        field.tag: by_meaning.get(MEANINGS[field.tag])
        if field.tag in ("FNAME", "LNAME")
        else proposed_for(attributes, field)
        for field in fields
        if field.tag in ("FNAME", "LNAME") or (field.required and can_fill(field))
    }
    return by_meaning.get("email"), {tag: attribute for tag, attribute in found.items() if attribute is not None}


def proposed_for(attributes: Sequence[Attribute], field: MergeField) -> str | None:
    """The attribute that means what the merge field means, or is called like it; None if there is none."""
    by_fill = sorted(attributes, key=lambda one: -one.fill_rate)
    names = {_plain(field.tag), _plain(field.name)}
    alike = [one.name for one in by_fill if one.semantic is not None and one.semantic == MEANINGS.get(field.tag)]
    return next(iter([*alike, *(one.name for one in by_fill if _plain(one.name) in names)]), None)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
