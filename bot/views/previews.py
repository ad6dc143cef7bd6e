"""The preview card: what an export would change, from its real plan, and the buttons that decide."""

from __future__ import annotations

from bot.texts import Texts, mark
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, Plan, Run, linked, moment, number_of_people, number_of_profiles, who

TAGS_SHOWN = 20
CANARY = 50
"""How many new contacts a canary inserts."""

SUPPRESSED = {
    "unsubscribed": mark("unsubscribed"),
    "cleaned": mark("cleaned after bounces"),
    "pending": mark("not confirmed yet"),
    "transactional": mark("transactional only"),
    "archived": mark("archived"),
    "forgotten": mark("permanently deleted"),
    "unknown": mark("in a state Postino does not know"),
}
INVALID = {
    "no_address": mark("without an e-mail address"),
    "invalid_address": mark("with an invalid e-mail address"),
}
HELD = {
    "incomplete": mark("the segment could not be read completely"),
    "empty": mark("the segment is empty"),
    "vanished": mark("the segment is gone from the source"),
    "share": mark("that is more than this destination allows without asking"),
}


def preview(t: Texts, run: Run) -> Message:
    """The card of a run that waits for approval."""
    plan = run.plan
    head = t("Preview of {destination}", destination=run.destination)
    to = t(
        "To {audience}: {profiles} in the chosen segments. Nothing has been sent yet.",
        audience=linked(run.audience, run.audience_link),
        profiles=number_of_profiles(t, plan.profiles),
    )
    content = [blocks.header(head), blocks.section(to), blocks.section(_changes(t, plan))]
    tags = _tags(t, plan)
    if tags:
        content.append(blocks.section(tags))
    content += [blocks.section(text) for text in (held(t, plan), _dropped(t, plan)) if text]
    content.append(blocks.context(*_notes(t, run)))
    content.append(_buttons(t, run))
    return Message(_said(t, run), content)


def skipped(t: Texts, plan: Plan) -> str:
    """How many profiles are skipped, by reason."""
    classes = plan.classes
    reasons = [(count, t(SUPPRESSED.get(kind, SUPPRESSED["unknown"]))) for kind, count in plan.suppressed.items()]
    reasons.append((classes.no_consent, t("without consent")))
    reasons.append((classes.duplicates, t("with the address of another profile")))
    others = 0
    for kind, count in plan.rejected.items():
        if kind in INVALID:
            reasons.append((count, t(INVALID[kind])))
        else:
            others += count
    reasons.append((others, t("rejected for other reasons")))
    listed = [f"{t.number(count)} {reason}" for count, reason in reasons if count]
    total = classes.suppressed + classes.no_consent + classes.duplicates + classes.rejected
    return f"{t.number(total)} ({', '.join(listed)})" if listed else t.number(total)


def held(t: Texts, plan: Plan) -> str:
    """What the brake holds, in markup; empty if nothing."""
    if not plan.held:
        return ""
    tags = {one.segment: one.tag for one in plan.segments}
    lines = [
        "• "
        + t(
            "{tag}: would be taken off {people}, but {reason}.",
            tag=escape(tags.get(one.segment, one.segment)),
            people=number_of_people(t, one.people),
            reason=t(HELD.get(one.reason, HELD["share"])),
        )
        for one in plan.held[:TAGS_SHOWN]
    ]
    return "\n".join([f"✋ {t('The brake holds these removals until a person takes them off:')}", *lines])


def _changes(t: Texts, plan: Plan) -> str:
    classes = plan.classes
    rows = [
        (t("New contacts"), t.number(classes.new)),
        (t("Updated"), t.number(classes.updated)),
        (t("Tags only"), t.number(classes.tags_only)),
        (t("Unchanged"), t.number(classes.unchanged)),
        (t("Skipped"), skipped(t, plan)),
        (t("Billable contacts added"), t.number(classes.new)),
    ]
    return "\n".join(
        f"• {label}: *{value}*" if label != t("Skipped") else f"• {label}: {value}" for label, value in rows
    )


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


def _dropped(t: Texts, plan: Plan) -> str:
    if not plan.dropped_values:
        return ""
    fields = ", ".join(
        f"{escape(tag)} {t.number(count)}" for tag, count in sorted(plan.dropped_values.items())[:TAGS_SHOWN]
    )
    return t("Values left out because they do not fit Mailchimp's field: {fields}", fields=fields)


def _notes(t: Texts, run: Run) -> list[str]:
    plan = run.plan
    calls = t.plural("{count} call to Mailchimp", "{count} calls to Mailchimp", plan.calls)
    notes = [calls, t("takes up to {time}", time=t.duration(max(1, plan.seconds)))]
    if run.expires_at:
        notes.append(t("waits until {time}", time=moment(t, run.expires_at, run.zone)))
    notes.append(t("asked for by {person}", person=who(t, run.requested_by)))
    if run.approved_by and run.approved_at:
        approved_at = moment(t, run.approved_at, run.zone)
        notes.append(
            t(
                "{person} approved this at {time}, but it has grown since: please look again",
                person=who(t, run.approved_by),
                time=approved_at,
            )
        )
    return [" · ".join(notes)]


def _buttons(t: Texts, run: Run) -> Block:
    value = str(run.run_id)
    buttons = [blocks.button(t("Send"), "run.send", value, style="primary")]
    if run.plan.classes.new:
        buttons.append(blocks.button(t("Send a canary of {count}", count=CANARY), "run.canary", value))
    buttons.append(blocks.button(t("Cancel"), "run.cancel", value))
    return blocks.actions(*buttons)


def _said(t: Texts, run: Run) -> str:
    classes = run.plan.classes
    tags = t(
        "tags put on {added}, taken off {removed}",
        added=sum(one.added for one in run.plan.segments),
        removed=run.plan.removals,
    )
    said = t(
        "Preview of {destination} to {audience}, waiting for approval: {new} new, {updated} updated, {only} with tags only, "
        "{unchanged} unchanged, {tags}. Skipped: {skipped}. Nothing has been sent yet.",
        destination=escape(run.destination),
        audience=escape(run.audience),
        new=classes.new,
        updated=classes.updated,
        only=classes.tags_only,
        unchanged=classes.unchanged,
        tags=tags,
        skipped=skipped(t, run.plan),
    )
    return f"{said} {held(t, run.plan)}".strip()
