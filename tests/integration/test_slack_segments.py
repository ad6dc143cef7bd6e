"""Segments, the hub, status, history and help, as people ask for them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from services.approving import Approval
from services.destinations import Policies
from services.removing import Users
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import Json, act, enter, seen, value


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


def grow(office: Office, *sizes: int) -> None:
    """Let VIP have these sizes at one refresh of the source after the other, each noted by the duty."""
    for size in sizes:
        office.world.segment("VIP", [f"p{number}" for number in range(size)])
        office.clock.forward(minutes=2)
        office.postino.segments()


def test_a_small_trend_tells_the_last_refreshes_even_if_nobody_looked(office: Office) -> None:
    assert office.world.actor
    grow(office, 2, 6, 10)
    shown = lines(office.type(office.ada, "/postino-segments vip"))
    assert "10 profiles · ▲ +4 since the last refresh · ▁▅█ from 2 over 3 refreshes · Active" in shown


def test_segments_are_sorted_by_name_size_change_state_and_last_refresh(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.type(office.ada, "/postino-segments")
    office.world.segment("VIP", [f"p{number}" for number in range(9)])
    office.clock.forward(seconds=10)
    source, read = office.postino.source, office.postino.source.segments
    others: dict[str, dict[str, Any]] = {
        "Everyone": {"state": "Invalid"},
        "VIP": {"last_refreshed": datetime(2026, 3, 2, tzinfo=UTC), "state": "Draft"},
    }
    monkeypatch.setattr(source, "segments", lambda: [replace(one, **others.get(one.name, {})) for one in read()])
    answer = office.type(office.ada, "/postino-segments")

    def order(name: str, first: str) -> list[str]:
        office.click(office.ada, name, answer)
        shown = office.soon(
            lambda: (
                f"[{first}" in lines(office.answers(office.ada)[-1]).replace("] [", "\n[")
                and office.answers(office.ada)[-1]
            )
        )
        return [line for line in shown["lines"] if line in ("VIP", "Bergamo", "Everyone")]

    assert order("By size", "✓ By size") == ["Everyone", "VIP", "Bergamo"]
    assert order("By change", "✓ By change") == ["VIP", "Bergamo", "Everyone"]
    assert order("By state", "✓ By state") == ["VIP", "Everyone", "Bergamo"]
    assert order("By last refresh", "✓ By last refresh") == ["VIP", "Bergamo", "Everyone"]
    assert order("By name", "✓ By name") == ["Bergamo", "Everyone", "VIP"]


def test_a_picture_of_a_segments_size_comes_to_the_asker_with_all_of_it_in_words(office: Office) -> None:
    assert office.world.actor
    grow(office, 2, 6, 10)
    answer = office.type(office.ada, "/postino-segments vip")
    outcome = office.ada.act("enter", target="segments.picture", value="VIP", channel="exports", ts=answer["ts"])
    assert outcome["ok"], outcome
    [message] = office.soon(lambda: [one for one in office.directly(office.ada) if one["files"]])
    picture = Image.open(io.BytesIO(office.ada.download(message["files"][0]["id"])))
    assert (picture.format, picture.size) == ("PNG", (1000, 440))
    assert len(picture.getcolors(100_000) or []) > 3
    said = lines(office.directly(office.ada)[0])
    assert "Profiles in VIP over 3 refreshes: 2 on" in said
    assert "lowest 2, highest 10." in said
    [file] = office.world.workspace.files.values()
    assert file.alt_txt.startswith("Profiles in VIP over 3 refreshes")


def test_without_a_second_refresh_there_is_nothing_to_draw(office: Office) -> None:
    answer = office.type(office.ada, "/postino-segments vip")
    office.ada.act("enter", target="segments.picture", value="VIP", channel="exports", ts=answer["ts"])
    office.soon(lambda: any("there is no line to draw yet" in lines(one) for one in office.answers(office.ada)))
    assert not office.directly(office.ada)


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
    assert [one["text"] for one in shared["buttons"]] == ["Open for me"]


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


def exporting(office: Office, segment: str, *words: str) -> Json:
    """The modal behind a segment's *Export…*, once it says all of this."""
    office.click(office.ada, "segments.export", office.type(office.ada, f"/postino-segments {segment}"))
    return seen(office.ada, *words)


def chosen(view: Json) -> set[str]:
    """The segments chosen in the wizard."""
    return {one["value"] for one in value(view, "segments")}


