"""What the views of runs show: the numbers and names of one run, put together by ``bot.telling``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from bot.texts import Texts, mark
from bot.views.blocks import Block, escape, is_formatted
from services.access import COMMAND_LINE
from services.errors import NotAllowed, PostinoError, Value

SEGMENTS_SHOWN = 20
FIELDS_SHOWN = 20
WORDS = {
    "queued": mark("Queued"),
    "waiting": mark("Waiting for approval"),
    "processing": mark("Processing"),
    "successful": mark("Successful"),
    "rejects": mark("Completed with rejects"),
    "failed": mark("Failed"),
    "canceled": mark("Canceled"),
    "skipped": mark("Skipped"),
}
"""The word people see for each status of a run."""

SIGNS = {
    "queued": "🕓",
    "waiting": "✋",
    "processing": "🔄",
    "successful": "✅",
    "rejects": "⚠️",
    "failed": "❌",
    "canceled": "🚫",
    "skipped": "⏭️",
}
"""A sign before the word, never without it."""


class Message(NamedTuple):
    """What is sent to Slack. ``text`` says all of it, for notifications and screen readers."""

    text: str
    blocks: list[Block]


class _Numbers(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Counts(_Numbers):
    """How many profiles are in each class, and what was done for them."""

    profiles: int = 0
    new: int = 0
    updated: int = 0
    tags_only: int = 0
    unchanged: int = 0
    suppressed: int = 0
    no_consent: int = 0
    duplicates: int = 0
    rejected: int = 0
    not_attempted: int = 0
    tags_added: int = 0
    tags_removed: int = 0
    calls: int = 0
    retries: int = 0

    @property
    def sent(self) -> int:
        """People something was written for."""
        return self.new + self.updated + self.tags_only

    @property
    def settled(self) -> int:
        """People for whom nothing is to be sent."""
        return self.unchanged + self.suppressed + self.no_consent + self.duplicates + self.rejected


class SegmentPlan(_Numbers):
    """One segment in a plan: its tag, how many profiles it has, and whom the tag is put on and taken off."""

    segment: str
    tag: str
    profiles: int = 0
    added: int = 0
    removed: int = 0


class HeldTag(_Numbers):
    """Removals that the brake holds; ``reason`` is ``incomplete``, ``empty``, ``vanished`` or ``share``."""

    segment: str
    people: int
    holders: int = 0
    reason: str = "share"


class Plan(_Numbers):
    """The numbers of a preview; all zero for a run that has computed none yet.

    ``unreadable`` tells by profile table how many of its rows could not be read, ``vanished`` which segments are gone.
    ``refused_removals`` tells by segment of how many people Mailchimp did not take its tag off.
    ``seconds`` is how long the export takes: by the speed of the last ones if ``measured``, else at most. ``first_sent`` is when
    sending began, in seconds since the epoch; None if it has not.
    """

    profiles: int = 0
    classes: Counts = Counts()
    suppressed: dict[str, int] = {}
    rejected: dict[str, int] = {}
    segments: tuple[SegmentPlan, ...] = ()
    held: tuple[HeldTag, ...] = ()
    calls: int = 0
    seconds: int = 0
    measured: bool = False
    first_sent: float | None = None
    dropped_values: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    vanished: tuple[str, ...] = ()
    refused_removals: dict[str, int] = {}

    def named(self, names: Mapping[str, str]) -> Plan:
        """The same plan with its segments called as people call them."""
        segments = tuple(
            one.model_copy(update={"segment": names.get(one.segment, one.segment)}) for one in self.segments
        )
        refused = {names.get(name, name): people for name, people in self.refused_removals.items()}
        return self.model_copy(update={"segments": segments, "refused_removals": refused})

    @property
    def removals(self) -> int:
        """How many tags would be taken off."""
        return sum(one.removed for one in self.segments)


class Reason(_Numbers):
    """Why a run ended or waits: an error's message id with its values, ``kind`` its class."""

    message: str = ""
    values: dict[str, Value] = {}
    kind: str = ""
    waiting: str = ""
    count: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the audience; ``link`` leads to it in Mailchimp, or is empty."""

    name: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Weight:
    """How many profiles a segment holds."""

    segment: str
    profiles: int


@dataclass(frozen=True, slots=True)
class Resized:
    """A segment whose size has changed unusually since the export before."""

    segment: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is now. ``waits_for`` names the run that holds the Mailchimp account, "" if it may not be named.

    ``mentions`` are the people to call where there is trouble, ``asked`` those who were asked directly for their approval,
    None if that was not needed. ``rule`` says why a second person must approve it, or is
    empty; ``rule_above`` is the number of new contacts it allows; ``maker`` made the destination and may manage it;
    ``agreed_by`` agreed to its statement last. ``asker`` does not approve it: ``requested_by``, or ``agreed_by`` where it
    began by itself. ``settled`` says that nobody is asked any more about the removals that the brake held in it.
    """

    run_id: int
    destination_id: int
    status: str
    destination: str
    audience: str
    now: datetime
    requested_at: datetime
    requested_by: str
    asker: str = ""
    audience_link: str = ""
    zone: str = "UTC"
    tags: tuple[Tag, ...] = ()
    plan: Plan = field(default_factory=Plan)
    counts: Counts = field(default_factory=Counts)
    reason: Reason = field(default_factory=Reason)
    settled: bool = False
    step: str = ""
    preview: bool = False
    accept_removals: bool = False
    canary: int = 0
    trigger: str = "person"
    rule: str = ""
    rule_above: int | None = None
    maker: str = ""
    agreed_by: str = ""
    approved_by: str | None = None
    approved_at: datetime | None = None
    grown: bool = False
    cancel_requested_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progressed_at: datetime | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    waits_for: str | None = None
    rate: float | None = None
    throttled: bool = False
    recovered: bool = False
    weights: tuple[Weight, ...] = ()
    mentions: tuple[str, ...] = ()
    asked: tuple[str, ...] | None = None
    resized: tuple[Resized, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it has ended and the brake holds removals of it until a person takes the tags off."""
        return self.reason.waiting == "removals" and not self.settled

    @property
    def total(self) -> int:
        """How much there is to send: people to write to and tags to take off."""
        if self.canary:
            return min(self.canary, max(self.plan.classes.new, self.counts.new))
        people = max(0, self.counts.profiles - self.counts.settled) if self.counts.profiles else self.plan.classes.sent
        return people + max(self.plan.removals, self.counts.tags_removed)

    @property
    def done(self) -> int:
        """How much of ``total`` has been sent."""
        done = self.counts.new if self.canary else self.counts.sent + self.counts.tags_removed
        return min(done, self.total)

    @property
    def took(self) -> float | None:
        """Seconds from the start, or from the approval that a preview waited for, to the end; None before.

        None, too, of what was canceled before anything was sent: most of that time it waited for somebody.
        """
        if self.finished_at is None or self.started_at is None:
            return None
        if self.preview or (self.status == "canceled" and self.sending_since is None):
            return None
        began = max(self.started_at, self.approved_at) if self.approved_at else self.started_at
        return max(1.0, (self.finished_at - began).total_seconds())

    @property
    def sending_since(self) -> datetime | None:
        """When sending began, whichever attempt began it; None if it never did."""
        return datetime.fromtimestamp(self.plan.first_sent, UTC) if self.plan.first_sent is not None else None

    @property
    def share(self) -> float:
        """How far the sending is, 0 to 1."""
        if self.step != "sending":
            return 0.0
        return self.done / self.total if self.total else 1.0


def status_word(t: Texts, status: str) -> str:
    """The sign and the word of a status."""
    return f"{SIGNS.get(status, '')} {t(WORDS.get(status, status))}".strip()


def moment(t: Texts, when: datetime, zone: str = "UTC") -> str:
    """A time that Slack shows in the reader's own zone, with a fallback in ``zone``. For markup only."""
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time}}|{escape(t.moment(when, zone))}>"


