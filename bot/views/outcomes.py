"""What people are told when a run ends: what happened, what was done, what to do; and who was rejected and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from bot.texts import Texts, mark
from bot.views import approving, blocks, decisions
from bot.views.blocks import Block, escape
from bot.views.previews import held, preview
from bot.views.run_facts import (
    WORDS,
    Message,
    Run,
    Tag,
    because,
    gone_segments,
    left_out_values,
    linked,
    moment,
    outcome_counts,
    refused_removals,
    resized,
    status_word,
    unreadable_rows,
    who,
    whose_approval,
)
from services import rejects

TAGS_SHOWN = 20
CAUSES_SHOWN = 20
LIMITS = frozenset({"LimitExceeded", "AccountLimit"})
RECONNECT = "ReconnectNeeded"
FOREIGN_TAG = "ForeignTag"
NOT_ALLOWED = "NotAllowed"
STATEMENT_CHANGED = "StatementChanged"
CHANNEL_LOST = {
    "channel_not_found": mark(
        "the channel is gone, or it is private and Postino is not in it. Invite Postino, or choose another channel"
    ),
    "is_archived": mark("the channel is archived. Choose another one"),
    "is_inactive": mark("the channel is archived. Choose another one"),
    "not_in_channel": mark("Postino is not in the channel. Invite it with /invite, or choose another channel"),
}


def outcome(t: Texts, run: Run) -> Message:
    """How a run ended, as a message of its own, with the buttons that help."""
    called = " ".join(part for part in (_asked(t, run), _called(t, run)) if part)
    lines = [line for line in (_headline(t, run), *_story(t, run), called) if line]
    content = [blocks.section("\n".join(lines))]
    brake = held(t, run.plan) if run.holds else ""
    if brake:
        content.append(blocks.section(brake))
    content.append(blocks.actions(*_buttons(t, run, brake=bool(brake))))
    return Message(" ".join(part for part in (*_spoken(t, run), brake, called) if part), content)


def decided(t: Texts, run: Run, asked_at: datetime) -> Message:
    """The post that called whoever may approve, asked then, once somebody has decided or nobody can any more."""
    destination = f"*{escape(run.destination)}*"
    if run.approved_by and run.approved_at and run.approved_at >= asked_at:
        sign, when = "✅", moment(t, run.approved_at, run.zone)
        became = t("Approved by {person}, {time}.", person=who(t, run.approved_by), time=when)
    elif run.cancel_requested_by:
        sign, became = "🚫", t("Canceled by {person}.", person=who(t, run.cancel_requested_by))
    else:
        sign, became = "🚫", because(t, run.reason)
    waited = t("{destination} waited for approval.", destination=destination)
    text = f"{sign} {waited} {became}".strip()
    return Message(text.replace("*", ""), [blocks.section(text), blocks.actions(details_button(t, run))])


def _called(t: Texts, run: Run) -> str:
    """The people to call, where there is trouble; empty where there is none."""
    trouble = run.status in ("failed", "skipped", "waiting") or run.holds
    if not run.mentions or not trouble:
        return ""
    return t("Please look: {people}", people=" ".join(f"<@{person}>" for person in run.mentions))


def _asked(t: Texts, run: Run) -> str:
    """Who was asked directly to approve a run that no channel hears of; empty if nobody had to be."""
    if run.asked is None:
        return ""
    if not run.asked:
        return t(
            "Nobody could be asked directly, because no administrator is named in Postino who may approve it. Ask one: it waits "
            "in their Home tab of Postino."
        )
    return t("Asked directly: {people}", people=" ".join(f"<@{person}>" for person in run.asked))


def approval_wanted(t: Texts, run: Run) -> Message:
    """The card of a run that waits, for somebody who may approve it and hears of it in no channel."""
    text = t("✋ Your approval is wanted for an export of {destination}.", destination=f"*{escape(run.destination)}*")
    card = preview(t, run)
    return Message(f"{text.replace('*', '')} {card.text}", [blocks.section(text), *card.blocks])


def next_steps(t: Texts, run: Run) -> list[Block]:
    """What is wanted next of a run that has ended: to export again, which begins with a preview, and all about this one."""
    again = blocks.button(
        t("Preview again"),
        "export.again",
        str(run.destination_id),
        label=t("Preview the export of {destination} again", destination=run.destination),
    )
    return [again, details_button(t, run)]


def details_button(t: Texts, run: Run) -> Block:
    """The run in full, to whoever clicks."""
    label = t("Details of the export of {destination}", destination=run.destination)
    return blocks.button(t("Details"), "run.details", str(run.run_id), label=label)


def outputs(t: Texts, run: Run) -> dict[str, str | int]:
    """A run that ended well as the outputs of a workflow's step."""
    counts = run.counts
    return {
        "status": t(WORDS[run.status]),
        "summary": outcome_counts(t, counts),
        "profiles": counts.profiles,
        "new": counts.new,
        "updated": counts.updated + counts.tags_only,
        "unchanged": counts.unchanged,
        "skipped": counts.suppressed + counts.no_consent + counts.duplicates,
        "rejected": counts.rejected,
    }


