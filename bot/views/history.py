"""What was exported: the last runs, and one run in full."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import approving, blocks, outcomes, runs, sharing
from bot.views.blocks import Block, escape
from bot.views.picker import AGAIN, CHOOSE
from bot.views.previews import held, suppressed
from bot.views.run_facts import (
    Counts,
    Message,
    Run,
    because,
    left_out_values,
    linked,
    moment,
    number_of_profiles,
    refused_removals,
    status_word,
    who,
)
from services import rejects

RUNS_SHOWN = 20
SEGMENTS_SHOWN = 20
"""How many segments of a run are shown with their numbers."""


class Place(BaseModel):
    """What a button leads to: a page of the history of a destination or of all, or one of its runs."""

    destination: int | None = None
    page: int = 0
    run: int | None = None


def of_one(t: Texts, destination_id: int, name: str) -> Block:
    """The button that leads to the history of a destination; its name is written on it."""
    value = Place(destination=destination_id).model_dump_json()
    return blocks.button(t("History of {name}", name=name), "history.open", value)


def history(
    t: Texts,
    listed: Sequence[Run],
    destination: str | None,
    place: Place,
    *,
    more: bool = False,
    shared: bool = False,
    exportable: bool = False,
) -> Message:
    """One page of the runs of the workspace or of one destination, newest first, each with a way to its details.

    ``more`` says that there are older ones; ``exportable`` offers the first export where there is none.
    """
    of_one = t("Exports of {destination}", destination=escape(destination or ""))
    head = of_one if destination else t("Exports of all destinations")
    if not listed:
        text = t("{list}: none yet.", list=head)
        first = blocks.button(t("Export…"), AGAIN if destination else CHOOSE, str(place.destination or ""))
        return Message(text, [blocks.section(text), *([blocks.actions(first)] if exportable and not shared else [])])
    lines = [runs.one_line(t, run, named=destination is None) for run in listed[:RUNS_SHOWN]]
    content = [blocks.section(f"*{head}*")]
    for run, line in zip(listed, lines, strict=False):
        content.append(blocks.section(line, None if shared else _details_button(t, run, place)))
    if not shared:
        content.append(_buttons(t, place, more=more))
    return Message("\n".join([f"{head}:", *lines]), content)


def details(
    t: Texts,
    run: Run,
    causes: Sequence[tuple[str, int]],
    place: Place,
    *,
    shared: bool = False,
    manageable: bool = False,
) -> Message:
    """One run in full: who did what when, what became of every profile, each segment, each cause of rejects.

    ``manageable`` adds what can be done about the rejects: of a quiet destination nothing else is posted that could.
    """
    parts = [
        [
            _title(t, run),
            " · ".join([f"*{status_word(t, run.status)}*", *([reason] if (reason := because(t, run.reason)) else [])]),
        ],
        _who_and_when(t, run),
        _figures(t, run),
        _segments(t, run),
        [brake] if run.holds and (brake := held(t, run.plan)) else [],
        _causes(t, causes),
    ]
    content: list[Block] = [blocks.section("\n".join(lines)) for lines in parts if lines]
    if not shared:
        content.append(_details_buttons(t, run, place, causes, manageable=manageable))
    return Message("\n".join(line for lines in parts for line in lines), content)


def _title(t: Texts, run: Run) -> str:
    destination, audience = f"*{escape(run.destination)}*", linked(run.audience, run.audience_link)
    if run.canary:
        return t("Canary of {destination} to {audience}", destination=destination, audience=audience)
    export = t("Export of {destination} to {audience}", destination=destination, audience=audience)
    return t("Preview: {export}", export=export) if run.preview else export


def _details_buttons(t: Texts, run: Run, place: Place, causes: Sequence[tuple[str, int]], *, manageable: bool) -> Block:
    buttons = [blocks.button(t("Back"), "history.back", place.model_copy(update={"run": None}).model_dump_json())]
    if run.status == "waiting":
        buttons.append(approving.look_button(t, run))
    if causes:
        buttons.append(blocks.button(t("List of rejects"), "run.rejects", str(run.run_id)))
        buttons += outcomes.remedies(t, run, causes) if manageable and run.finished_at and not run.preview else []
    this_run = place.model_copy(update={"run": run.run_id}).model_dump_json()
    return blocks.actions(*buttons, sharing.button(t, "history.share", this_run))


def _buttons(t: Texts, place: Place, *, more: bool) -> Block:
    def leading_to(page: int) -> str:
        return Place(destination=place.destination, page=page).model_dump_json()

    buttons = []
    if place.page > 0:
        buttons.append(blocks.button(t("Newer"), "history.newer", leading_to(place.page - 1)))
    if more:
        buttons.append(blocks.button(t("Older"), "history.older", leading_to(place.page + 1)))
    return blocks.actions(*buttons, sharing.button(t, "history.share", leading_to(place.page)))


def _details_button(t: Texts, run: Run, place: Place) -> Block:
    value = place.model_copy(update={"run": run.run_id}).model_dump_json()
    label = t("Details of the export of {destination}", destination=run.destination)
    return blocks.button(t("Details"), "history.details", value, label=label)


def _who_and_when(t: Texts, run: Run) -> list[str]:
    """In the order of time. The time of planning is not told: people know when they asked, and wait for what is sent."""
    lines = [
        t("Asked for by {person}, {time}.", person=who(t, run.requested_by), time=moment(t, run.requested_at, run.zone))
    ]
    if run.accept_removals:
        lines.append(t("It was to take off the tags that the brake held."))
    if run.approved_by and run.approved_at:
        approved_at = moment(t, run.approved_at, run.zone)
        lines.append(t("Approved by {person}, {time}.", person=who(t, run.approved_by), time=approved_at))
    if run.sending_since:
        lines.append(t("Started sending {time}.", time=moment(t, run.sending_since, run.zone)))
    if run.cancel_requested_by:
        lines.append(t("Canceled by {person}.", person=who(t, run.cancel_requested_by)))
    if run.finished_at:
        ended = t("Ended {time}.", time=moment(t, run.finished_at, run.zone))
        took = t("It took {time}.", time=t.duration(run.took)) if run.took is not None else ""
        lines.append(f"{ended} {took}".strip())
    return lines


def _figures(t: Texts, run: Run) -> list[str]:
    """The nine classes, which add up to the profiles, and what it cost; of what has sent nothing yet, as planned."""
    if run.plan.profiles and not (run.counts.sent or run.counts.settled) and (run.preview or not run.finished_at):
        return _planned(t, run)
    counts = run.counts
    if not counts.profiles:
        return []
    classes = [*_classes(t, counts), t("{count} not attempted", count=counts.not_attempted)]
    work = [
        t("tags put on: {count}", count=counts.tags_added),
        t("tags taken off: {count}", count=counts.tags_removed),
        t("calls to Mailchimp: {count}", count=counts.calls),
        t("repeated: {count}", count=counts.retries),
    ]
    return [f"*{number_of_profiles(t, counts.profiles)}*", " · ".join(classes), *_why(t, run, counts, work)]


def _planned(t: Texts, run: Run) -> list[str]:
    plan = run.plan
    work = [
        t("tags put on: {count}", count=sum(one.added for one in plan.segments)),
        t("tags taken off: {count}", count=plan.removals),
        t("calls to Mailchimp: {count}", count=plan.calls),
    ]
    head = t("*{profiles}*, as planned. Nothing was sent.", profiles=number_of_profiles(t, plan.profiles))
    return [head, " · ".join(_classes(t, plan.classes)), *_why(t, run, plan.classes, work)]


def _classes(t: Texts, counts: Counts) -> list[str]:
    """All classes but those who were not attempted."""
    return [
        t("{count} new", count=counts.new),
        t("{count} updated", count=counts.updated),
        t("{count} with tags only", count=counts.tags_only),
        t("{count} unchanged", count=counts.unchanged),
        t("{count} suppressed", count=counts.suppressed),
        t("{count} without consent", count=counts.no_consent),
        t("{count} duplicates", count=counts.duplicates),
        t("{count} rejected", count=counts.rejected),
    ]


def _why(t: Texts, run: Run, counts: Counts, work: Sequence[str]) -> list[str]:
    """Why people are suppressed, the work in one line, and what is left out of it."""
    why = suppressed(t, run.plan) if counts.suppressed else ""
    told = [t("Suppressed, as planned: {reasons}", reasons=why)] if why else []
    left_out = left_out_values(t, run.plan)
    stays = [escape(text) for text in refused_removals(t, run.plan.refused_removals)]
    return [*told, " · ".join(work), *([left_out] if left_out else []), *stays]


def _segments(t: Texts, run: Run) -> list[str]:
    lines = [
        t(
            "{tag}: put on {added}, taken off {removed} (segment with {profiles})",
            tag=escape(blocks.shorten(one.tag, 100)),
            added=one.added,
            removed=one.removed,
            profiles=number_of_profiles(t, one.profiles),
        )
        for one in run.plan.segments[:SEGMENTS_SHOWN]
    ]
    left_out = len(run.plan.segments) - SEGMENTS_SHOWN
    if left_out > 0:
        lines.append(t.plural("{count} segment more.", "{count} segments more.", left_out))
    return [f"*{t('Tags, as planned')}*", *lines] if lines else []


def _causes(t: Texts, causes: Sequence[tuple[str, int]]) -> list[str]:
    lines = [f"{t.number(count)} × {t(rejects.sentence(reason))}" for reason, count in causes]
    return [f"*{t('Rejects')}*", *lines] if lines else []
