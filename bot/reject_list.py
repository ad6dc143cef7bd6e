"""The CSV of a run's rejects: profile id, segment, masked address, reason.

Full addresses stand in it only where somebody who may see them asked for them, for a direct message to that person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from slack_sdk import WebClient

from bot import slack_calls, spreadsheets
from bot.texts import Texts
from services import rejects
from services.rereading import Find, Found
from storage.models import RunReject

AT_ONCE = 1000
"""For so many the addresses are looked up together."""


def file_of(
    folder: Path, t: Texts, listed: Iterable[RunReject], names: Mapping[str, str], find: Find | None = None
) -> AbstractContextManager[BinaryIO]:
    """The list as a file, written as the rejects are read: there may be a million.

    ``names`` are what people call the segments; ids and addresses that are found replace the masked ones.
    """
    columns = [t("Profile"), t("Segment"), t("Address"), t("Reason"), t("Detail")]
    return spreadsheets.csv_file(folder, columns, _rows(t, iter(listed), names, find))


def upload(
    client: WebClient, file: BinaryIO, t: Texts, run_id: int, channel: str, thread_ts: str | None = None
) -> None:
    """Share the list in a conversation the bot is in. Raises SlackApiError."""
    slack_calls.share(client, file, f"rejects-{run_id}.csv", t("Rejected profiles"), channel, thread_ts)


def _rows(
    t: Texts, listed: Iterator[RunReject], names: Mapping[str, str], find: Find | None
) -> Iterator[tuple[str, ...]]:
    while some := list(islice(listed, AT_ONCE)):
        found = find([one.profile_id for one in some]) if find is not None else None
        for one in some:
            profile, address = _identity(one, found)
            segments = ", ".join(names.get(name, name) for name in one.segments.split(", "))
            yield profile, segments, address, t(rejects.sentence(one.reason)), one.detail


def _identity(one: RunReject, found: Mapping[str, Found] | None) -> tuple[str, str]:
    if found is None:
        return one.profile_id, one.masked_address
    return found.get(one.profile_id, Found(one.profile_id, ""))