def verified(t: Texts, run: Run) -> Message:
    """What the later look at a finished run's tags put right."""
    text = t.plural(
        "Looked at again later: {count} tag was missing in {audience} and was put on again.",
        "Looked at again later: {count} tags were missing in {audience} and were put on again.",
        run.counts.tags_added,
        audience=escape(run.audience),
    )
    return Message(text, [blocks.section(text), blocks.actions(details_button(t, run))])


def rejected(t: Texts, run: Run, causes: Sequence[tuple[str, int]]) -> Message:
    """Rejects grouped by cause in plain words, each with its fix. Names nobody."""
    total = sum(count for _, count in causes)
    lines = [f"• *{t.number(count)}*: {escape(t(rejects.sentence(reason)))}" for reason, count in causes[:CAUSES_SHOWN]]
    others = sum(count for _, count in causes[CAUSES_SHOWN:])
    if others:
        lines.append(f"• *{t.number(others)}*: {t('for other reasons')}")
    head = t.plural(
        "{count} profile of {destination} could not be exported:",
        "{count} profiles of {destination} could not be exported:",
        total,
        destination=escape(run.destination),
    )
    retry, *rest = remedies(t, run, causes)
    buttons = [retry, blocks.button(t("Send me the list"), "run.rejects", str(run.run_id)), *rest]
    content = [blocks.section(head), blocks.section("\n".join(lines)), blocks.actions(*buttons)]
    return Message(" ".join([head, *(line.replace("*", "").removeprefix("• ") for line in lines)]), content)


def remedies(t: Texts, run: Run, causes: Sequence[tuple[str, int]]) -> list[Block]:
    """What whoever manages the destination can do about the rejects of a run: try again first."""
    value = str(run.run_id)
    buttons = [
        blocks.button(t("Retry these"), "run.retry", value, style="primary", confirm=_everything(t, run)),
        blocks.button(t("Send me the addresses"), "run.addresses", value, confirm=_personal(t)),
    ]
    if any(reason == rejects.Problem.OTHER_ADDRESS for reason, _ in causes):
        buttons.append(decisions.button(t, run.destination_id))
    return buttons


def _everything(t: Texts, run: Run) -> Block:
    return blocks.confirmation(
        t("Export again now?"),
        t(
            "{destination} is exported again without a preview: these people are tried once more, and whatever else differs "
            "by now is sent, too. To look first, preview it again instead.",
            destination=blocks.shorten(run.destination, 50),
        ),
        t("Export again"),
        t("Not now"),
    )


def _personal(t: Texts) -> Block:
    return blocks.confirmation(
        t("Send the full addresses?"),
        t("They are read from the source again and sent to you alone, as a file. Delete it when you are done."),
        t("Send them"),
        t("Not now"),
    )


def list_comes(t: Texts, run: Run, *, in_full: bool = False) -> Message:
    """What is said before the list of rejects is sent directly."""
    text = t(
        "Here is the list of the profiles of {destination} that were rejected.", destination=escape(run.destination)
    )
    if in_full:
        text = f"{text} {t('It holds full addresses: delete it when you are done.')}"
    return Message(text, [blocks.section(text)])


