"""Dates in the local Slack: in each reader's time zone and language, as Slack writes them."""

from __future__ import annotations

import pytest

from sandbox.slack.reading import Reader
from sandbox.slack.state import Workspace

MOMENT = "<!date^1795600800^{format}|later>"


@pytest.mark.parametrize(
    ("person", "form", "seen"),
    [
        ("U0ADA", "{date_short_pretty} {time}", "Nov 25, 2026 10:00"),
        ("U0ADA", "{date}", "November 25, 2026"),
        ("U0ADA", "{date_long}", "Wednesday, November 25, 2026"),
        ("U0DARIO", "{date_short_pretty} {time}", "25 nov 2026 11:00"),
        ("U0DARIO", "{date_long}", "mercoledì 25 novembre 2026"),
    ],
)
def test_a_date_is_read_in_the_readers_zone_and_language(person: str, form: str, seen: str) -> None:
    assert Reader(Workspace(), person).mrkdwn(MOMENT.replace("{format}", form)) == seen
