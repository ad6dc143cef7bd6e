"""``/postino audit``: who did what when, as a CSV file in a direct message to the administrator who asks."""

from __future__ import annotations

import orjson

from bot import spreadsheets
from bot.asked import Asked
from bot.wiring import Application
from services import audit
from storage.models import AuditEntry


def send(asked: Asked, application: Application) -> None:
    """Upload the trail into the asker's direct messages and say so."""
    t = asked.t
    entries = audit.trail(application.database, asked.actor)
    columns = [t("When (UTC)"), t("Who"), t("Action"), t("Subject"), t("Details")]
    content = spreadsheets.csv_of(columns, (_cells(one) for one in entries))
    text = t.plural("The audit trail: {count} entry.", "The audit trail: {count} entries, oldest first.", len(entries))
    opened = asked.client.chat_postMessage(channel=asked.actor.person, text=text)
    asked.client.files_upload_v2(
        channel=str(opened["channel"]), content=content, filename="audit-trail.csv", title=t("Audit trail")
    )
    asked.answer(t("The audit trail was sent to you directly, as a file."))


def _cells(one: AuditEntry) -> tuple[str, str, str, str, str]:
    details = orjson.dumps(one.details).decode() if one.details else ""
    return one.at.strftime("%Y-%m-%d %H:%M:%S"), one.person, one.action, one.subject, details