def moved(t: Texts, run: Run, channel: str, error: str) -> Message:
    """Why the message about a run came as a direct message."""
    text = t(
        "The messages about {destination} come here because {channel} cannot be written to: {reason}.",
        destination=escape(run.destination),
        channel=f"<#{channel}>",
        reason=t(CHANNEL_LOST.get(error, CHANNEL_LOST["channel_not_found"])),
    )
    edit = blocks.button(t("Edit the destination"), "wizard.edit", str(run.destination_id))
    return Message(text, [blocks.section(text), blocks.actions(edit)])


def _headline(t: Texts, run: Run) -> str:
    destination, audience = f"*{escape(run.destination)}*", linked(run.audience, run.audience_link)
    if run.reason.kind in LIMITS and run.counts.sent:
        return t("⛔ Limit exceeded: {destination} was exported only in part.", destination=destination)
    if run.reason.kind in LIMITS:
        return t("⛔ Limit exceeded: {destination} was not exported.", destination=destination)
    if run.reason.kind == RECONNECT:
        return t("🔌 {destination} needs its connection to Mailchimp again.", destination=destination)
    if run.status == "waiting" and not run.grown:
        return t("✋ {destination} waits for approval. Look at its preview.", destination=destination)
    if run.status == "waiting":
        return t(
            "✋ {destination} has grown since it was approved. Look at its preview again.", destination=destination
        )
    if run.status == "failed":
        preview = t("❌ The preview of {destination} failed.", destination=destination)
        return preview if run.preview else t("❌ The export of {destination} failed.", destination=destination)
    if run.status == "canceled":
        return t("🚫 The export of {destination} was canceled.", destination=destination)
    if run.status == "skipped":
        return t("⏭️ The export of {destination} was skipped.", destination=destination)
    return _exported(t, run, destination, audience)


def _exported(t: Texts, run: Run, destination: str, audience: str) -> str:
    """The headline of an export that ended well, with or without rejects."""
    if run.canary:
        arrived = t("✅ The canary of {destination} is in {audience}.", destination=destination, audience=audience)
        with_rejects = t(
            "⚠️ The canary of {destination} is in {audience}, with rejects.", destination=destination, audience=audience
        )
        return with_rejects if run.status == "rejects" else arrived
    if run.status == "rejects":
        recovered = t(
            "⚠️ {destination} works again and was exported to {audience}, with rejects.",
            destination=destination,
            audience=audience,
        )
        exported = t(
            "⚠️ {destination} was exported to {audience}, with rejects.", destination=destination, audience=audience
        )
        return recovered if run.recovered else exported
    if run.recovered:
        return t(
            "✅ {destination} works again and was exported to {audience}.", destination=destination, audience=audience
        )
    return t("✅ {destination} was exported to {audience}.", destination=destination, audience=audience)


def _story(t: Texts, run: Run) -> list[str]:
    """What happened, what was done, what to do."""
    lines = [because(t, run.reason), _about(t, run), whose_approval(t, run)]
    if run.status == "canceled" and run.cancel_requested_by:
        lines.append(t("Canceled by {person}.", person=who(t, run.cancel_requested_by)))
    if run.status in ("successful", "rejects"):
        lines += [outcome_counts(t, run.counts), _tags(t, run), *resized(t, run), left_out_values(t, run.plan)]
        plan = run.plan
        incomplete = (
            *unreadable_rows(t, plan.unreadable),
            *gone_segments(t, plan.vanished),
            *refused_removals(t, plan.refused_removals),
        )
        lines += [f"⚠️ {escape(text)}" for text in incomplete]
    elif run.counts.sent or run.counts.tags_removed:
        lines.append(t("Where it stopped; what was sent is kept: {counts}", counts=outcome_counts(t, run.counts)))
    elif run.status not in ("skipped", "waiting") and run.reason.kind != "LimitExceeded":
        lines.append(t("Nothing was sent."))
    lines += _limit(t, run)
    return [line for line in lines if line]


