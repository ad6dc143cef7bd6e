"""The living message of a run: one per run, edited in place from Queued to its end."""

from __future__ import annotations

from bot.texts import Texts, mark
from bot.views import blocks, outcomes
from bot.views.blocks import Block, escape
from bot.views.previews import matching, preview
from bot.views.run_facts import (
    Message,
    Run,
    because,
    linked,
    moment,
    outcome_counts,
    status_word,
    who,
)

STALLED_SECONDS = 180
"""Without any progress for so long, a run says so: longer than the slowest call Mailchimp answers (two minutes)."""

STEPS = {
    "": mark("starting"),
    "checking": mark("asking Mailchimp about the account"),
    "reading": mark("reading the segments"),
    "comparing": mark("comparing with the audience"),
    "checking limits": mark("checking the limits"),
    "sending": mark("sending"),
}
WAITING = "waiting"
QUEUED = "queued"
PROCESSING = "processing"
SKIPPED = "skipped"
ENDED_WELL = ("successful", "rejects")


def living(t: Texts, run: Run) -> Message:
    """The run as it is now; one that waits for approval shows its preview, one that never began why and what to do.

    A preview that ended by itself, because there is nothing to send, stays to be seen.
    """
    if run.status == WAITING:
        return preview(t, run)
    if run.status == QUEUED:
        return _queued(t, run)
    if run.status == PROCESSING:
        return _processing(t, run)
    if run.status == SKIPPED:
        return outcomes.outcome(t, run)
    if run.preview and run.status in ENDED_WELL:
        held = [outcomes.take_off_button(t, run, "run.accept_removals")] if run.holds else []
        return matching(t, run, [*held, *outcomes.next_steps(t, run)])
    return _ended(t, run)


def one_line(t: Texts, run: Run, *, named: bool = True) -> str:
    """A run in one line of markup, for lists; not ``named`` where its destination stands above it."""
    unsent = t("Preview") if run.preview and run.finished_at is not None else ""
    canary = t("canary") if run.canary else ""
    parts = [f"*{status_word(t, run.status)}*", unsent, canary, escape(run.destination) if named else ""]
    if run.status == PROCESSING:
        parts.append(progress(t, run))
    elif run.status == QUEUED:
        parts.append(queue(t, run))
    elif run.status == WAITING:
        parts.append(_planned(t, run))
    else:
        parts.append(_figures(t, run) or because(t, run.reason))
        if run.holds:
            parts.append(t("the brake holds removals"))
    parts.append(moment(t, run.finished_at or run.requested_at, run.zone))
    parts.append(who(t, run.requested_by))
    return " · ".join(part for part in parts if part)


def _planned(t: Texts, run: Run) -> str:
    """What a run that waits would do, in a few words; tags where there are any."""
    classes, removals = run.plan.classes, run.plan.removals
    lines = [t("{new} new, {updated} updated", new=classes.new, updated=classes.updated)]
    if classes.tags_only:
        lines.append(t("{count} with tags only", count=classes.tags_only))
    if removals:
        lines.append(t("tags taken off: {count}", count=removals))
    return ", ".join(lines)


def progress(t: Texts, run: Run) -> str:
    """Bar, percent and counts while sending, else the step."""
    if run.step != "sending" or not run.total:
        return t(STEPS.get(run.step, STEPS[""]))
    return f"{blocks.bar(run.share)} {t.percent(run.share)} · {_sent(t, run)}"


def queue(t: Texts, run: Run) -> str:
    """What a queued run waits for."""
    if run.not_before is not None and run.not_before > run.now:
        again = t("tried again at {time}", time=moment(t, run.not_before, run.zone))
        return f"{because(t, run.reason)} {again}".strip()
    if run.waits_for:
        return t("waits for the export of {destination} to finish", destination=escape(run.waits_for))
    if run.waits_for is not None:
        return t("waits for another export of this Mailchimp account to finish")
    return t("starts in a moment")


def _queued(t: Texts, run: Run) -> Message:
    text = f"{escape(run.destination)}: {t('Queued')}, {queue(t, run)}"
    content = [
        blocks.section(_title(t, run)),
        blocks.section(f"*{status_word(t, run.status)}* · {queue(t, run)}"),
        blocks.context(*_origin(t, run)),
        blocks.actions(cancel_button(t, run)),
    ]
    return Message(text, content)


