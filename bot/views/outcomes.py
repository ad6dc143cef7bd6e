"""What people are told when a run ends: what happened, what was done, what to do; and who was rejected and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bot.texts import Texts, mark
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.previews import held
from bot.views.run_facts import Message, Run, Tag, because, linked, number_of_people, outcome_counts, status_word, who
from services import rejects

TAGS_SHOWN = 20
CAUSES_SHOWN = 20
LIMITS = frozenset({"LimitExceeded", "AccountLimit"})
RECONNECT = "ReconnectNeeded"
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
    lines = [_headline(t, run), *_story(t, run)]
    content = [blocks.section("\n".join(lines))]
    brake = held(t, run.plan) if run.reason.waiting == "removals" else ""
    if brake:
        content.append(blocks.section(brake))
    buttons = _buttons(t, run, brake=bool(brake))
    if buttons:
        content.append(blocks.actions(*buttons))
    return Message(" ".join(part for part in (*_spoken(t, run), brake) if part), content)


def verified(t: Texts, run: Run) -> Message:
    """What the later look at a finished run's tags put right."""
    text = t.plural(
        "Looked at again later: {count} tag was missing in {audience} and was put on again.",
        "Looked at again later: {count} tags were missing in {audience} and were put on again.",
        run.counts.tags_added,
        audience=escape(run.audience),
    )
    return Message(text, [blocks.section(text)])


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
    value = str(run.run_id)
    buttons = blocks.actions(
        blocks.button(t("Retry these"), "run.retry", value, style="primary"),
        blocks.button(t("Send me the list"), "run.rejects", value),
    )
    content = [blocks.section(head), blocks.section("\n".join(lines)), buttons]
    return Message(" ".join([head, *(line.replace("*", "").removeprefix("• ") for line in lines)]), content)


def list_comes(t: Texts, run: Run) -> Message:
    """What is said before the list of rejects is sent directly."""
    text = t(
        "Here is the list of the profiles of {destination} that were rejected.", destination=escape(run.destination)
    )
    return Message(text, [blocks.section(text)])


def moved(t: Texts, run: Run, channel: str, error: str) -> Message:
    """Why the message about a run came as a direct message."""
    text = t(
        "The messages about {destination} come here because {channel} cannot be written to: {reason}.",
        destination=escape(run.destination),
        channel=f"<#{channel}>",
        reason=t(CHANNEL_LOST.get(error, CHANNEL_LOST["channel_not_found"])),
    )
    return Message(text, [blocks.section(text)])


def _headline(t: Texts, run: Run) -> str:
    destination, audience = f"*{escape(run.destination)}*", linked(run.audience, run.audience_link)
    if run.reason.kind in LIMITS:
        return t("⛔ Limit exceeded: {destination} was not exported.", destination=destination)
    if run.reason.kind == RECONNECT:
        return t("🔌 {destination} needs its connection to Mailchimp again.", destination=destination)
    if run.status == "waiting":
        return t(
            "✋ {destination} has grown since it was approved. Look at its preview again.", destination=destination
        )
    if run.status == "failed":
        return t("❌ The export of {destination} failed.", destination=destination)
    if run.status == "canceled":
        return t("🚫 The export of {destination} was canceled.", destination=destination)
    if run.status == "skipped":
        return t("⏭️ The export of {destination} was skipped.", destination=destination)
    if run.canary:
        return t("✅ The canary of {destination} is in {audience}.", destination=destination, audience=audience)
    if run.status == "rejects":
        return t(
            "⚠️ {destination} was exported to {audience}, with rejects.", destination=destination, audience=audience
        )
    if run.recovered:
        return t(
            "✅ {destination} works again and was exported to {audience}.", destination=destination, audience=audience
        )
    return t("✅ {destination} was exported to {audience}.", destination=destination, audience=audience)


def _story(t: Texts, run: Run) -> list[str]:
    """What happened, what was done, what to do."""
    lines = [because(t, run.reason)]
    if run.status == "canceled" and run.cancel_requested_by:
        lines.append(t("Canceled by {person}.", person=who(t, run.cancel_requested_by)))
    if run.status in ("successful", "rejects"):
        lines += [outcome_counts(t, run.counts), _tags(t, run)]
    elif run.counts.sent or run.counts.tags_removed:
        lines.append(t("Sent before it stopped, and kept: {counts}", counts=outcome_counts(t, run.counts)))
    elif run.status not in ("skipped", "waiting") and run.reason.kind not in LIMITS:
        lines.append(t("Nothing was sent."))
    lines += _limit(t, run)
    return [line for line in lines if line]


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
    """How many over, and which segments weigh most."""
    if run.reason.kind not in LIMITS:
        return []
    lines = []
    if run.reason.limit:
        over = number_of_people(t, max(0, run.reason.count - run.reason.limit))
        lines.append(
            t(
                "{count} against a limit of {limit}: {over} too many.",
                count=run.reason.count,
                limit=run.reason.limit,
                over=over,
            )
        )
    if run.weights:
        heaviest = ", ".join(f"{escape(one.segment)} {t.number(one.profiles)}" for one in run.weights)
        lines.append(t("The segments that weigh most: {segments}", segments=heaviest))
    return lines


def _buttons(t: Texts, run: Run, *, brake: bool) -> list[Block]:
    value, destination = str(run.run_id), str(run.destination_id)
    buttons = []
    if brake:
        confirm = blocks.confirmation(
            t("Take the tags off?"),
            t("The destination is exported again and the held tags are taken off. Nobody is deleted or unsubscribed."),
            t("Take them off"),
            t("Not now"),
            danger=True,
        )
        buttons.append(
            blocks.button(t("Take the tags off"), "run.accept_removals", value, style="danger", confirm=confirm)
        )
    if run.canary and run.status in ("successful", "rejects"):
        buttons.append(blocks.button(t("Preview the rest"), "export.again", destination, style="primary"))
    if run.reason.kind == RECONNECT:
        buttons.append(blocks.button(t("Connect again"), "wizard.edit", destination, style="primary"))
    elif run.reason.kind in LIMITS:
        buttons.append(blocks.button(t("Choose other segments"), "wizard.edit", destination, style="primary"))
    if run.status in ("failed", "canceled", "skipped"):
        buttons.append(blocks.button(t("Preview again"), "export.again", destination))
    return buttons