def test_a_segment_is_added_to_a_destination_that_does_not_export_it_yet(office: Office) -> None:
    office.world.destination("VIP")
    office.world.destination("Bergamo", name="Local news")
    view = exporting(office, "bergamo", "Destinations with the segment Bergamo")
    assert [one["text"] for one in view["buttons"]] == ["New destination…"]
    assert [one["text"] for one in act(office.ada, "options", target="segments.add")["options"]] == ["Newsletter"]
    act(office.ada, "enter", target="segments.add", value="1")
    view = seen(office.ada, "Step 4 of 4", "distinct profiles of at most")
    assert chosen(view) == {"VIP", "Bergamo"}
    act(office.ada, "click", target="Back")
    rows = {one["block_id"]: one["shown"] for one in seen(office.ada, "Step 3 of 4")["inputs"]}
    assert rows["field.FNAME"].startswith("FirstName")
    act(office.ada, "submit")
    seen(office.ada, "Step 4 of 4")
    act(office.ada, "submit")
    seen(office.ada, "Destination saved")
    saved = office.postino.destinations.named(office.world.actor, "Newsletter")
    assert [one.segment for one in saved.segments] == ["VIP", "Bergamo"]
    assert (saved.email_attribute, saved.fields) == ("EMail", {"FNAME": "FirstName", "LNAME": "LastName"})


def test_a_new_destination_begins_with_the_segment_that_others_export_or_not(office: Office) -> None:
    office.world.destination("VIP")
    view = exporting(office, "bergamo", "No destination of yours exports the segment Bergamo yet.")
    assert view["submit"] is None
    act(office.ada, "click", target="New destination…")
    seen(office.ada, "Step 1 of 4")
    enter(office.ada, "name", "Local news")
    enter(office.ada, "connection", "Main")
    seen(office.ada, "Connected to Mailchimp as Contoso Coffee")
    enter(office.ada, "agreed", ["agreed"])
    act(office.ada, "submit")
    seen(office.ada, "Step 2 of 4")
    enter(office.ada, "audience", "Newsletter")
    act(office.ada, "submit")
    seen(office.ada, "Step 3 of 4")
    act(office.ada, "submit")
    assert chosen(seen(office.ada, "Step 4 of 4")) == {"Bergamo"}


def test_a_destination_that_has_to_be_mended_first_says_what_and_keeps_the_segment(office: Office) -> None:
    office.world.destination("VIP")
    office.postino.removals.connection(office.world.actor, 1, Users.DETACH)
    exporting(office, "bergamo", "No destination of yours")
    act(office.ada, "enter", target="segments.add", value="1")
    seen(office.ada, "Step 1 of 4", "Choose a connection first")
    office.world.connect()
    act(office.ada, "close")
    [offer] = office.soon(lambda: office.directly(office.ada))
    act(office.ada, "click", target="Resume", ts=offer["ts"], channel="D0ADA")
    seen(office.ada, "Step 1 of 4")
    enter(office.ada, "connection", "Main")
    seen(office.ada, "Connected to Mailchimp as Contoso Coffee")
    for step in (2, 3, 4):
        act(office.ada, "submit")
        view = seen(office.ada, f"Step {step} of 4")
    assert chosen(view) == {"VIP", "Bergamo"}


def test_without_segments_the_next_step_is_said(office: Office) -> None:
    for name in ("VIP", "Bergamo", "Everyone"):
        (office.world.folder / f"{name}.csv").unlink()
    office.clock.forward(seconds=10)
    none = office.type(office.ada, "/postino-segments")
    assert "source has no segments." in lines(none)
    office.world.segment("VIP", ["p0"])
    office.clock.forward(seconds=10)
    office.click(office.ada, "Refresh", none)
    office.soon(lambda: "1 segment in source" in lines(office.answers(office.ada)[-1]))
    nothing = office.type(office.ada, "/postino-segments xyz")
    office.click(office.ada, "All segments", nothing)
    office.soon(lambda: "1 segment in source" in lines(office.answers(office.ada)[-1]))


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
    hub = office.type(office.ada, "/postino")
    assert "1 destination" in lines(hub)
    assert "✅ Successful · 3 new, 3 tags put on" in lines(hub)
    assert "Export…" not in [one["text"] for one in office.type(office.ben, "/postino")["buttons"]]


def test_the_hub_leads_to_schedules_and_policies(office: Office) -> None:
    office.world.destination("VIP", schedule="daily 07:00")
    hub = office.type(office.ada, "/postino")
    office.click(office.ada, "Schedules", hub)
    office.soon(lambda: any("1 schedule" in lines(one) for one in office.answers(office.ada)))
    office.click(office.ada, "Policies", hub)
    office.soon(lambda: (view := office.ada.view()) and "For Newsletter" in "".join(view["lines"]))
    office.ada.act("close")
    office.click(office.ada, "Policies", office.type(office.ada, "/postino destinations"))
    office.soon(lambda: (view := office.ada.view()) and "For Newsletter" in "".join(view["lines"]))
    theirs = office.type(office.ben, "/postino")
    assert "Schedules" in [one["text"] for one in theirs["buttons"]]
    assert "Policies" not in [one["text"] for one in theirs["buttons"]]


