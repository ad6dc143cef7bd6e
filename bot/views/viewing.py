"""What a destination is set to, to be read by those who may not edit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel import Locale

from bot.texts import Texts
from bot.views import blocks, statement
from bot.views.blocks import Block, escape
from bot.views.policies import WORDS as APPROVALS
from bot.views.run_facts import linked, who
from bot.views.wizard_segments import schedule_text
from services.approving import Approval

OPEN, CALLBACK = "destination.view", "viewing"
SHOWN = 20
NAME = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the wizard and the policies hold. ``segments`` are names with their tags, ``digest`` is an hour or None."""

    name: str
    audience: str
    audience_link: str
    connection: str | None
    email: str
    fields: Mapping[str, str]
    consent_attribute: str | None
    consent_values: Sequence[str]
    segments: Sequence[tuple[str, str]]
    schedule: str
    time_zone: str
    channel: str | None
    language: str
    brake_share: float
    brake_people: int
    approval: str
    approval_above: int | None
    in_workflows: bool
    mentions: Sequence[str]
    quiet: bool
    digest: int | None
    consent_by: str
    consent_at: datetime
    consent_version: int


def button(t: Texts, destination_id: int, name: str) -> Block:
    """Opens the modal."""
    return blocks.button(t("View"), OPEN, str(destination_id), label=t("View {name}", name=name))


def settings(t: Texts, one: Settings) -> Block:
    """The modal, with nothing in it to change."""
    connection = _short(one.connection) if one.connection else t("No connection")
    about = [
        f"*{escape(blocks.shorten(one.name, 150))}*",
        _line(t("Audience"), linked(blocks.shorten(one.audience, 100), one.audience_link)),
        _line(t("Connection"), connection),
    ]
    parts = [about, _matching(t, one), _segments(t, one), _when_and_where(t, one), _policies(t, one)]
    agreed = statement.agreement(t, one.consent_version, one.consent_by, one.consent_at)
    return _modal(t, [*(blocks.section("\n".join(lines)) for lines in parts), blocks.context(agreed)])


def told(t: Texts, sentence: str) -> Block:
    """What the modal says instead, in markup."""
    return _modal(t, [blocks.section(sentence)])


def _matching(t: Texts, one: Settings) -> list[str]:
    fields = [f"• {_short(tag)} ← {_short(attribute)}" for tag, attribute in list(one.fields.items())[:SHOWN]]
    lines = [f"*{t('Data matching')}*", f"• {t('Email')} ← {_short(one.email)}", *fields, *_more(t, one.fields)]
    if one.consent_attribute:
        values = ", ".join(_short(value) for value in one.consent_values[:SHOWN])
        lines.append(
            t(
                "Only profiles whose {attribute} is one of these are exported: {values}",
                attribute=_short(one.consent_attribute),
                values=values,
            )
        )
    return lines


def _segments(t: Texts, one: Settings) -> list[str]:
    lines = [
        f"• {t('{segment}, with the tag {tag}', segment=_short(segment), tag=_short(tag))}"
        for segment, tag in one.segments[:SHOWN]
    ]
    return [f"*{t('Segments')}*", *lines, *_more(t, one.segments)]


def _more(t: Texts, listed: Sequence[object] | Mapping[str, str]) -> list[str]:
    more = len(listed) - SHOWN
    return [t.plural("and {count} more", "and {count} more", more)] if more > 0 else []


def _when_and_where(t: Texts, one: Settings) -> list[str]:
    channel = f"<#{one.channel}>" if one.channel else t("no channel: messages go to who asked for the export")
    language = Locale.parse(one.language).get_display_name(t.language) or one.language
    return [
        _line(t("Schedule"), escape(schedule_text(t, one.schedule, one.time_zone))),
        _line(t("Channel"), channel),
        _line(t("Language of the messages in the channel"), language),
    ]


def _policies(t: Texts, one: Settings) -> list[str]:
    brake = t(
        "waits for a person where a tag would be taken off more than {share} of its holders and at least {people} people",
        share=t.percent(one.brake_share),
        people=one.brake_people,
    )
    successes = t("Post none") if one.quiet else t("Post each")
    if one.digest is not None:
        successes = t("Tell them together daily at {time}", time=f"{one.digest:02}:00")
    lines = [
        _line(t("Brake"), brake),
        _line(t("Needs the approval of a second person"), t(APPROVALS[Approval(one.approval)])),
    ]
    if one.approval_above is not None:
        lines.append(_line(t("Also exports that add more contacts than"), t.number(one.approval_above)))
    if one.mentions:
        people = " ".join(who(t, person) for person in one.mentions)
        lines.append(_line(t("Call these people where there is trouble"), people))
    lines.append(_line(t("Scheduled exports that went well"), successes))
    if one.in_workflows:
        lines.append(t("Workflows may export it"))
    return [f"*{t('Policies')}*", *(f"• {line}" for line in lines)]


def _line(label: str, value: str) -> str:
    return f"{label}: {value}"


def _short(name: str) -> str:
    return escape(blocks.shorten(name, NAME))


def _modal(t: Texts, content: list[Block]) -> Block:
    return blocks.modal(t("Destination"), content, callback_id=CALLBACK, close=t("Close"))
