"""A run that is interrupted and goes on: what its attempts count and list together, and what they send."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from unittest.mock import patch

import pytest

from sandbox.mailchimp import acts
from services import approving, connections, observing
from services.addresses import subscriber_hash
from services.approving import Approval
from services.destinations import Policies
from services.mailchimp.client import Patience
from services.mailing import Reason
from services.runs import Order
from storage.models import Run, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts


def interrupted(shop: Shop, run: Run, *, method: str, path: str, kind: str = "503", skip: int = 0) -> Run:
    """Carry the run out until a call fails; it waits for its next attempt."""
    fault = shop.world.faults.add(kind, method=method, path=path, skip=skip)
    with patch.object(connections, "EXPORT", Patience(first=0, longest=0, in_all=0)):
        waiting = shop.postino.exporting.carry_out(run.id)
    assert waiting is not None
    assert waiting.status == RunStatus.QUEUED
    shop.world.faults.active.remove(fault)
    return waiting


def resumed(shop: Shop, run: Run, attempt: int = 2) -> Run:
    """The next attempt of a run that was interrupted; the run as it ended, or waits."""
    shop.clock.forward(minutes=10)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert ended.attempt == attempt
    return ended


@pytest.mark.parametrize(
    ("text", "reason"),
    [("The moon is full.", Reason.UNKNOWN), ("Your merge fields were invalid.", Reason.MERGE_FIELD)],
    ids=["unknown", "merge field"],
)
def test_a_refused_update_is_counted_once_and_listed_after_an_interruption(
    shop: Shop, text: str, reason: Reason
) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Anna"}, bob={"EMail": "bob@example.com", "FirstName": "Bobby"}
    )
    ann, bob = (f".*/members/{subscriber_hash(f'{name}@example.com')}" for name in ("ann", "bob"))
    shop.world.faults.add("refuse", method="PATCH", path=ann, text=text)
    run = shop.postino.runs.request(shop.actor, destination)
    assert interrupted(shop, run, method="PATCH", path=bob).counters["rejected"] == 1
    ended = resumed(shop, run)
    assert counts(ended) == {"profiles": 2, "updated": 1, "rejected": 1}
    assert ended.status == RunStatus.REJECTS
    assert [(one.profile_id, one.reason) for one in shop.postino.runs.rejects(shop.actor, run.id)] == [("ann", reason)]


def test_an_attempt_that_ends_before_it_has_a_list_of_its_own_leaves_the_one_before(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="no address")
    shop.segment("VIP", ["ann", "bob"])
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    interrupted(shop, run, method="POST", path="/lists/[^/]+")
    shop.world.faults.add("refuse", method="GET", path="/lists/[^/]+/members")
    assert resumed(shop, run).status == RunStatus.FAILED
    assert [one.profile_id for one in shop.postino.runs.rejects(shop.actor, run.id)] == ["bob"]


def test_whoever_was_rejected_and_is_taken_by_the_next_attempt_is_updated(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Anna"}, bob={"EMail": "bob@example.com", "FirstName": "Bobby"}
    )
    ann, bob = (f".*/members/{subscriber_hash(f'{name}@example.com')}" for name in ("ann", "bob"))
    refusal = shop.world.faults.add("refuse", method="PATCH", path=ann, text="The moon is full.")
    run = shop.postino.runs.request(shop.actor, destination)
    interrupted(shop, run, method="PATCH", path=bob)
    shop.world.faults.active.remove(refusal)
    ended = resumed(shop, run)
    assert counts(ended) == {"profiles": 2, "updated": 2}
    assert ended.status == RunStatus.SUCCESSFUL
    assert not list(shop.postino.runs.rejects(shop.actor, run.id))


def test_whoever_was_inserted_and_is_refused_a_change_by_the_next_attempt_is_in_one_class(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    shop.world.switches.set(bulk_tags="ignored")
    assert interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+").counters["new"] == 1
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.world.faults.add("refuse", method="PATCH", text="The moon is full.")
    assert counts(resumed(shop, run)) == {"profiles": 1, "rejected": 1, "tags_added": 1}


def test_contacts_that_arrived_with_an_answer_that_was_lost_are_found_unchanged(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(20)}
    shop.customers(**people)
    shop.segment("VIP", people)
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    first = interrupted(shop, run, kind="drop_after", method="POST", path="/lists/[^/]+", skip=1)
    assert first.counters["new"] == 1
    assert len(shop.members()) == 20
    assert counts(resumed(shop, run)) == {"profiles": 20, "new": 1, "unchanged": 19, "tags_added": 1}


def with_tags_left(shop: Shop, run: Run, people: Iterable[str]) -> Run:
    """Interrupt the run when these people are in, before they get their tags."""
    shop.segment("VIP", people)
    shop.world.switches.set(bulk_tags="ignored")
    return interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+")


def test_what_was_approved_grows_no_further_with_each_attempt(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(200)}
    shop.customers(**people)
    shop.segment("VIP", list(people)[:10])
    run = shop.export(shop.destination("VIP"), preview=True)
    shop.postino.runs.approve(shop.actor, run.id)
    sent = with_tags_left(shop, run, list(people)[:100])
    assert sent.counters["new"] == 100
    shop.segment("VIP", people)
    again = resumed(shop, run, attempt=3)
    assert again.status == RunStatus.WAITING
    assert len(shop.members()) == 100
    assert again.plan["first_sent"] == sent.plan["first_sent"], "what was sent stays sent"
    assert again.counters["calls"] >= sent.counters["calls"]
    shop.postino.runs.approve(shop.actor, run.id)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 200, "new": 200, "tags_added": 200}


def test_contacts_that_earlier_attempts_have_added_count_for_the_rule(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(8)}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.postino.destinations.set_policies(shop.actor, destination.id, Policies(approval_above=5))
    run = shop.postino.runs.request(shop.actor, destination)
    with_tags_left(shop, run, list(people)[:4])
    shop.segment("VIP", people)
    again = resumed(shop, run)
    assert (again.status, shop.postino.runs.approval_rule(again)) == (RunStatus.WAITING, approving.Rule.ABOVE)
    assert len(shop.members()) == 4


def test_a_run_that_waits_again_over_fewer_people_adds_up(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(10)}
    for at in range(5):
        acts.add(shop.audience, f"p{at}@example.com", FNAME=f"P{at}", LNAME="Tester")
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    run = shop.postino.runs.request(shop.actor, destination)
    assert with_tags_left(shop, run, people).counters["new"] == 5
    shop.postino.destinations.set_policies(shop.actor, destination.id, Policies(approval=Approval.ALWAYS))
    shop.segment("VIP", ["p3", "p4", "p5"])
    again = resumed(shop, run)
    assert (again.status, again.counters["profiles"], again.counters["new"]) == (RunStatus.WAITING, 3, 1)
    canceled = shop.postino.runs.cancel(shop.actor, run.id)
    assert counts(canceled) == {"profiles": 3, "new": 1, "not_attempted": 2}


def test_a_lost_tag_is_put_back_by_the_next_attempt_though_nobody_can_be_looked_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.untag(shop.audience, "ann@example.com", "VIP")
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.clock.forward(hours=2)
    run = shop.postino.runs.request(shop.actor, destination)
    assert interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+").counters["updated"] == 1
    monkeypatch.setattr(observing, "LOOKUPS", 0)
    assert counts(resumed(shop, run)) == {"profiles": 1, "updated": 1, "tags_added": 1}


@pytest.mark.parametrize("shown", [True, False])
def test_an_interrupted_run_takes_off_what_was_shown_as_held_if_that_is_accepted(shop: Shop, shown: bool) -> None:
    shop.customers(**{name: f"{name}@example.com" for name in ("ann", "bob", "cat", "dan")})
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["cat"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.segment("VIP", [])
    if shown:
        assert shop.export(destination).plan["held"]
    shop.segment("Coffee", ["cat", "dan"])
    run = shop.postino.runs.request(shop.actor, destination)
    shop.world.switches.set(bulk_tags="ignored")
    assert interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+").plan["held"]
    shop.postino.runs.accept_removals_of(shop.actor, run.id)
    ended = resumed(shop, run)
    assert (ended.counters["tags_removed"], bool(ended.plan["held"])) == ((2, False) if shown else (0, True))


def canary_of(shop: Shop, number: int, *people: str) -> Run:
    """An approved canary for these people, who were not in the audience when it was looked at."""
    shop.segment("VIP", people)
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"), Order(preview=True))
    shop.postino.exporting.carry_out(run.id)
    shop.world.log.clear()
    return shop.postino.runs.approve(shop.actor, run.id, canary=number)


def test_a_canary_inserts_no_more_when_it_was_interrupted_and_finishes_its_tags(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(30)}
    shop.customers(**people)
    acts.add(shop.audience, "p0@example.com")
    run = canary_of(shop, 10, *people)
    shop.world.switches.set(bulk_tags="ignored")
    interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+")
    assert len(shop.members()) == 11
    shop.clock.forward(minutes=10)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert ended.status == RunStatus.SUCCESSFUL
    assert counts(ended) == {"profiles": 30, "new": 10, "not_attempted": 20, "tags_added": 10}
    members = shop.members()
    assert len(members) == 11
    assert [address for address, member in members.items() if not member["tags"]] == ["p0@example.com"]


def test_a_canary_writes_nothing_to_somebody_who_joins_meanwhile(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    run = canary_of(shop, 50, "ann")
    joins = partial(acts.add, shop.audience, "ann@example.com", FNAME="Herself")
    shop.world.faults.before_call(1, joins, method="POST", path="/lists/[^/]+")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 1, "not_attempted": 1}
    assert shop.writes() == ["POST /lists/{list_id}/segments", "POST /lists/{list_id}"]
    ann = shop.members()["ann@example.com"]
    assert (ann["tags"], ann["merge_fields"]["FNAME"]) == ([], "Herself")


def test_whom_an_answer_leaves_open_is_of_the_canary_only_once_they_are_in(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    run = canary_of(shop, 1, "ann")
    acts.refuse(shop.audience, "ann@example.com", "{address} is already a list member.")
    shop.world.faults.before_call(2, shop.audience.refusals.clear, method="POST", path="/lists/[^/]+")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 1, "new": 1, "tags_added": 1}