def test_the_hub_and_the_status_offer_an_approval_only_to_who_may_give_it(office: Office) -> None:
    made = office.world.destination("VIP")
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.ALWAYS))
    office.request(made, preview=True)
    office.work()
    for command in ("/postino", "/postino status"):
        assert "Send" not in [one["text"] for one in office.type(office.ada, command)["buttons"]]
    assert "Waiting for your approval" not in lines(office.type(office.ada, "/postino"))
    assert "Waiting for your approval" not in lines(office.type(office.ben, "/postino"))
    office.postino.runs.cancel(office.world.actor, 1)

    office.postino.destinations.set_policies(office.world.actor, made.id, Policies())
    office.request(made, preview=True)
    office.work()
    hub = office.type(office.ada, "/postino")
    assert "Waiting for your approval (1)" in lines(hub)
    assert "3 new, 0 updated" in lines(hub)
    office.click(office.ada, "Send", hub)
    office.soon(lambda: office.run(2).approved_by == "U0ADA")


def test_status_shows_what_runs_and_what_waits_and_can_be_shared(office: Office) -> None:
    assert "Nothing is running" in lines(office.type(office.ada, "/postino-status"))
    office.request(office.world.destination("VIP"), preview=True)
    assert "In the queue (1)" in lines(office.type(office.ada, "/postino-status"))
    office.work()
    status = office.type(office.ada, "/postino status")
    assert "Waiting for approval (1)" in lines(status)
    assert "3 new, 0 updated" in lines(status)
    theirs = office.type(office.ben, "/postino status")
    assert [one["text"] for one in theirs["buttons"]] == ["Details", "Refresh", "Share", "History"]
    office.click(office.ben, "Details", theirs)
    card = seen(office.ben, "Preview of Newsletter", "New contacts: 3", "It waits until an administrator sends it.")
    assert card["submit"] is None
    office.click(office.ada, "Details", status)
    assert seen(office.ada, "Preview of Newsletter", "New contacts: 3")["submit"] == "Send"
    act(office.ada, "close")
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
    assert "✅ Successful · Newsletter · 3 new" in lines(office.type(office.ada, "/postino history"))
    assert "✅ Successful · 3 new" in lines(office.type(office.ada, "/postino history newsletter"))
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


def history(told: Json) -> list[str]:
    """The lines of a run in full that say who did what when, in their order."""
    begins = ("Asked for", "Approved", "Started", "Canceled by", "Ended")
    return [line for line in lines(told).splitlines() if line.startswith(begins)]


def test_an_export_is_told_in_full_with_who_and_what_became_of_every_profile(office: Office) -> None:
    office.world.customers({"bad": {"EMail": "nowhere"}})
    office.world.segment("VIP", ["p0", "p1", "bad"])
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    office.clock.forward(hours=5)
    office.postino.runs.approve(office.world.actor, 1)
    office.work()
    listed = office.type(office.ben, "/postino history newsletter")
    office.click(office.ben, "Details", listed)
    [told] = office.soon(lambda: [one for one in office.answers(office.ben) if "Started" in lines(one)])
    asked, approved, began, ended = history(told)
    assert asked.startswith("Asked for by @Ada")
    assert approved.startswith("Approved by @Ada")
    assert began.startswith("Started sending ")
    assert began.removeprefix("Started sending ") not in asked  # it was planned then
    assert ended.startswith("Ended ")
    assert "3 profiles\n2 new · 0 updated" in lines(told)
    assert "0 without consent · 0 duplicates · 1 rejected · 0 not attempted" in lines(told)
    assert "VIP: put on 2, taken off 0 (segment with 3 profiles)" in lines(told)
    assert "1 × The e-mail address cannot be valid. Correct it in the source." in lines(told)
    office.click(office.ben, "Back", told)
    office.soon(lambda: "Exports of Newsletter" in lines(office.answers(office.ben)[-1]))


def test_a_long_history_has_pages_that_turn_in_place(office: Office) -> None:
    destination = office.world.destination("VIP")
    for _ in range(21):
        run = office.request(destination, preview=True)
        office.postino.runs.cancel(office.world.actor, run.id)
    answer = office.type(office.ada, "/postino history")
    assert lines(answer).count("Canceled") == 20
    office.click(office.ada, "Older", answer)
    office.soon(lambda: lines(office.answers(office.ada)[-1]).count("Canceled") == 1)
    office.click(office.ada, "Details", office.answers(office.ada)[-1])
    office.soon(lambda: "Canceled by @Ada" in lines(office.answers(office.ada)[-1]))
    asked, canceled, ended = history(office.answers(office.ada)[-1])
    assert asked.startswith("Asked for by @Ada")
    assert canceled == "Canceled by @Ada Lovelace."
    assert ended.startswith("Ended ")
    assert "It took" not in ended
    office.click(office.ada, "Back", office.answers(office.ada)[-1])
    office.soon(lambda: "Newer" in [one["text"] for one in office.answers(office.ada)[-1]["buttons"]])
