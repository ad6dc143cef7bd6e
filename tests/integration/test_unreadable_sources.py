"""A source that cannot be read while schedules wait for its refreshes: told once, and once when it can be read again."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from sqlalchemy import select

from bot.notifier import Notifier
from services.destinations import Policies
from services.schedules import Schedules
from services.watching import READABLE, UNREADABLE, Watching
from storage.models import Destination, OutboxMessage, Run, RunStatus
from tests.integration.refusing_server import refusing_server
from tests.integration.shop import Shop
from tests.integration.slack_office import Office, lines
from tests.integration.slack_world import LONG_AGO

CANNOT, AGAIN = "has been unreadable since", "can be read again."


def wait(office: Office, **duration: float) -> None:
    """Let time pass with the duties at work before and after it, as often as it takes to say something twice."""
    for _ in range(2):
        office.postino.schedules()
        office.clock.forward(**duration)
    for _ in range(2):
        office.postino.schedules()
        office.postino.segments()
        office.postino.digests()
        office.work()


def following(office: Office, name: str = "Newsletter", segment: str = "VIP", **form: Any) -> Destination:
    """A destination that is exported with each refresh, which the duty has seen."""
    known = [one.id for one in office.postino.connections.visible(office.world.actor)]
    form = {"schedule": "refresh", "name": name, **({"connection_id": known[0]} if known else {}), **form}
    made = office.world.destination(segment, **form)
    office.postino.schedules()
    return made


def take_away(office: Office) -> None:
    office.world.folder.rename(office.world.folder.with_name("away"))
    office.clock.forward(seconds=10)


def bring_back(office: Office) -> None:
    office.world.folder.with_name("away").rename(office.world.folder)
    office.clock.forward(seconds=10)


def said(office: Office) -> list[str]:
    """What the channel was told of the source."""
    return [text for one in office.posted() if "The source “source”" in (text := lines(one)) or CANNOT in text]


def history(office: Office) -> list[Run]:
    return office.postino.runs.history(office.world.actor)[::-1]


def test_a_source_that_cannot_be_read_is_told_once_and_so_is_its_return_which_loses_no_refresh(office: Office) -> None:
    made = following(office)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(mentions=["U0BEN"], digest=7))
    take_away(office)
    wait(office, minutes=5)
    [told] = office.posted()
    text = lines(told)
    assert f"⚠️ The source “source” {CANNOT}" in text
    assert "The source folder “source” does not exist; check POSTINO_SOURCE_URL." in text
    assert "Newsletter waits for its next refresh and is not exported meanwhile." in text
    assert "Contacts and tags in Mailchimp stay as they are." in text
    assert "/postino doctor shows administrators what is wrong. The exports then go on by themselves." in text
    assert "Please look: @Ben" in text
    assert str(office.world.folder.parent) not in str(told)
    listed = lines(office.type(office.ada, "/postino schedules"))
    assert "⚠️ Waits: the source has been unreadable since" in listed
    wait(office, days=2)
    assert len(office.posted()) == 1

    bring_back(office)
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    wait(office, minutes=1)
    back = lines(office.posted()[1])
    assert f"✅ The source “source” {AGAIN}" in back
    assert "It had been unreadable since" in back
    assert "Newsletter is exported with each refresh again" in back
    assert [run.status for run in history(office)] == [RunStatus.SUCCESSFUL]
    assert len(said(office)) == 2
    assert "Waits" not in lines(office.type(office.ada, "/postino schedules"))

    take_away(office)
    wait(office, minutes=5)
    assert len(said(office)) == 3


def test_destinations_of_one_channel_are_told_of_together_and_those_of_another_in_theirs(office: Office) -> None:
    for number in range(12):
        office.world.segment(f"S{number}", ["p0"])
    for number in range(12):
        following(office, f"Letter {number}", f"S{number}")
    following(office, "Elsewhere", channel="C0GENERAL")
    take_away(office)
    wait(office, minutes=5)
    [told] = office.posted()
    named = ", ".join(f"Letter {number}" for number in range(10))
    assert f"{named} and 2 more wait for its next refresh and are not exported meanwhile." in lines(told)
    [other] = office.posted(channel="general")
    assert "Elsewhere waits for its next refresh" in lines(other)
    bring_back(office)
    wait(office, minutes=5)
    assert [AGAIN in lines(one) for one in office.posted()] == [False, True]
    assert len(office.posted(channel="general")) == 2


def test_neither_a_restart_nor_a_second_process_tells_it_again(office: Office) -> None:
    following(office)
    first = office.postino.schedules
    second = Schedules(first.database, first.source, first.destinations, first.runs, first.next_time)
    for change in (take_away, bring_back):
        change(office)
        for _ in range(3):
            first()
            second()
            office.clock.forward(minutes=2)
        office.notifier = Notifier(office.postino, office.world.app.client, office.clock.seconds)
        office.notify()
    assert [AGAIN in text for text in said(office)] == [False, True]

    take_away(office)
    for _ in range(2):
        with first.database.read() as session:
            seen = list(session.scalars(select(Destination)))
        for duty in (first, second):  # both have seen the same before either writes
            Watching(duty.database, duty.source).look(seen, office.clock())
        office.clock.forward(minutes=5)
    office.notify()
    assert len(said(office)) == 3


def test_a_refresh_that_is_being_written_is_told_to_nobody(office: Office) -> None:
    following(office)
    take_away(office)
    office.postino.schedules()
    bring_back(office)
    model = office.world.folder / "model.json"
    for _ in range(8):
        model.write_text('{"name": "Conto')
        os.utime(model, (office.clock().timestamp(),) * 2)
        office.postino.schedules()
        office.clock.forward(minutes=2)
    take_away(office)
    office.postino.schedules()
    bring_back(office)
    model.unlink()
    wait(office, minutes=5)
    assert not office.posted()

    model.write_text('{"name": "Conto')
    os.utime(model, (LONG_AGO, LONG_AGO))
    wait(office, minutes=5)
    [told] = said(office)
    assert "“model.json” is not a model.json that can be read; export it again, or remove it." in told


def keep_writing(office: Office, hours: int) -> None:
    """A file of the source that is written again whenever the duty looks, once an hour."""
    for _ in range(hours):
        os.utime(office.world.folder / "VIP.csv", (office.clock.seconds(),) * 2)
        office.postino.schedules()
        office.clock.forward(hours=1)
    office.work()


def test_a_refresh_that_does_not_end_is_told_once_and_so_is_its_end(office: Office) -> None:
    made = following(office)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(mentions=["U0BEN"]))
    keep_writing(office, 3)
    take_away(office)  # for a moment, as part of it
    office.postino.schedules()
    bring_back(office)
    keep_writing(office, 2)
    assert not office.posted()
    assert "Waits" not in lines(office.type(office.ada, "/postino schedules"))
    keep_writing(office, 3)
    [told] = office.posted()
    text = lines(told)
    assert "⚠️ A refresh of the source “source” has been going on since" in text
    assert "Newsletter waits for its end and is not exported meanwhile." in text
    assert "A refresh has ended when no file of the source changes any more." in text
    assert "Please look: @Ben" in text
    assert "⚠️ Waits: a refresh of the source has been going on since" in lines(
        office.type(office.ada, "/postino schedules")
    )
    os.utime(office.world.folder / "VIP.csv", (office.clock.seconds(),) * 2)
    found = lines(office.type(office.ada, "/postino doctor"))
    assert "Problem · POSTINO_SOURCE_URL: has been in a refresh for 8 hours, and schedules wait for its end." in found
    keep_writing(office, 30)
    assert len(office.posted()) == 1

    wait(office, minutes=1)
    back = lines(office.posted()[1])
    assert "✅ The refresh of the source “source” has ended.\nIt had been going on since" in back
    assert [run.status for run in history(office)] == [RunStatus.SUCCESSFUL]
    assert "Waits" not in lines(office.type(office.ada, "/postino schedules"))
    keep_writing(office, 3)
    take_away(office)
    wait(office, minutes=5)
    bring_back(office)
    keep_writing(office, 9)
    wait(office, minutes=1)
    heard = [text for one in office.posted() if "source “source”" in (text := lines(one))]
    ends = ("has been going on since", "has ended", CANNOT, AGAIN)
    assert [end in text for end, text in zip(ends, heard, strict=True)] == [True] * 4


def test_doctor_says_that_the_source_is_being_refreshed(office: Office) -> None:
    following(office)
    os.utime(office.world.folder / "VIP.csv", (office.clock.seconds(),) * 2)
    found = lines(office.type(office.ada, "/postino doctor"))
    assert "Hint · POSTINO_SOURCE_URL: is being refreshed. Exports wait until" in found


def test_the_list_of_segments_tells_the_last_counts_during_a_refresh_and_looks_again(office: Office) -> None:
    refreshing = (office.world.folder / "VIP.csv", (office.clock.seconds(),) * 2)
    os.utime(*refreshing)
    unseen = office.type(office.ada, "/postino-segments")
    assert "is being refreshed" in lines(unseen)
    assert [one["text"] for one in unseen["buttons"]] == ["Refresh"]
    office.clock.forward(seconds=60)
    office.click(office.ada, "Refresh", unseen)
    office.soon(lambda: "3 segments in source" in lines(office.answers(office.ada)[-1]))
    os.utime(refreshing[0], (office.clock.seconds(),) * 2)
    office.clock.forward(seconds=1)
    told = lines(office.type(office.ada, "/postino-segments"))
    assert "is being refreshed" in told
    assert "• Bergamo: 4 profiles\n• Everyone: 10 profiles\n• VIP: 3 profiles" in told
    assert "• VIP" not in lines(office.type(office.ada, "/postino-segments berg"))


def test_a_server_that_does_not_answer_for_a_while_is_told_only_if_it_lasts(office: Office) -> None:
    following(office)
    with ExitStack() as stack:
        port = stack.enter_context(refusing_server("the database system is starting up"))
        office.world.read_from(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm")
        wait(office, minutes=3)
        assert not office.posted()
        wait(office, minutes=9)
        [told] = office.posted()
        assert "The database “crm” does not answer." in lines(told)
        wait(office, days=1)
    refused = refusing_server('password authentication failed for user "me"')
    with refused as port:
        office.world.read_from(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm")
        wait(office, minutes=1)
        assert "refuses the user name or the password" in lines(office.posted()[1])
    office.world.read_from(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm")  # nothing answers there any more
    wait(office, hours=1)
    assert len(office.posted()) == 2
    assert "s3cret-word" not in str(office.posted())


def test_who_waits_for_nothing_is_not_told_and_who_resumes_is(office: Office) -> None:
    made = following(office, channel=None)
    office.postino.schedules.pause(office.world.actor, made.id)
    take_away(office)
    wait(office, minutes=5)
    assert not office.directly(office.ada)
    office.postino.schedules.resume(office.world.actor, made.id)
    wait(office, minutes=5)
    assert [CANNOT in lines(one) for one in office.directly(office.ada)] == [True]
    office.postino.schedules.pause(office.world.actor, made.id)
    bring_back(office)
    wait(office, minutes=5)
    office.postino.schedules.resume(office.world.actor, made.id)
    wait(office, minutes=5)
    assert len(office.directly(office.ada)) == 1


def test_what_a_failed_export_has_said_is_not_told_another_time(office: Office) -> None:
    followed = following(office)
    office.world.segment("VIP", ["p0", "p1"])
    office.clock.forward(seconds=10)
    office.postino.schedules()
    take_away(office)
    office.work()
    assert [run.status for run in history(office)] == [RunStatus.FAILED]
    assert "The export of Newsletter failed." in lines(office.posted()[-1])
    before = len(office.posted())
    wait(office, minutes=5)
    assert len(office.posted()) == before
    bring_back(office)
    office.world.segment("VIP", ["p0"])
    wait(office, minutes=5)
    assert "Newsletter works again" in lines(office.posted()[-1])
    assert said(office) == []
    assert history(office)[-1].destination_id == followed.id


def test_an_export_by_the_clock_says_itself_that_the_source_cannot_be_read_and_once(office: Office) -> None:
    following(office, schedule="daily 07:00")
    following(office, "Weekly", "Bergamo", schedule="weekly mon 07:00")
    following(office, "By cron", "Everyone", schedule="cron 0 7 * * *")
    take_away(office)
    for days in (1, 8, 1):
        wait(office, days=days)
    assert len(history(office)) > 6
    ended = [lines(one) for one in office.posted() if "failed." in lines(one)]
    assert sorted(text.partition(" failed.")[0] for text in ended) == [
        "❌ The export of By cron",
        "❌ The export of Newsletter",
        "❌ The export of Weekly",
    ]
    assert all("The source folder “source” does not exist" in text for text in ended)
    assert said(office) == []


def test_each_kind_of_database_keeps_what_was_told(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.destination("VIP", schedule="refresh", channel="C0EXPORTS")
    for name, moved in ((shop.folder, "away"), (shop.folder.with_name("away"), "source")):
        name.rename(name.with_name(moved))
        for _ in range(4):
            shop.clock.forward(minutes=1)
            shop.postino.schedules()
    with shop.postino.database.read() as session:
        queued = session.scalars(select(OutboxMessage).where(OutboxMessage.run_id.is_(None))).all()
        assert [one.kind for one in queued] == [UNREADABLE, READABLE]
        assert session.scalars(select(Destination.unreadable_told)).all() == [None]
