"""What happens when Slack throttles, is away, or has no place for a message any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sandbox.mailchimp import acts
from sandbox.slack.remote import RemotePerson
from services.destinations import Policies
from services.runs import Order
from services.segments import Segments
from storage import runs
from storage.models import OutboxMessage, Run, RunStatus
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served

Json = dict[str, Any]
LEASE = timedelta(hours=1)


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        yield office


def begin(office: Office) -> Run:
    """Take the next run as a worker would, without doing anything for it."""
    database = office.postino.database
    with database.write() as session:
        run = runs.claim_next(session, "test", database.now(session), LEASE)
    assert run is not None
    return run


def progress(office: Office, run: Run, **values: Any) -> None:
    """Write what a worker writes while it sends."""
    with office.postino.database.write() as session:
        assert runs.write(session, run.id, run.attempt, progressed_at=office.clock(), **values)


def sending(office: Office, run: Run, new: int, **counters: int) -> None:
    """Note that ``new`` of 1,000 people have been sent."""
    progress(office, run, step="sending", counters={"profiles": 1000, "new": new, **counters})


def edits(office: Office) -> int:
    """How many edits Slack has taken."""
    return len([one for one in office.world.workspace.emitted if one.method == "chat.update" and not one.error])


def open_messages(office: Office) -> list[OutboxMessage]:
    with office.postino.database.read() as session:
        return list(session.scalars(select(OutboxMessage).where(OutboxMessage.delivered_at.is_(None))))


def test_progress_is_shown_in_place_at_most_every_three_seconds(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    run = begin(office)
    office.notify()
    before = edits(office)
    for new in (100, 110, 120, 130):
        sending(office, run, new)
        office.notify()
    assert edits(office) == before + 1
    office.clock.forward(seconds=4)
    sending(office, run, 400, retries=3)
    office.notify()
    [living] = office.posted()
    assert edits(office) == before + 2
    assert "▓▓▓▓░░░░░░ 40% · 400 of 1,000" in lines(living)
    assert "per second" in lines(living)
    assert "left" in lines(living)
    assert "Slow because Mailchimp throttles." in lines(living)
    assert "Processing, ▓▓▓▓░░░░░░ 40%" in living["text"]


def test_cancel_shows_at_once_that_the_run_is_stopping(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    run = begin(office)
    sending(office, run, 100)
    office.notify()
    assert office.click(office.ada, "Cancel", office.posted()[0])["ok"]
    office.soon(lambda: office.run(run.id).cancel_requested_by)
    office.notify()
    [living] = office.posted()
    assert "stopping, asked by @Ada Lovelace; the calls in flight are waited for" in lines(living)
    assert not living["buttons"]


def test_what_a_later_look_put_right_is_told_in_the_thread(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    acts.untag(office.world.audience, "p0@example.com", "VIP")
    office.request(destination, trigger="verify", verifies=1)
    office.work()
    living = office.posted()[0]
    told = lines(office.thread(living)[-1])
    assert "1 tag was missing in Newsletter and was put on again." in told
    assert len(office.posted()) == 2


def test_what_is_a_day_old_is_not_told_any_more(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.clock.forward(hours=25)
    office.notify()
    assert not office.posted()
    assert not open_messages(office)


def test_a_run_without_progress_says_so(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    sending(office, begin(office), 100)
    office.clock.forward(minutes=4)
    office.notify()
    assert "No progress for 4 minutes." in lines(office.posted()[0])


def test_a_queued_run_says_what_it_waits_for(office: Office) -> None:
    office.request(office.world.destination("VIP", name="First"))
    office.world.connect("Other")
    second = office.world.destination("Bergamo", name="Second", connection_id=1)
    begin(office)
    office.request(second)
    office.notify()
    assert "waits for the export of First to finish" in lines(office.posted()[-1])
    assert "waits for the export of First to finish" in lines(office.type(office.ada, "/postino-status"))


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ("C0GONE", "the channel is gone"),
        ("C0OLD", "the channel is archived"),
        ("C0SECRET", "it is private and Postino is not in it"),
    ],
)
def test_where_the_channel_cannot_be_written_to_the_launcher_is_told_directly_and_why(
    office: Office, channel: str, why: str
) -> None:
    office.world.workspace.add_channel("C0SECRET", "secret", ["U0ADA"], is_private=True)
    office.request(office.world.destination("VIP", channel=channel))
    office.work()
    told = "\n".join(lines(one) for one in office.directly(office.ada))
    assert "Successful" in told
    assert "was exported to" in told
    assert why in told
    assert told.count("cannot be written to") == 1
    assert not open_messages(office)


def test_a_channel_archived_during_a_run_moves_its_ending_to_the_launcher(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.notify()
    office.world.workspace.channels["C0EXPORTS"].archived = True
    office.work()
    told = "\n".join(lines(one) for one in office.directly(office.ada))
    assert "Successful" in told
    assert "the channel is archived" in told
    lost = "Its last export could not be reported to its channel: the channel is archived. Choose another one."
    problem = f"Problem · Newsletter: {lost}"
    assert problem in lines(office.type(office.ada, "/postino doctor", channel="general"))
    office.world.workspace.channels["C0EXPORTS"].archived = False
    office.request(office.postino.destinations.named(office.world.actor, "Newsletter"), preview=True)
    office.work()
    assert problem not in lines(office.type(office.ada, "/postino doctor", channel="general"))


def test_a_message_that_somebody_deleted_is_not_forced_on_the_channel_again(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.notify()
    office.world.workspace.channels["C0EXPORTS"].messages.clear()
    office.work()
    [completion] = office.posted()
    assert "was exported to" in lines(completion)
    assert completion["thread_ts"] is None


def test_with_nobody_to_tell_the_run_goes_on_and_nothing_stays_behind(office: Office) -> None:
    destination = office.world.destination("VIP", channel=None)
    with office.postino.database.write() as session:
        session.merge(destination).created_by = "command-line"
    office.postino.runs.request(office.postino.command_line(), destination, Order(trigger="command-line"))
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    assert not open_messages(office)


def test_a_throttled_message_comes_later_and_once(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.world.workspace.faults.ratelimit_next = {"chat.postMessage": 3}
    office.notify()
    assert not office.posted()
    office.clock.forward(seconds=2)
    office.notify()
    assert len(office.posted()) == 1


def test_slack_away_for_ten_minutes_still_gets_every_ending_once(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.notify()
    office.world.workspace.faults.down_until = float("inf")
    office.work()
    for _ in range(10):
        office.clock.forward(minutes=1)
        office.notify()
    office.world.workspace.faults.down_until = 0.0
    office.clock.forward(minutes=6)
    office.notify()
    living, completion = office.posted()
    assert "Successful" in lines(living)
    assert "was exported to" in lines(completion)
    assert len([one for one in office.directly(office.ada) if "was exported" in lines(one)]) == 1


def test_an_answer_that_was_lost_does_not_lose_the_message(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.world.workspace.faults.drop_next = {"chat.postMessage": 5}
    office.notify()
    office.world.workspace.faults.drop_next = {}
    office.clock.forward(minutes=10)
    office.work()
    assert "Successful" in lines(office.posted()[-2])
    assert not open_messages(office)


def test_blocks_that_slack_refuses_are_left_away_because_the_text_says_all(office: Office) -> None:
    office.world.workspace.faults.error_next = {"chat.postMessage": ["invalid_blocks"]}
    office.request(office.world.destination("VIP"))
    office.notify()
    [living] = office.posted()
    assert not living["blocks"]
    assert "Newsletter: Queued" in living["text"]


def test_of_scheduled_runs_only_failures_and_recoveries_are_posted_once_per_change(office: Office) -> None:
    destination = office.world.destination("VIP")

    def posts(**order: Any) -> list[str]:
        before = len(office.posted())
        office.request(destination, trigger="schedule", **order)
        office.work()
        return [lines(one) for one in office.posted()[before:]]

    assert [text.partition("\n")[2].split(" · ")[0] for text in posts()] == ["✅ Successful"]
    office.world.account.role = "viewer"
    failing = posts()
    assert len(failing) == 2
    assert "The export of Newsletter failed." in failing[1]
    assert len(posts()) == 1
    office.world.account.role = "owner"
    recovered = posts()
    assert len(recovered) == 2
    assert "Newsletter works again and was exported" in recovered[1]
    assert not office.directly(office.ada)


def test_of_scheduled_runs_the_brake_is_told_once_and_its_release_too(office: Office) -> None:
    destination = office.world.destination("VIP")

    def posts() -> list[str]:
        before = len(office.posted())
        office.request(destination, trigger="schedule")
        office.work()
        return [lines(one) for one in office.posted()[before:]]

    assert len(posts()) == 1
    office.world.segment("VIP", [])
    pulled = posts()
    assert "The brake holds these removals" in pulled[-1]
    assert len(posts()) == 1
    office.world.segment("VIP", ["p0", "p1", "p2"])
    assert "Newsletter works again" in posts()[-1]


def test_people_are_called_where_there_is_trouble_and_only_there(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.postino.destinations.set_policies(office.world.actor, destination.id, Policies(mentions=["U0BEN"]))
    office.request(destination)
    office.work()
    assert "Please look" not in "".join(one["text"] for one in office.posted())
    office.world.account.role = "viewer"
    office.request(destination)
    office.work()
    assert "Please look: @Ben" in lines(office.posted()[-1])
    assert "Please look: <@U0BEN>" in office.posted()[-1]["text"]
    assert "Please look" not in "".join(lines(one) for one in office.directly(office.ada))


def test_a_quiet_destination_posts_nothing_of_scheduled_successes(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.postino.destinations.set_policies(office.world.actor, destination.id, Policies(quiet=True))
    office.request(destination, trigger="schedule")
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    assert not office.posted()
    office.world.account.role = "viewer"
    office.request(destination, trigger="schedule")
    office.work()
    assert "Failed" in lines(office.posted()[0])
    assert "The export of Newsletter failed." in lines(office.posted()[1])
    office.world.account.role = "owner"
    office.request(destination, trigger="schedule")
    office.work()
    assert "Newsletter works again" in lines(office.posted()[-1])
    count = len(office.posted())
    office.request(destination, trigger="schedule")
    office.work()
    assert len(office.posted()) == count
    office.request(destination)
    office.work()
    assert len(office.posted()) == count + 2


def test_of_a_quiet_destination_new_rejects_are_told_once_and_everything_can_be_done_about_them_later(
    office: Office,
) -> None:
    destination = office.world.destination("Everyone")
    office.postino.destinations.set_policies(office.world.actor, destination.id, Policies(quiet=True))
    office.request(destination, trigger="schedule")
    office.work()
    assert not office.posted()

    office.world.customers({"p0": {"EMail": "broken@"}})
    office.clock.forward(seconds=10)
    for _ in range(2):
        office.request(destination, trigger="schedule")
        office.work()
    assert office.run(3).status == RunStatus.REJECTS
    living, told = office.posted()
    assert "Newsletter was exported to Newsletter, with rejects." in lines(told)
    assert "works again" not in lines(told)
    assert any("could not be exported" in lines(one) for one in office.thread(living))

    acts.unsubscribe(office.world.audience, "p1@example.com")
    office.world.customers({"p1": {"EMail": "p1.new@example.com"}})
    office.clock.forward(seconds=10)
    for _ in range(2):
        office.request(destination, trigger="schedule")
        office.work()
    living = office.posted()[2]
    assert len(office.posted()) == 4, "somebody must decide about a changed address now"
    [explained] = [one for one in office.thread(living) if "could not be exported" in lines(one)]
    assert "Decide about changed addresses" in [one["text"] for one in explained["buttons"]]

    remedies = ["List of rejects", "Retry these", "Send me the addresses", "Decide about changed addresses"]

    def in_full(person: RemotePerson) -> Json:
        """The newest run, opened from the history."""
        listed = office.type(person, "/postino history Newsletter")
        office.click(person, "Details", listed, block_id=listed["buttons"][0]["block_id"])
        found: Json = office.soon(lambda: [one for one in office.answers(person) if "Rejects" in lines(one)])[-1]
        return found

    shown = in_full(office.ada)
    assert [one["text"] for one in shown["buttons"] if one["text"] in remedies] == remedies
    seen = in_full(office.ben)
    assert [one["text"] for one in seen["buttons"] if one["text"] in remedies] == ["List of rejects"]
    office.click(office.ada, "Retry these", shown)
    office.soon(lambda: [one for one in office.postino.runs.unfinished(office.world.actor) if one.trigger == "person"])


@pytest.mark.parametrize("quiet", [False, True])
def test_an_unusual_change_of_a_segments_size_is_told_though_the_export_went_well(office: Office, quiet: bool) -> None:
    destination = office.world.destination("Everyone")
    office.postino.destinations.set_policies(office.world.actor, destination.id, Policies(quiet=quiet))
    office.request(destination, trigger="schedule")
    office.work()
    office.world.customers({f"c{number}": {} for number in range(60)})
    office.world.segment("Everyone", office.world.people)
    office.request(destination, preview=True)
    office.work()
    grown = "Everyone had 10 profiles in the export before and has 70 now. Was that meant?"
    assert grown in lines(office.posted()[-1])
    assert grown in office.posted()[-1]["text"]
    office.request(destination, trigger="schedule")
    office.work()
    *_, told = office.posted()
    assert "Everyone had 10 profiles in the export before and has 70 now. Was that meant?" in lines(told)
    count = len(office.posted())
    office.request(destination, trigger="schedule")
    office.work()
    assert len(office.posted()) == count + (not quiet)


def test_an_unusual_change_of_a_segments_size_is_told_once_when_the_refresh_is_noticed(office: Office) -> None:
    first = office.world.destination("Everyone", "VIP", schedule="refresh")
    office.world.destination("Everyone", name="Zweite", connection_id=first.connection_id)
    office.world.destination("Everyone", name="Third", connection_id=first.connection_id, channel=None, language="it")
    office.world.destination("VIP", name="Small", connection_id=first.connection_id, channel="C0GENERAL")
    office.postino.segments()
    office.world.customers({f"c{number}": {} for number in range(60)})
    office.world.segment("Everyone", office.world.people)
    office.world.segment("VIP", [f"p{number}" for number in range(9)])
    for _ in range(2):
        office.type(office.ada, "/postino-segments")
        Segments(office.postino.database, office.postino.source)()
        office.notify()
    [told] = office.posted()
    assert "Everyone had 10 profiles before the source was refreshed and has 70 now. Was that meant?" in lines(told)
    assert "Exported by Newsletter, Zweite." in lines(told)
    assert "VIP" not in lines(told)
    [direct] = office.directly(office.ada)
    assert "Everyone aveva 10 profili" in lines(direct)
    assert not office.posted(channel="general")
    office.world.segment("Everyone", ["p0"])
    for _ in range(2):  # a source that has just changed may still be written
        office.postino.segments()
    office.notify()
    assert "Everyone had 70 profiles before the source was refreshed and has 1 now." in lines(office.posted()[-1])
