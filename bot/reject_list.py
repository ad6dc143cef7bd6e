"""The CSV of a run's rejects: profile id, segment, masked address, reason.

Full addresses stand in it only where somebody who may see them asked for them, for a direct message to that person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slack_sdk import WebClient

from bot import spreadsheets
from bot.texts import Texts
from services import rejects
from services.rereading import Found
from storage.models import RunReject


def csv_of(
    t: Texts, rows: Iterable[RunReject], names: Mapping[str, str], found: Mapping[str, Found] | None = None
) -> bytes:
    """The list as a file. ``names`` are what people call the segments; ids and addresses ``found`` replace the masked ones."""
    return spreadsheets.csv_of(
        [t("Profile"), t("Segment"), t("Address"), t("Reason"), t("Detail")],
        (
            (
                row.profile_id if found is None or row.profile_id not in found else found[row.profile_id].profile,
                ", ".join(names.get(name, name) for name in row.segments.split(", ")),
                row.masked_address
                if found is None
                else found[row.profile_id].address
                if row.profile_id in found
                else "",
                t(rejects.sentence(row.reason)),
                row.detail,
            )
            for row in rows
        ),
    )


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