def who(t: Texts, person: str) -> str:
    """A person as a mention, or where a request came from if it was no person."""
    if person == COMMAND_LINE:
        return t("the command line")
    if person == "workflow":
        return t("a workflow")
    if person in ("schedule", "verify"):
        return t("the schedule")
    return f"<@{person}>"


def refusal(t: Texts, error: PostinoError) -> str:
    """An error in markup, with whom else to ask where somebody is known."""
    return " ".join(part for part in (escape(t.error(error)), whom_to_ask(t, error)) if part)


def whom_to_ask(t: Texts, error: PostinoError) -> str:
    """Who may do what an error refuses, in markup; empty where nobody is known."""
    whom = error.whom if isinstance(error, NotAllowed) else None
    return t("You can also ask {person}.", person=who(t, whom)) if whom else ""


def needs_approval(t: Texts, run: Run) -> str:
    """Why somebody other than the asker must approve the run, in markup; empty if nobody must."""
    reasons = {
        "always": t("every export of this destination is approved by a second person"),
        "first": t("this is the destination's first export to this audience"),
        "above": t("it adds more than {count} contacts", count=run.rule_above or 0),
    }
    if run.rule not in reasons:
        return ""
    asker = run.asker or run.requested_by
    person, reason = who(t, asker), reasons[run.rule]
    if asker in (run.requested_by, COMMAND_LINE):
        return t("Needs the approval of somebody other than {person}: {reason}.", person=person, reason=reason)
    return t(
        "Needs the approval of somebody other than {person}, who saved this destination last: {reason}.",
        person=person,
        reason=reason,
    )


def whose_approval(t: Texts, run: Run) -> str:
    """Why somebody other than the asker must approve the run and who may, in markup; empty if nobody must."""
    needed = needs_approval(t, run)
    return f"{needed} {approvers(t, run)}" if needed else ""


def waits_for_whom(t: Texts, run: Run) -> str:
    """Who must do something about a run that waits for approval, in markup."""
    if run.rule:
        return whose_approval(t, run)
    if not run.maker:
        return t("It waits until an administrator sends it.")
    return t(
        "It waits until an administrator sends it, or {person}, who created the destination.", person=who(t, run.maker)
    )


