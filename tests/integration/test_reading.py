"""What an export reads of an audience, and what it takes for read: no more and no less than it has seen."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update

from sandbox.mailchimp import acts
from services import connections, planning
from services.lanes import LANES
from services.mailchimp.client import Answer, Call, Client, Patience
from services.mailchimp.pacing import AccountPacer
from services.mailing import SMALL_PAGE, TimedOut
from storage.models import Ledger, LedgerMember, Run, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts
from tests.integration.test_running import NO_PATIENCE, many

PAGES = "/lists/[^/]+/members"
MEMBERS, HOLDERS = "/lists/{list_id}/members", "/lists/{list_id}/segments/{segment_id}/members"


def read_in_full(shop: Shop) -> object:
    with shop.postino.database.read() as session:
        return session.scalar(select(Ledger.read_in_full_at))


def test_a_newly_mapped_field_is_read_before_it_is_written_even_if_the_first_run_fails(shop: Shop) -> None:
    people = many(shop, 3)
    for at, person in enumerate(people):
        acts.add(shop.audience, f"p{at}@example.com", FNAME=person.title(), LNAME="Tester")
    shop.segment("VIP", people)
    shop.clock.forward(hours=3)
    destination = shop.destination("VIP", fields={"FNAME": "FirstName"})
    shop.export(destination)
    shop.clock.forward(hours=2)
    destination = shop.destination("VIP", edited=destination)
    shop.world.faults.add("refuse", method="GET", path=PAGES, times=1)
    assert shop.export(destination).status == RunStatus.FAILED
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 3, "unchanged": 3}
    assert shop.writes() == []


def test_members_who_are_not_kept_make_no_run_read_the_whole_audience_again(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 3))
    acts.add(shop.audience, "taro..yamada@docomo.example")
    destination = shop.destination("VIP")
    read = []
    for run in range(6):
        if run == 3:
            shop.postino.individuals.forget(shop.actor, "p1@example.com")
        shop.export(destination)
        read.append(read_in_full(shop))
        shop.clock.forward(hours=3)
    # Once when a count differs for the first time, and not again for the same reason.
    assert [before != after for before, after in pairwise(read)] == [True, False, True, False, False]
    acts.add(shop.audience, "another@example.com", "unsubscribed")
    shop.export(destination)
    assert read_in_full(shop) == read[-1]


def test_nobody_is_taken_for_gone_who_changed_while_the_audience_was_read(shop: Shop) -> None:
    people = many(shop, 1200)
    shop.segment("VIP", people)
    shop.segment("Coffee", people)
    shop.export(shop.destination("VIP"))
    second = shop.destination("Coffee", name="Second")
    shop.clock.forward(days=8)

    def change() -> None:
        shop.clock.forward(seconds=5)
        for at in range(len(people)):
            acts.edit(shop.audience, f"p{at}@example.com", PHONE="1")

    shop.world.faults.before_call(3, change, method="GET", path=PAGES)
    assert counts(shop.export(second)) == {"profiles": 1200, "tags_only": 1200, "tags_added": 1200}


def test_pages_that_are_too_slow_are_read_as_smaller_ones_and_nobody_is_skipped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 1200))
    destination = shop.destination("VIP")
    shop.export(destination)
    for address in shop.members():
        acts.unsubscribe(shop.audience, address)
    shop.clock.forward(days=8)
    once, moved = Client.once, list[str]()

    def slow(client: Client, call: Call, **options: Any) -> Answer:
        pages = call.path.endswith("/members")
        if pages and int(call.params["count"]) > SMALL_PAGE:
            raise TimedOut
        answer = once(client, call, **options)
        if pages and "before_last_changed" in call.params and not moved:
            # Some of those who have been read by now change, so that all the others move up.
            shop.clock.forward(seconds=5)
            moved.extend(member["email_address"] for member in answer.data["members"][:40])
            for address in moved:
                acts.edit(shop.audience, address, PHONE="1")
        return answer

    monkeypatch.setattr(Client, "once", slow)
    monkeypatch.setattr(connections, "EXPORT", Patience(first=0, longest=0))
    assert counts(shop.export(destination)) == {"profiles": 1200, "suppressed": 1200}
    assert len(moved) == 40


def test_a_small_page_is_asked_for_until_it_comes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    people = many(shop, 3)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    monkeypatch.setattr(connections, "EXPORT", Patience(first=0, longest=0))
    for path in (PAGES, "/lists/[^/]+/segments/[^/]+/members"):
        shop.world.faults.add("502", method="GET", path=path, times=8)
    run = shop.export(destination)
    assert (run.status, counts(run)) == (RunStatus.SUCCESSFUL, {"profiles": 3, "unchanged": 3})


def test_a_worker_that_has_lost_its_run_writes_nothing_of_what_it_read(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 3))
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.clock.forward(hours=3)
    acts.edit(shop.audience, "p1@example.com", FNAME="Hand")

    def known() -> object:
        with shop.postino.database.read() as session:
            rows = session.execute(select(LedgerMember.key, LedgerMember.changed).order_by(LedgerMember.key)).all()
            return session.scalar(select(Ledger.watermark)), rows

    def taken_over() -> None:
        with shop.postino.database.write() as session:
            session.execute(update(Run).where(Run.status == RunStatus.PROCESSING).values(attempt=Run.attempt + 1))

    before = known()
    shop.world.faults.before_call(1, taken_over, method="GET", path=PAGES)
    run = shop.postino.runs.request(shop.actor, destination)
    shop.postino.exporting.carry_out(run.id)
    assert known() == before


def test_what_was_approved_is_read_as_at_first_and_only_what_was_begun_as_late_calls_want_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two lanes, and members before their tags: a call of a killed attempt may arrive between the two."""
    lanes: list[int] = []
    monkeypatch.setattr(AccountPacer, "start_with", lambda _, number: lanes.append(number))

    def read_by(run: Run) -> list[str]:
        shop.world.log.clear()
        shop.postino.exporting.carry_out(run.id)
        return list(dict.fromkeys(call.path for call in shop.world.log.calls("GET") if call.path.endswith("/members")))

    shop.segment("VIP", many(shop, 3))
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", many(shop, 4))
    preview = shop.export(destination, preview=True)
    shop.world.faults.add("503", method="POST", path="/lists/[^/]+", times=1)
    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    assert read_by(shop.postino.runs.approve(shop.actor, preview.id)) == [HOLDERS, MEMBERS]
    assert set(lanes) == {LANES}
    assert read_by(preview) == [MEMBERS, HOLDERS]
    assert lanes[-1] == 2


def test_the_holders_of_a_tag_are_counted_however_many_sets_of_tags_people_have(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = many(shop, 60)
    for name, size in (("VIP", 60), ("Coffee", 40), ("Tea", 25)):
        shop.segment(name, people[:size])
    destination = shop.destination("VIP", "Coffee", "Tea")
    shop.export(destination)
    shop.segment("VIP", people[:5])
    monkeypatch.setattr(planning, "_SETS_COUNTED", 1)
    (held,) = shop.export(destination).plan["held"]
    assert (held["segment"], held["people"], held["holders"]) == ("VIP", 55, 60)