def _about(t: Texts, run: Run) -> str:
    """Who stood for a run and may do so no longer, whom its reason does not name; empty for any other reason."""
    if run.reason.kind != NOT_ALLOWED or run.trigger == "workflow":
        return ""
    person = run.approved_by or (run.agreed_by if run.trigger == "schedule" else run.requested_by)
    return t("This is about {person}.", person=who(t, person))


def _spoken(t: Texts, run: Run) -> list[str]:
    """The same without markup, for the message's text."""
    head = f"{escape(run.destination)}: {status_word(t, run.status)}."
    if run.reason.kind in LIMITS:
        head = f"{escape(run.destination)}: {t('Limit exceeded')}."
    elif run.status in ("successful", "rejects"):
        head = f"{head} {t('Audience: {audience}.', audience=escape(run.audience))}"
    return [head, *(line if line.endswith(".") else f"{line}." for line in _story(t, _unlinked(run)))]


def _unlinked(run: Run) -> Run:
    return dataclasses.replace(run, tags=tuple(Tag(tag.name) for tag in run.tags))


def _tags(t: Texts, run: Run) -> str:
    if not run.tags:
        return ""
    names = [linked(tag.name, tag.link) for tag in run.tags[:TAGS_SHOWN]]
    more = len(run.tags) - TAGS_SHOWN
    if more > 0:
        names.append(t.plural("and {count} more", "and {count} more", more))
    return t("Tags: {tags}", tags=", ".join(names))


def _limit(t: Texts, run: Run) -> list[str]:
    """Which segments weigh most; how many are too many stands in the reason."""
    if run.reason.kind not in LIMITS or not run.weights:
        return []
    heaviest = ", ".join(f"{escape(one.segment)} ({t.number(one.profiles)})" for one in run.weights)
    return [t("The segments that weigh most: {segments}", segments=heaviest)]


def take_off_button(t: Texts, run: Run, action_id: str, *, label: str | None = None) -> Block:
    """Takes the tags off that the brake holds, once that is confirmed."""
    confirm = blocks.confirmation(
        t("Take the tags off?"),
        t("The destination is exported again and the held tags are taken off. Nobody is deleted or unsubscribed."),
        t("Take them off"),
        t("Not now"),
        danger=True,
    )
    return blocks.button(
        t("Take the tags off"), action_id, str(run.run_id), style="danger", confirm=confirm, label=label
    )


def _buttons(t: Texts, run: Run, *, brake: bool) -> list[Block]:
    value, destination = str(run.run_id), str(run.destination_id)
    buttons = []
    if brake:
        buttons.append(take_off_button(t, run, "run.accept_removals"))
    canary_is_in = bool(run.canary) and run.status in ("successful", "rejects")
    if canary_is_in:
        buttons.append(blocks.button(t("Preview the rest"), "export.again", destination, style="primary"))
    if run.reason.kind == RECONNECT:
        buttons.append(blocks.button(t("Connect again"), "wizard.edit", destination, style="primary"))
    elif run.reason.kind == STATEMENT_CHANGED:
        buttons.append(blocks.button(t("Edit and agree again"), "wizard.edit", destination, style="primary"))
    elif run.reason.kind in LIMITS:
        buttons.append(blocks.button(t("Choose other segments"), "wizard.edit", destination, style="primary"))
    if run.reason.kind == FOREIGN_TAG:
        confirm = blocks.confirmation(
            t("Take the tag over?"),
            t("From then on it follows the segment: whoever is not in it loses the tag. You see a preview first."),
            t("Take it over"),
            t("Not now"),
        )
        buttons.append(blocks.button(t("Take the tag over"), "run.take_tags_over", value, confirm=confirm))
        buttons.append(blocks.button(t("Edit the destination"), "wizard.edit", destination))
    # A run that waits has its preview to be looked at, and the rest of a canary has a button of its own.
    if run.status == "waiting":
        buttons.append(approving.look_button(t, run))
    else:
        buttons += [details_button(t, run)] if canary_is_in else next_steps(t, run)
    if run.status in ("failed", "skipped") and run.trigger == "schedule":
        buttons.append(blocks.button(t("Schedules"), "schedule.open"))
    return buttons
