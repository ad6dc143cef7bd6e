"""A large house: 200 destinations and 5,000 segments. Every surface stays valid, and what is looked for is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.sources import Segment
from storage.models import Destination, DestinationSegment, Run, RunStatus
from tests.integration import wizard_hands as hands
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served, until
from tests.integration.wizard_hands import act, enter, seen

DESTINATIONS = 200
SEGMENTS = 5_000
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = "with the longest name that anybody may give a destination, " * 2

Json = dict[str, Any]


def segment(number: int) -> Segment:
    name = f"Campaign {number:04}"
    return Segment(name, f"{name} {LONG}", number * 7, "For a test", "Active", NOW)


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Every tenth destination waits for approval, and every one has been exported before."""
    with open_office(served, tmp_path) as office:
        source = office.postino.source
        there = source.segments()
        known = [*there, *map(segment, range(SEGMENTS))]
        monkeypatch.setattr(source, "segments", lambda: list(known))
        copy_many(office, office.world.destination("VIP", name=f"Export 000 {LONG}"))
        yield office
        assert office.world.refused_by_slack() == []


def copy_many(office: Office, first: Destination) -> None:
    """Rows like those of saved destinations, without asking Mailchimp 200 times."""
    shared = {column.name: getattr(first, column.name) for column in Destination.__table__.columns}
    with office.postino.database.write() as session:
        for number in range(1, DESTINATIONS):
            values = shared | {"id": None, "name": f"Export {number:03} {LONG}", "schedule": "daily 06:00"}
            one = Destination(**values)
            one.segments = [
                DestinationSegment(
                    segment=f"Campaign {(number * 25 + at) % SEGMENTS:04}", position=at, tag_name=f"T{at}"
                )
                for at in range(25)
            ]
            session.add(one)
            session.flush()
            for days in range(3):
                waits = days == 0 and number % 10 == 0
                at = NOW - timedelta(days=days)
                session.add(
                    Run(
                        workspace_id=one.workspace_id,
                        destination_id=one.id,
                        account_id="account",
                        status=RunStatus.WAITING if waits else RunStatus.SUCCESSFUL,
                        trigger="person",
                        requested_by="U0ADA",
                        requested_at=at,
                        finished_at=None if waits else at,
                        request_key=f"{number}-{days}",
                        counters={"profiles": 3, "new": 1},
                        plan={},
                        reason={},
                    )
                )  # fmt: skip


def turned(office: Office, message: Json, button: str) -> Json:
    """The same message after a button that changes it in place."""
    assert office.click(office.ada, button, message)["ok"]

    def changed() -> Json:
        now = next(one for one in office.answers(office.ada) if one["ts"] == message["ts"])
        return now if now["updated"] != message["updated"] else {}

    return until(changed)


def test_the_hub_and_the_lists_of_destinations_are_searched_and_paged(office: Office) -> None:
    hub = office.type(office.ada, "/postino")
    assert "200 destinations" in lines(hub)
    assert "Export 015" in lines(turned(office, hub, "Next"))
    found = office.type(office.ada, "/postino destinations 199")
    assert "Export 199" in lines(found)
    assert "Export 198" not in lines(found)
    assert "Export 009" in lines(turned(office, office.type(office.ada, "/postino schedules"), "Next"))


def test_segments_are_searched_sorted_and_paged(office: Office) -> None:
    listed = office.type(office.ada, "/postino-segments")
    assert "5,003 segments" in lines(listed)
    largest = turned(office, listed, "By size")
    assert "Campaign 4999" in lines(largest)
    assert "Campaign 4999" not in lines(turned(office, largest, "Next"))
    found = office.type(office.ada, "/postino-segments campaign 314")
    assert "Campaign 3140" in lines(found)
    assert "Campaign 3150" not in lines(found)


def test_status_and_history_show_the_newest_and_say_how_many_there_are(office: Office) -> None:
    status = office.type(office.ada, "/postino-status")
    assert "Waiting for approval (19)" in lines(status)
    assert "Older" in [button["text"] for button in office.type(office.ada, "/postino history")["buttons"]]
    assert "Export 077" in lines(office.type(office.ada, f"/postino history Export 077 {LONG}"))


def test_home_shows_what_fits_and_says_what_is_left_out(office: Office) -> None:
    act(office.ada, "open_home")
    home = until(lambda: office.ada.read("home"))
    assert len(home["blocks"]) <= 100
    assert "more are listed by" in "\n".join(home["lines"])


def test_the_doctor_and_the_connections_that_everything_uses_can_be_shown(office: Office) -> None:
    assert "Well:" in lines(office.type(office.ada, "/postino doctor"))
    listed = office.type(office.ada, "/postino connections")
    office.click(office.ada, "Remove…", listed)
    seen(office.ada, "200 destinations use it:")


def test_why_asks_the_source_once_for_the_segments_of_all_destinations(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, asked = office.postino.source, []
    find = source.find

    def watched(attribute: str, value: str, segments: set[str]) -> list[tuple[str, list[str]]]:
        asked.append((attribute, segments))
        return find(attribute, value, segments)

    monkeypatch.setattr(source, "find", watched)
    assert "Export 000" in lines(office.type(office.ada, "/postino why p1@example.com"))
    assert [attribute for attribute, _ in asked] == ["EMail"]
    assert "VIP" in asked[0][1]
    assert "Everyone" not in asked[0][1]


def test_a_destination_is_found_in_the_picker(office: Office) -> None:
    act(office.ada, "command", channel="exports", text="/postino-export")
    seen(office.ada, "Nothing is sent before you say so.")
    assert len(office.ada.act("options", target="Destination", query="export")["options"]) == 100
    [one] = office.ada.act("options", target="Destination", query="export 177")["options"]
    assert one["text"].startswith("Export 177")


def test_segments_are_found_in_the_wizard_and_saved(office: Office) -> None:
    hands.to_segments(office.ada, name="Fresh")
    assert len(office.ada.act("options", target="segments", query="campaign")["options"]) == 100
    [one] = office.ada.act("options", target="segments", query="campaign 4711")["options"]
    assert one["text"].startswith("Campaign 4711")
    enter(office.ada, "segments", ["Bergamo"])
    seen(office.ada, "4 distinct profiles")
    enter(office.ada, "channel", "exports")
    act(office.ada, "submit")
    seen(office.ada, "Destination saved")
