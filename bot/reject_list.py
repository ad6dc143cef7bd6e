"""The CSV of a run's rejects: profile id, segment, masked address, reason. Never a full address."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from slack_sdk import WebClient

from bot.texts import Texts
from services import rejects
from storage.models import RunReject

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is run as a formula by spreadsheets (OWASP, CSV injection)."""


def csv_of(t: Texts, rows: Iterable[RunReject]) -> bytes:
    """The list as UTF-8 with a byte order mark, which spreadsheets need to read it rightly."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([t("Profile"), t("Segment"), t("Address"), t("Reason"), t("Detail")])
    for row in rows:
        cells = (row.profile_id, row.segments, row.masked_address, t(rejects.sentence(row.reason)), row.detail)
        writer.writerow([_defused(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def upload(
    client: WebClient, content: bytes, t: Texts, run_id: int, channel: str, thread_ts: str | None = None
) -> None:
    """Share the list in a conversation the bot is in. Raises SlackApiError."""
    client.files_upload_v2(
        channel=channel,
        thread_ts=thread_ts,
        content=content,
        filename=f"rejects-{run_id}.csv",
        title=t("Rejected profiles"),
    )


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
