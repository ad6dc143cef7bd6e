"""The preview card: what an export would change, from its real plan, and the buttons that decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.texts import Texts, mark
from bot.views import blocks, decisions
from bot.views.blocks import Block, escape
from bot.views.run_facts import (
    HeldTag,
    Message,
    Plan,
    Run,
    gone_segments,
    left_out_values,
    linked,
    moment,
    nothing_to_send,
    number_of_people,
    number_of_profiles,
    outcome_counts,
    resized,
    unreadable_rows,
    who,
    whose_approval,
)

TAGS_SHOWN = 20
CANARY = 50
"""How many new contacts a canary inserts."""

SUPPRESSED = {
    "unsubscribed": mark("{count} unsubscribed"),
    "cleaned": mark("{count} cleaned after bounces"),
    "pending": mark("{count} not confirmed yet"),
    "transactional": mark("{count} transactional only"),
    "archived": mark("{count} archived"),
    "forgotten": mark("{count} permanently deleted"),
    "gone": mark("{count} deleted in Mailchimp, or known there under another address now"),
    "kept_out": mark("{count} kept out by decision"),
    "unknown": mark("{count} in a state Postino does not know"),
}
INVALID = {
    "no_address": mark("{count} without an e-mail address"),
    "invalid_address": mark("{count} with an invalid e-mail address"),
    "unknown_profile": mark("{count} missing from the profile table"),
    "unreadable_profile": mark("{count} missing from what could be read of the profile table"),
    "other_address": mark("{count} who left under another address and wait for a decision"),
    "unreadable": mark("{count} in rows that could not be read"),
}
HELD = {
    "incomplete": mark("the segment or its profiles could not be read completely"),
    "empty": mark("the segment is empty"),
    "vanished": mark("the segment is gone from the source"),
    "share": mark("that is more than this destination allows without asking"),
}


def preview(t: Texts, run: Run) -> Message:
    """The card of a run that waits for approval."""
    audience, profiles = linked(run.audience, run.audience_link), number_of_profiles(t, run.plan.profiles)
    if run.counts.sent or run.counts.tags_removed:
        to = t("To {audience}: {profiles} in the chosen segments.", audience=audience, profiles=profiles)
        stopped = t("Where it stopped; what was sent is kept: {counts}", counts=outcome_counts(t, run.counts))
        to = f"{to}\n{stopped}."
    else:
        to = t(
            "To {audience}: {profiles} in the chosen segments. Nothing has been sent yet.",
            audience=audience,
            profiles=profiles,
        )
    return Message(_said(t, run), [*_card(t, run, to, _notes(t, run)), _buttons(t, run)])


def matching(t: Texts, run: Run, next_steps: Sequence[Block]) -> Message:
    """The card of a preview that ended because there is nothing to send; ``next_steps`` are its last buttons."""
    state = nothing_to_send(t, held=bool(run.plan.held))
    to = t(
        "To {audience}: {profiles} in the chosen segments.",
        audience=linked(run.audience, run.audience_link),
        profiles=number_of_profiles(t, run.plan.profiles),
    )
    asked = t("asked for by {person}", person=who(t, run.requested_by))
    buttons = [*([decisions.button(t, run.destination_id)] if _may_decide(run.plan) else []), *next_steps]
    said = t(
        "Preview of {destination} to {audience}. {state} {unchanged} unchanged. Skipped: {skipped}. Rejected: {rejected}.",
        destination=escape(run.destination),
        audience=escape(run.audience),
        state=state,
        unchanged=run.plan.classes.unchanged,
        skipped=skipped(t, run.plan),
        rejected=rejected(t, run.plan),
    )
    text = " ".join(part for part in (said, *resized(t, run), held(t, run.plan), _incomplete(t, run.plan)) if part)
    return Message(text, [*_card(t, run, f"*{state}*\n{to}", [asked]), blocks.actions(*buttons)])


def _card(t: Texts, run: Run, to: str, notes: Sequence[str]) -> list[Block]:
    """All of a card but its buttons."""
    plan = run.plan
    head = t("Preview of {destination}", destination=run.destination)
    unusual = "\n".join(f"⚠️ {line}" for line in resized(t, run))
    told = (
        to,
        _changes(t, plan),
        _tags(t, plan),
        unusual,
        held(t, plan),
        left_out_values(t, plan),
        _incomplete(t, plan),
    )
    content = [blocks.header(head), *(blocks.section(text) for text in (*told, whose_approval(t, run)) if text)]
    return [*content, blocks.context(*notes)]


def skipped(t: Texts, plan: Plan) -> str:
    """How many profiles are skipped though nothing is wrong with them, by reason."""
    classes = plan.classes
    reasons = _why_suppressed(plan)
    reasons.append((mark("{count} without consent"), classes.no_consent))
    reasons.append((mark("{count} with the address of another profile"), classes.duplicates))
    return _by_reason(t, classes.suppressed + classes.no_consent + classes.duplicates, reasons)


def suppressed(t: Texts, plan: Plan) -> str:
    """Why the suppressed are; empty if the plan tells of none."""
    return ", ".join(t(reason, count=count) for reason, count in _why_suppressed(plan) if count)


def _why_suppressed(plan: Plan) -> list[tuple[str, int]]:
    return [(SUPPRESSED.get(status, SUPPRESSED["unknown"]), count) for status, count in plan.suppressed.items()]


def rejected(t: Texts, plan: Plan) -> str:
    """How many profiles cannot be exported as they are in the source, by reason."""
    reasons = [(INVALID[kind], count) for kind, count in plan.rejected.items() if kind in INVALID]
    others = sum(count for kind, count in plan.rejected.items() if kind not in INVALID)
    return _by_reason(t, plan.classes.rejected, [*reasons, (mark("{count} for other reasons"), others)])


def _by_reason(t: Texts, total: int, reasons: Iterable[tuple[str, int]]) -> str:
    listed = [t(reason, count=count) for reason, count in reasons if count]
    return f"{t.number(total)} ({', '.join(listed)})" if listed else t.number(total)


def held(t: Texts, plan: Plan) -> str:
    """What the brake holds, in markup; empty if nothing."""
    if not plan.held:
        return ""
    tags = {one.segment: one.tag for one in plan.segments}
    lines = [f"• {_held_tag(t, one, tags.get(one.segment, one.segment))}" for one in plan.held[:TAGS_SHOWN]]
    return "\n".join([f"✋ {t('The brake holds these removals until a person takes them off:')}", *lines])


def _held_tag(t: Texts, one: HeldTag, tag: str) -> str:
    reason = t(HELD.get(one.reason, HELD["share"]))
    if one.holders <= one.people:
        people = number_of_people(t, one.people)
        return t("{tag}: would be taken off {people}, but {reason}.", tag=escape(tag), people=people, reason=reason)
    return t(
        "{tag}: would be taken off {people} of {holders} people, but {reason}.",
        tag=escape(tag),
        people=t.number(one.people),
        holders=t.number(one.holders),
        reason=reason,
    )


def _changes(t: Texts, plan: Plan) -> str:
    classes = plan.classes
    counts = [
        (t("New contacts"), classes.new),
        (t("Updated"), classes.updated),
        (t("Tags only"), classes.tags_only),
        (t("Unchanged"), classes.unchanged),
    ]
    lines = [f"{label}: *{t.number(count)}*" for label, count in counts]
    lines.append(t("Skipped: {skipped}", skipped=skipped(t, plan)))
    if classes.rejected:
        lines.append(t("Rejected: {rejected}", rejected=rejected(t, plan)))
    lines.append(f"{t('Billable contacts added')}: *{t.number(classes.new)}*")
    return "\n".join(f"• {line}" for line in lines)


def _tags(t: Texts, plan: Plan) -> str:
    lines = [
        "• "
        + t(
            "{tag}: put on {added}, taken off {removed} (segment with {profiles})",
            tag=escape(one.tag),
            added=one.added,
            removed=one.removed,
            profiles=number_of_profiles(t, one.profiles),
        )
        for one in plan.segments[:TAGS_SHOWN]
    ]
    more = len(plan.segments) - TAGS_SHOWN
    if more > 0:
        lines.append(t.plural("and {count} more tag", "and {count} more tags", more))
    return "\n".join([f"*{t('Tags')}*", *lines]) if lines else ""


def _incomplete(t: Texts, plan: Plan) -> str:
    return escape("\n".join([*unreadable_rows(t, plan.unreadable), *gone_segments(t, plan.vanished)]))


def _notes(t: Texts, run: Run) -> list[str]:
    plan = run.plan
    calls = t.plural("{count} call to Mailchimp", "{count} calls to Mailchimp", plan.calls)
    time = t.duration(max(1, plan.seconds))
    if plan.measured:
        notes = [calls, t("takes about {time}, at the speed of the last exports", time=time)]
    else:
        notes = [calls, t("takes up to {time}", time=time)]
    if run.expires_at:
        notes.append(t("waits until {time}", time=moment(t, run.expires_at, run.zone)))
    notes.append(t("asked for by {person}", person=who(t, run.requested_by)))
    if run.approved_by and run.approved_at:
        person, time = who(t, run.approved_by), moment(t, run.approved_at, run.zone)
        if run.grown:
            grown = t(
                "{person} approved this at {time}, but it has grown since: please look again", person=person, time=time
            )
            notes.append(grown)
        else:
            notes.append(t("approved by {person} at {time}", person=person, time=time))
    return [" · ".join(notes)]


def _buttons(t: Texts, run: Run) -> Block:
    value = str(run.run_id)
    send = t("Approve and send") if run.rule else t("Send")
    buttons = [blocks.button(send, "run.send", value, style="primary")]
    if run.plan.classes.new:
        buttons.append(blocks.button(t("Send a canary of {count}", count=CANARY), "run.canary", value))
    if _may_decide(run.plan):
        buttons.append(decisions.button(t, run.destination_id))
    buttons.append(blocks.button(t("Cancel"), "run.cancel", value))
    return blocks.actions(*buttons)


def _may_decide(plan: Plan) -> bool:
    """Whether changed addresses wait for a decision, or were decided about."""
    return "other_address" in plan.rejected or "kept_out" in plan.suppressed


def _said(t: Texts, run: Run) -> str:
    classes = run.plan.classes
    tags = t(
        "tags put on {added}, taken off {removed}",
        added=sum(one.added for one in run.plan.segments),
        removed=run.plan.removals,
    )
    said = t(
        "Preview of {destination} to {audience}, waiting for approval: {new} new, {updated} updated, {only} with tags only, "
        "{unchanged} unchanged, {tags}. Skipped: {skipped}. Rejected: {rejected}. Nothing has been sent yet.",
        destination=escape(run.destination),
        audience=escape(run.audience),
        new=classes.new,
        updated=classes.updated,
        only=classes.tags_only,
        unchanged=classes.unchanged,
        tags=tags,
        skipped=skipped(t, run.plan),
        rejected=rejected(t, run.plan),
    )
    return " ".join(
        part
        for part in (said, *resized(t, run), held(t, run.plan), _incomplete(t, run.plan), whose_approval(t, run))
        if part
    )
