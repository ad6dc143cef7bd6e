"""What the notifier asks of the tables, on each kind of database."""

from __future__ import annotations

from datetime import timedelta

from services.errors import Refused
from services.runs import AlreadyExporting, Order
from storage import outbox
from storage.models import OutboxMessage, RunStatus
from tests.integration.shop import Shop


def test_an_approval_is_found_with_its_time_and_only_for_its_own_run(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    preview = shop.export(destination, preview=True)
    assert preview.status == RunStatus.WAITING
    assert shop.postino.runs.approved_at(preview) is None
    shop.clock.forward(minutes=5)
    approved = shop.postino.runs.approve(shop.actor, preview.id)
    assert shop.postino.runs.approved_at(approved) == shop.clock()
    assert shop.postino.runs.unfinished(shop.actor)[0].id == preview.id
    shop.postino.runs.cancel(shop.actor, preview.id)
    later = shop.export(destination)
    assert shop.postino.runs.approved_at(later) is None
    assert shop.postino.runs.unfinished(shop.actor) == []


def test_rejects_are_counted_by_cause_the_most_frequent_first(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="broken", cid="also broken", dan="")
    shop.segment("VIP", ["ann", "bob", "cid", "dan"])
    run = shop.export(shop.destination("VIP"))
    assert shop.postino.runs.by_cause(run.id) == [("invalid_address", 2), ("no_address", 1)]


def test_the_run_before_is_the_last_of_the_destination_that_ended(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    first = shop.export(destination)
    assert shop.export(destination, preview=True).status == RunStatus.SUCCESSFUL
    shop.segment("VIP", [])
    assert shop.export(destination, preview=True).plan["held"]
    preview = shop.export(destination, preview=True, accept_removals=True)
    assert preview.status == RunStatus.WAITING
    shop.postino.runs.cancel(shop.actor, preview.id)
    last = shop.export(destination)
    before = shop.postino.runs.before(last)
    assert before is not None
    assert before.id == first.id
    assert shop.postino.runs.before(first) is None


def test_a_skip_counts_as_the_run_before_unless_another_export_was_going_on(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination, book = shop.destination("VIP"), shop.postino.runs
    first = shop.export(destination)
    busy = book.skip(shop.actor, destination, AlreadyExporting("It is being exported already."), key="busy")
    assert (
        book.skip(shop.actor, destination, AlreadyExporting("It is being exported already."), key="busy").id == busy.id
    )
    second = shop.export(destination)
    assert (before := book.before(second)) is not None
    assert before.id == first.id
    refused = book.skip(shop.actor, destination, Refused("It may not be exported."), key="refused")
    third = shop.export(destination)
    assert (before := book.before(third)) is not None
    assert before.id == refused.id
    assert (succeeded := book.succeeded_before(third)) is not None
    assert succeeded.id == second.id


def test_of_one_run_only_the_first_message_is_due_and_what_was_taken_is_taken_once(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.postino.runs.request(shop.actor, shop.destination("VIP"), Order())
    database = shop.postino.database
    with database.write() as session:
        now = shop.clock()
        outbox.add(session, shop.actor.workspace_id, "later", {}, now, run_id=1)
        outbox.add(session, shop.actor.workspace_id, "other", {}, now)
        first, other = outbox.due(session, now)
        assert (first.kind, other.kind) == ("run", "other")
        assert outbox.take(session, first, now, timedelta(minutes=1))
        taken = OutboxMessage(id=first.id, attempts=0)
        assert not outbox.take(session, taken, now, timedelta(minutes=1))
        assert [one.kind for one in outbox.due(session, now)] == ["other"]
        outbox.give_up(session, first.id, now, "nobody to tell")
        assert [one.kind for one in outbox.due(session, now)] == ["later", "other"]