def _processing(t: Texts, run: Run) -> Message:
    head = status_word(t, run.status)
    if run.cancel_requested_by:
        state = t(
            "stopping, asked by {person}; the calls in flight are waited for", person=who(t, run.cancel_requested_by)
        )
    else:
        state = t(STEPS.get(run.step, STEPS[""]))
    lines = [f"*{head}* · {state}"]
    if run.step == "sending":
        lines.append(f"{blocks.bar(run.share)} {t.percent(run.share)} · {_sent(t, run)}")
    notes = _pace(t, run)
    content = [blocks.section(_title(t, run)), blocks.section("\n".join(lines))]
    if notes:
        content.append(blocks.context(" · ".join(notes)))
    trouble = _trouble(t, run)
    if trouble:
        content.append(blocks.context(trouble))
    content.append(blocks.context(*_origin(t, run)))
    if not run.cancel_requested_by:
        content.append(blocks.actions(cancel_button(t, run)))
    shown = progress(t, run) if run.step == "sending" else state
    text = f"{escape(run.destination)}: {t('Processing')}, {shown}"
    return Message(". ".join(part for part in (text, *notes, trouble) if part), content)


def _ended(t: Texts, run: Run) -> Message:
    word = status_word(t, run.status)
    took = t("in {time}", time=t.duration(run.took)) if run.took is not None else ""
    lines = [" · ".join(part for part in (f"*{word}*", took) if part)]
    if figures := _figures(t, run):
        lines.append(figures)
    if run.status == "canceled" and run.cancel_requested_by:
        lines.append(t("Canceled by {person}.", person=who(t, run.cancel_requested_by)))
    reason = because(t, run.reason)
    if reason:
        lines.append(reason)
    content = [blocks.section(_title(t, run)), blocks.section("\n".join(lines)), blocks.context(*_origin(t, run))]
    content.append(blocks.actions(*outcomes.next_steps(t, run)))
    said = [f"{escape(run.destination)}: {word}", *lines[1:]]
    return Message(". ".join(said), content)


def _figures(t: Texts, run: Run) -> str:
    """What became of the profiles; empty for a run that was ended before it had looked at them."""
    counts = run.counts
    attempted = counts.not_attempted and not run.preview
    looked_at = counts.sent or counts.settled or attempted or counts.tags_removed
    ended_before = run.status in ("canceled", "failed") and not looked_at
    return "" if ended_before or not counts.profiles else outcome_counts(t, counts)


def _title(t: Texts, run: Run) -> str:
    title = t(
        "Export of {destination} to {audience}",
        destination=f"*{escape(run.destination)}*",
        audience=linked(run.audience, run.audience_link),
    )
    if run.preview:
        return t("Preview: {export}", export=title)
    return t("Canary of {count}: {export}", count=run.canary, export=title) if run.canary else title


def _sent(t: Texts, run: Run) -> str:
    return t("{done} of {total}", done=run.done, total=run.total)


def _pace(t: Texts, run: Run) -> list[str]:
    notes = []
    if run.step == "sending" and run.rate:
        notes.append(t("{rate} per second", rate=t.number(round(run.rate, 1) if run.rate < 10 else round(run.rate))))
        left = (run.total - run.done) / run.rate
        if left >= 1:
            notes.append(t("about {time} left", time=t.duration(left)))
    if run.counts.retries:
        notes.append(t.plural("{count} retry", "{count} retries", run.counts.retries))
    return notes


def _trouble(t: Texts, run: Run) -> str:
    """Slow is told apart from stuck."""
    silent = (run.now - run.progressed_at).total_seconds() if run.progressed_at else 0.0
    if silent >= STALLED_SECONDS:
        return t(
            "No progress for {time}. Postino keeps trying; cancel if you do not want to wait.",
            time=t.duration(60 * int(silent // 60)),
        )
    if run.throttled:
        return t("Slow because Mailchimp throttles. It goes on by itself.")
    return ""


def _origin(t: Texts, run: Run) -> list[str]:
    """Who asked for it, and who approved which numbers and when: the locked card."""
    notes = [t("asked for by {person}", person=who(t, run.requested_by))]
    if run.approved_by and run.approved_at:
        approved_at = moment(t, run.approved_at, run.zone)
        notes.append(t("approved by {person} at {time}", person=who(t, run.approved_by), time=approved_at))
        classes = run.plan.classes
        notes.append(
            t(
                "preview: {new} new, {updated} updated, {only} with tags only",
                new=classes.new,
                updated=classes.updated,
                only=classes.tags_only,
            )
        )
    return [" · ".join(notes)]


def cancel_button(t: Texts, run: Run) -> Block:
    """Stops a run, after asking."""
    confirm = blocks.confirmation(
        t("Cancel this export?"),
        t("What has been sent stays in Mailchimp; nothing more is sent."),
        t("Cancel the export"),
        t("Keep going"),
    )
    return blocks.button(t("Cancel"), "run.cancel", str(run.run_id), style="danger", confirm=confirm)
