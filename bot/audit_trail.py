"""``/postino audit``: who did what when, as a CSV file in a direct message to the administrator who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot import slack_calls, spreadsheets
from bot.asked import Asked
from bot.texts import Texts, mark
from bot.views import audit_details
from bot.wiring import Application
from services import audit
from storage.models import AuditEntry

WORDS = {
    "addresses.allowed": mark("Allowed changed addresses"),
    "addresses.asked_again": mark("Had changed addresses asked about again"),
    "addresses.kept_out": mark("Kept changed addresses out"),
    "administrator.named": mark("Named an administrator"),
    "administrator.unnamed": mark("Took an administrator's rights back"),
    "audit.exported": mark("Read the audit trail"),
    "connection.ceiling": mark("Set a connection's contact ceiling"),
    "connection.connected": mark("Connected a Mailchimp account"),
    "connection.removed": mark("Removed a connection"),
    "connection.shared": mark("Decided who may use a connection"),
    "destination.created": mark("Created a destination and agreed to the statement"),
    "destination.edited": mark("Edited a destination and agreed to the statement"),
    "destination.policies": mark("Set a destination's policies"),
    "destination.removed": mark("Removed a destination"),
    "destination.tags_deleted": mark("Deleted a destination's tags in Mailchimp"),
    "destination.tags_kept": mark("Could not delete the tags of a removed destination"),
    "destination.tags_taken_over": mark("Took over tags that were there before"),
    "person.asked_about": mark("Asked where a person stands"),
    "person.forgotten": mark("Forgot a person"),
    "rejects.addresses_read": mark("Read the full addresses of rejects"),
    "run.approved": mark("Approved an export"),
    "run.canceled": mark("Canceled an export"),
    "run.previewed": mark("Asked for a preview"),
    "run.removals_accepted": mark("Asked for an export that takes off the tags the brake held"),
    "run.requested": mark("Asked for an export"),
    "run.skipped": mark("Skipped an export"),
    "schedule.paused": mark("Paused a schedule"),
    "schedule.resumed": mark("Resumed a schedule"),
}
"""What people read beside the code of each action that is recorded."""


def send(asked: Asked, application: Application) -> None:
    """Upload the trail into the asker's direct messages and say so."""
    t = asked.t
    entries = audit.trail(application.database, asked.actor)
    names = _names(asked, {one.person for one in entries} | {one.subject for one in entries if _is_person(one)})
    columns = [t("When (UTC)"), t("Who"), t("Name"), t("What was done"), t("Action"), t("Subject"), t("Details")]
    text = t.plural("The audit trail: {count} entry.", "The audit trail: {count} entries, oldest first.", len(entries))
    with spreadsheets.csv_file(application.settings.home, columns, (_cells(t, one, names) for one in entries)) as file:
        opened = asked.client.chat_postMessage(channel=asked.actor.person, text=text)
        slack_calls.share(asked.client, file, "audit-trail.csv", t("Audit trail"), str(opened["channel"]))
    asked.answer(t("The audit trail was sent to you directly, as a file."))


def _names(asked: Asked, people: Iterable[str]) -> dict[str, str]:
    """What those who acted are called in Slack. Whoever it does not name any more, or not now, is known by the id beside."""
    return {person: asked.people.name(asked.client, asked.context.team_id or "", person) or "" for person in people}


def _is_person(one: AuditEntry) -> bool:
    return one.action.startswith("administrator.")


def _cells(t: Texts, one: AuditEntry, names: Mapping[str, str]) -> tuple[str, ...]:
    """One entry. The code of the action stays beside its words, for those who sort by it."""
    words, at = t(WORDS.get(one.action, "")), one.at.strftime("%Y-%m-%d %H:%M:%S")
    subject = f"{one.subject} {names[one.subject]}".strip() if _is_person(one) else one.subject
    return at, one.person, names[one.person], words, one.action, subject, audit_details.details(t, one.details)