def may_need_approval(t: Texts, run: Run) -> str:
    """That a run whose plan is not computed yet waits for approval if it adds too many; empty if it cannot have to."""
    if run.rule_above is None or run.approved_by or run.plan.profiles:
        return ""
    waits = t("If it adds more than {count} contacts, it waits for approval first.", count=run.rule_above)
    return f"{waits} {approvers(t, run)}"


def approvers(t: Texts, run: Run) -> str:
    """Who may give the approval that a run needs, in markup."""
    if not run.maker or run.maker == (run.asker or run.requested_by):
        return t("Administrators may approve it.")
    return t("Administrators may approve it, and {person}, who created the destination.", person=who(t, run.maker))


def linked(name: str, link: str) -> str:
    """A name in markup, as a link if there is one; beside it where the name would format the link."""
    if not link:
        return escape(name)
    return f"{escape(name)} (<{link}|Mailchimp>)" if is_formatted(name) else f"<{link}|{escape(name)}>"


def because(t: Texts, reason: Reason) -> str:
    """The sentence of a reason in markup; empty if there is none."""
    return escape(t.cause(reason.message, reason.values))


def number_of_people(t: Texts, count: int) -> str:
    """``1,204 people``."""
    return t.plural("{count} person", "{count} people", count)


def number_of_profiles(t: Texts, count: int) -> str:
    """``1,204 profiles``."""
    return t.plural("{count} profile", "{count} profiles", count)


def unreadable_rows(t: Texts, unreadable: Mapping[str, int]) -> list[str]:
    """One sentence for each profile table with rows that could not be read."""
    return [
        t.plural(
            "{count} row of the profile table {table} could not be read, so a profile may be missing. "
            "Correct it in the source.",
            "{count} rows of the profile table {table} could not be read, so profiles may be missing. "
            "Correct them in the source.",
            rows,
            table=table,
        )
        for table, rows in unreadable.items()
    ]


def resized(t: Texts, run: Run) -> list[str]:
    """Segments that are of another size than usual: in words, because the reason is seldom wanted."""
    return [
        t(
            "{segment} had {before} in the export before and has {now} now. Was that meant?",
            segment=escape(one.segment),
            before=number_of_profiles(t, one.before),
            now=t.number(one.now),
        )
        for one in run.resized[:SEGMENTS_SHOWN]
    ]


def left_out_values(t: Texts, plan: Plan) -> str:
    """How many values of which fields do not reach Mailchimp; empty where all do."""
    if not plan.dropped_values:
        return ""
    fields = ", ".join(
        f"{escape(tag)} {t.number(count)}" for tag, count in sorted(plan.dropped_values.items())[:FIELDS_SHOWN]
    )
    return t("Values left out because they do not fit Mailchimp's field: {fields}", fields=fields)


def gone_segments(t: Texts, vanished: Iterable[str]) -> list[str]:
    """One sentence for each segment that is gone from the source."""
    return [
        t(
            "The segment {segment} is gone from the source. Its tag stays on whoever has it; "
            "if the segment has another name now, edit the destination.",
            segment=segment,
        )
        for segment in vanished
    ]


def refused_removals(t: Texts, refused: Mapping[str, int]) -> list[str]:
    """The segments whose tags stay on people who should no longer have them, in a sentence; nothing where there are none."""
    if not refused:
        return []
    segments = ", ".join(f"{segment} {t.number(people)}" for segment, people in sorted(refused.items())[:FIELDS_SHOWN])
    return [
        t(
            "Mailchimp did not take these segments' tags off people who should no longer have them: {segments}. "
            "The next export tries again.",
            segments=segments,
        )
    ]


def nothing_to_send(t: Texts, *, held: bool) -> str:
    """That an audience is as its segments want it, but for the removals that the brake holds, if it holds any."""
    if held:
        return t("There is nothing to send but the removals that the brake holds.")
    return t("Mailchimp already matches: there is nothing to send.")


def outcome_counts(t: Texts, counts: Counts) -> str:
    """What became of the profiles, in one line; classes nobody is in are left out."""
    skipped = counts.suppressed + counts.no_consent + counts.duplicates
    parts = [
        (counts.new, t("{count} new", count=counts.new)),
        (counts.updated, t("{count} updated", count=counts.updated)),
        (counts.tags_only, t("{count} with tags only", count=counts.tags_only)),
        (counts.unchanged, t("{count} unchanged", count=counts.unchanged)),
        (skipped, t("{count} skipped", count=skipped)),
        (counts.rejected, t("{count} rejected", count=counts.rejected)),
        (counts.not_attempted, t("{count} not attempted", count=counts.not_attempted)),
        (counts.tags_added, t.plural("{count} tag put on", "{count} tags put on", counts.tags_added)),
        (counts.tags_removed, t.plural("{count} tag taken off", "{count} tags taken off", counts.tags_removed)),
    ]
    return ", ".join(text for count, text in parts if count) or t("nothing to do")
