"""Segments, the hub, status, history and help, as people ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served, serve_world


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve_world() as served:
        yield served


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        yield office
        assert office.world.refused_by_slack() == []


def test_segments_are_listed_with_counts_state_and_refresh_to_the_asker_alone(office: Office) -> None:
    office.world.destination("VIP")
    answer = office.type(office.ben, "/postino-segments")
    shown = lines(answer)
    assert "3 segments in source" in shown
    assert "VIP\n3 profiles · Active · refreshed Nov 14, 2023 22:13\nExported by Newsletter" in shown
    assert "Everyone\n10 profiles" in shown
    assert "VIP: 3 profiles" in answer["text"]
    assert answer["ephemeral"]
    assert not office.posted(office.ben)


def test_the_change_since_the_last_refresh_is_shown(office: Office) -> None:
    office.type(office.ada, "/postino-segments")
    office.world.segment("VIP", ["p0", "p1", "p2", "p3", "p4"])
    office.world.segment("Bergamo", ["p2"])
    office.clock.forward(seconds=10)
    shown = lines(office.type(office.ada, "/postino-segments"))
    assert "5 profiles · ▲ +2 since the last refresh" in shown
    assert "1 profile · ▼ −3 since the last refresh" in shown
    assert "10 profiles · no change since the last refresh" in shown


def test_segments_are_searched_by_the_words_of_their_names(office: Office) -> None:
    assert "1 segment in source · search: vip" in lines(office.type(office.ada, "/postino-segments vip"))
    nothing = lines(office.type(office.ada, "/postino segments nowhere"))
    assert "No segment has nowhere in its name. Type /postino-segments to see all." in nothing


def test_a_long_list_has_pages_that_turn_in_place(office: Office) -> None:
    for number in range(25):
        office.world.segment(f"Group {number:02}", ["p0"])
    answer = office.type(office.ada, "/postino-segments group")
    assert "1 to 10 of 25" in lines(answer)
    assert "Previous" not in [one["text"] for one in answer["buttons"]]
    office.click(office.ada, "Next", answer)
    page = office.soon(lambda: [one for one in office.answers(office.ada) if "11 to 20 of 25" in lines(one)])
    assert len(page) == len(office.answers(office.ada)) == 1
    office.click(office.ada, "Next", page[0])
    office.soon(lambda: "21 to 25 of 25" in lines(office.answers(office.ada)[0]))
    assert "Next" not in [one["text"] for one in office.answers(office.ada)[0]["buttons"]]


def test_share_posts_the_page_into_the_channel_without_the_askers_buttons(office: Office) -> None:
    office.click(office.ada, "Share", office.type(office.ada, "/postino-segments vip"))
    [shared] = office.soon(lambda: office.posted(office.ben))
    assert "3 profiles" in lines(shared)
    assert not shared["buttons"]


def test_a_segment_nobody_exports_opens_the_wizard_with_it(office: Office) -> None:
    answer = office.type(office.ada, "/postino-segments vip")
    assert office.click(office.ada, "segments.export", answer)["ok"]
    view = office.soon(office.ada.view)
    assert view["type"] == "modal"


def test_a_segment_that_a_destination_exports_opens_the_export_with_that_destination(office: Office) -> None:
    office.world.destination("VIP")
    office.click(office.ada, "segments.export", office.type(office.ada, "/postino-segments vip"))
    view = office.soon(lambda: (shown := office.ada.view()) and shown["submit"] == "Preview" and shown)
    assert "Destinations with the segment VIP" in "\n".join(view["lines"])
    assert view["inputs"][0]["shown"] == "Newsletter"


def test_without_segments_the_next_step_is_said(office: Office) -> None:
    for name in ("VIP", "Bergamo", "Everyone"):
        (office.world.folder / f"{name}.csv").unlink()
    office.clock.forward(seconds=10)
    assert "source has no segments." in lines(office.type(office.ada, "/postino-segments"))


def test_a_source_that_is_gone_is_said_in_one_sentence(office: Office) -> None:
    office.world.folder.rename(office.world.folder.with_name("elsewhere"))
    [line] = office.type(office.ada, "/postino-segments")["lines"]
    assert "Traceback" not in line
    assert line.endswith(".")


def test_names_with_markup_are_shown_as_they_are(office: Office) -> None:
    office.world.segment("R&D <all>", ["p0"])
    shown = office.type(office.ada, "/postino-segments r&d")
    assert "R&D <all>" in lines(shown)


def test_the_hub_shows_destinations_with_their_last_result(office: Office) -> None:
    empty = office.type(office.ada, "/postino")
    assert "There is no destination yet" in lines(empty)
    office.click(office.ada, "Connect", empty)
    office.soon(office.ada.view)
    destination = office.world.destination("VIP")
    assert "Never exported yet." in lines(office.type(office.ada, "/postino"))
    office.request(destination)
    office.work()
    hub = office.type(office.ada, "/postino destinations")
    assert "1 destination" in lines(hub)
    assert "✅ Successful · Newsletter · 3 new, 3 tags put on" in lines(hub)
    assert "Export…" not in [one["text"] for one in office.type(office.ben, "/postino")["buttons"]]


def test_status_shows_what_runs_and_what_waits_and_can_be_shared(office: Office) -> None:
    assert "Nothing is running" in lines(office.type(office.ada, "/postino-status"))
    office.request(office.world.destination("VIP"), preview=True)
    assert "In the queue (1)" in lines(office.type(office.ada, "/postino-status"))
    office.work()
    status = office.type(office.ada, "/postino status")
    assert "Waiting for approval (1)" in lines(status)
    assert "3 new, 0 updated" in lines(status)
    office.click(office.ada, "Send", status)
    office.soon(lambda: office.run(1).approved_by == "U0ADA")
    office.work()
    office.click(office.ada, "Share", office.type(office.ada, "/postino-status"))
    shared = office.soon(lambda: [one for one in office.posted(office.ben) if "Last exports" in lines(one)])
    assert "✅ Successful · Newsletter" in lines(shared[0])


def test_history_is_of_all_destinations_or_of_one(office: Office) -> None:
    assert "Exports of all destinations: none yet." in lines(office.type(office.ada, "/postino history"))
    office.request(office.world.destination("VIP"))
    office.work()
    assert "✅ Successful · Newsletter · 3 new" in lines(office.type(office.ada, "/postino history newsletter"))
    assert "There is no destination called other." in lines(office.type(office.ada, "/postino history other"))
    hub = office.type(office.ada, "/postino")
    office.ada.act("click", target="History", channel="exports", ts=hub["ts"], value='{"page":0,"destination":1}')
    office.soon(lambda: any("Exports of Newsletter" in lines(one) for one in office.answers(office.ada)))


@pytest.mark.parametrize(
    "command", ["/postino", "/postino-connect", "/postino-segments", "/postino-export", "/postino-status"]
)
def test_every_command_answers_help(office: Office, command: str) -> None:
    answer = office.type(office.ada, f"{command} help")
    assert command in lines(answer)
    assert command in answer["text"]


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("/postino segmets", "Did you mean /postino-segments [search]?"),
        ("/postino statsu", "Did you mean /postino-status?"),
        ("/postino xyzzy", "Type /postino help to see what it can do."),
        ("/postino-status now", "Type /postino help to see what it can do."),
    ],
)
def test_unknown_words_get_the_nearest_command(office: Office, typed: str, answered: str) -> None:
    assert answered in lines(office.type(office.ada, typed))


def test_guests_are_told_whom_to_ask(office: Office) -> None:
    for command in ("/postino", "/postino-segments", "/postino-status"):
        assert "Ask a member of this workspace." in lines(office.type(office.world.gus, command))
    office.world.gus.act("command", channel="exports", text="/postino-export")
    view = office.soon(lambda: (shown := office.world.gus.view()) and "Ask a member" in str(shown["lines"]) and shown)
    assert not view["inputs"]
