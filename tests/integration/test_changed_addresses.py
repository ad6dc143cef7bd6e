"""Somebody who left the audience and has another address in the source now waits until a person decides."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sqlalchemy import select

from sandbox.mailchimp import acts
from services.access import Actor, Standing
from services.errors import InvalidInput, NotAllowed
from services.hashing import Hasher
from services.individuals import Obstacle
from services.mailing import Status
from storage.models import AddressDecision, AuditEntry, Destination, LedgerMember, RunReject, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_erasure import traces
from tests.integration.test_exporting import counts

OLD, NEW = "ann@old.example.com", "ann@new.example.com"


@pytest.fixture
def destination(shop: Shop) -> Destination:
    """Ann and Bob are exported."""
    shop.customers(ann=OLD, bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination))["new"] == 2
    return destination


def leaves_and_moves(shop: Shop, act: str = "unsubscribe") -> None:
    """Ann leaves the audience, and only then gets another address in the source: no run comes between."""
    shop.clock.forward(minutes=5)
    getattr(acts, act)(shop.audience, OLD)
    shop.customers(ann=NEW)


@pytest.mark.parametrize("act", ["unsubscribe", "archive", "forget"])
def test_somebody_who_left_is_not_exported_under_another_address(
    shop: Shop, destination: Destination, act: str
) -> None:
    leaves_and_moves(shop, act)
    shop.clock.forward(days=8)
    for _ in range(2):
        shop.world.log.clear()
        run = shop.export(destination)
        result = counts(run)
        assert {"profiles": 2, "unchanged": 1, "rejected": 1}.items() <= result.items()
        assert run.status == RunStatus.REJECTS
        assert not [call for call in shop.writes() if "segments" not in call]
    assert NEW not in shop.members()
    [reject] = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.reason, reject.masked_address) == ("ann", "other_address", "a•••@n•••.com")


def test_it_makes_no_difference_whether_a_run_comes_between(shop: Shop, destination: Destination) -> None:
    shop.clock.forward(minutes=5)
    acts.unsubscribe(shop.audience, OLD)
    assert counts(shop.export(destination)) == {"profiles": 2, "suppressed": 1, "unchanged": 1}
    shop.customers(ann=NEW)
    assert counts(shop.export(destination))["rejected"] == 1
    assert NEW not in shop.members()


def test_somebody_who_had_unsubscribed_before_postino_came_is_known_again_too(shop: Shop) -> None:
    acts.add(shop.audience, OLD, "unsubscribed")
    shop.customers(ann=OLD)
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination)) == {"profiles": 1, "suppressed": 1}
    shop.customers(ann=NEW)
    assert counts(shop.export(destination)) == {"profiles": 1, "rejected": 1}


@pytest.mark.parametrize("act", ["clean", None])
def test_a_bounced_or_subscribed_persons_new_address_is_exported(
    shop: Shop, destination: Destination, act: str | None
) -> None:
    if act:
        shop.clock.forward(minutes=5)
        getattr(acts, act)(shop.audience, OLD)
    shop.customers(ann=NEW)
    assert counts(shop.export(destination))["new"] == 1
    assert shop.members()[NEW]["status"] == "subscribed"


def test_the_preview_and_why_say_that_somebody_waits(shop: Shop, destination: Destination) -> None:
    leaves_and_moves(shop)
    preview = shop.export(destination, preview=True)
    assert preview.plan["rejected"] == {"other_address": 1}
    assert (preview.plan["classes"]["new"], preview.plan["segments"][0]["added"]) == (0, 0)
    assert [one.profile for one in shop.postino.deciding.waiting(shop.actor, destination.id)] == ["ann"]
    shop.export(destination)
    _, [standing] = shop.postino.individuals.why(shop.actor, NEW)
    assert (standing.obstacle, standing.refused) == (Obstacle.REJECTED, "other_address")


def test_whoever_is_allowed_by_a_person_is_exported_by_the_next_run(shop: Shop, destination: Destination) -> None:
    leaves_and_moves(shop)
    shop.export(destination)
    deciding = shop.postino.deciding
    [waiting] = deciding.waiting(shop.actor, destination.id)
    assert deciding.decide(shop.actor, destination.id, [waiting.key], exported=True, agreed=True) == 1
    assert deciding.waiting(shop.actor, destination.id) == []
    _, [standing] = shop.postino.individuals.why(shop.actor, NEW)
    assert standing.obstacle is Obstacle.NEW
    assert counts(shop.export(destination))["new"] == 1
    assert shop.members()[NEW]["tags"] == ["VIP"]
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 2}


def test_whoever_is_kept_out_is_suppressed_until_somebody_asks_again(shop: Shop, destination: Destination) -> None:
    leaves_and_moves(shop)
    shop.export(destination)
    deciding = shop.postino.deciding
    assert deciding.decide(shop.actor, destination.id, None, exported=False) == 1
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "unchanged": 1, "suppressed": 1}
    assert (run.status, run.plan["suppressed"]) == (RunStatus.SUCCESSFUL, {"kept_out": 1})
    _, [standing] = shop.postino.individuals.why(shop.actor, NEW)
    assert standing.obstacle is Obstacle.KEPT_OUT
    assert deciding.ask_again(shop.actor, destination.id) == 1
    assert counts(shop.export(destination))["rejected"] == 1
    assert len(deciding.waiting(shop.actor, destination.id)) == 1


def test_nobody_is_exported_without_saying_that_they_agreed_nor_by_somebody_who_may_not(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    shop.export(destination)
    deciding = shop.postino.deciding
    with pytest.raises(InvalidInput, match="agreed to mail"):
        deciding.decide(shop.actor, destination.id, None, exported=True)
    viewer = Actor(shop.actor.workspace_id, "U0BEN", Standing.MEMBER)
    for act in (deciding.waiting, deciding.ask_again):
        with pytest.raises(NotAllowed):
            act(viewer, destination.id)
    with pytest.raises(NotAllowed):
        deciding.decide(viewer, destination.id, None, exported=True, agreed=True)
    assert counts(shop.export(destination))["rejected"] == 1


def test_each_decision_stands_in_the_audit_trail_without_saying_about_whom(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    shop.export(destination)
    deciding = shop.postino.deciding
    deciding.decide(shop.actor, destination.id, None, exported=False)
    deciding.ask_again(shop.actor, destination.id)
    deciding.decide(shop.actor, destination.id, None, exported=True, agreed=True)
    with shop.postino.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("addresses")))
        assert [(one.action, one.person, one.details) for one in entries] == [
            ("addresses.kept_out", "command-line", {"people": 1}),
            ("addresses.asked_again", "command-line", {"people": 1}),
            ("addresses.allowed", "command-line", {"people": 1, "statement": 1}),
        ]


def test_subscribing_again_under_the_old_address_lifts_the_hold(shop: Shop, destination: Destination) -> None:
    leaves_and_moves(shop)
    assert counts(shop.export(destination))["rejected"] == 1
    shop.clock.forward(hours=2)
    acts.resubscribe(shop.audience, OLD)
    assert counts(shop.export(destination))["new"] == 1


def test_somebody_who_signed_up_under_the_new_address_is_an_ordinary_member(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    acts.add(shop.audience, NEW)
    assert "rejected" not in counts(shop.export(destination))
    assert shop.members()[NEW]["tags"] == ["VIP"]


def test_of_profiles_that_shared_an_address_each_waits_under_another_one(shop: Shop) -> None:
    shop.customers(ann=OLD, bob=OLD)
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination)) == {"profiles": 2, "new": 1, "duplicates": 1, "tags_added": 1}
    shop.clock.forward(minutes=5)
    acts.unsubscribe(shop.audience, OLD)
    shop.customers(bob="bob@new.example.com")
    assert counts(shop.export(destination)) == {"profiles": 2, "suppressed": 1, "rejected": 1}


def test_an_address_shared_with_somebody_who_left_waits_whoever_else_has_it(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    shop.customers(aaron=NEW)
    shop.segment("VIP", ["aaron", "ann", "bob"])
    result = counts(shop.export(destination))
    assert (result["rejected"], result["duplicates"]) == (1, 1)
    assert NEW not in shop.members()


def test_another_destination_on_the_audience_waits_as_well_and_another_audience_does_not(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    shop.segment("Coffee", ["ann"])
    second = shop.destination("Coffee", name="Second")
    assert counts(shop.export(second)) == {"profiles": 1, "rejected": 1}
    elsewhere = shop.account.add_audience("Elsewhere")
    third = shop.destination("Coffee", name="Third", audience_id=elsewhere.id)
    assert counts(shop.export(third))["new"] == 1
    assert destination.id != second.id


def test_forgetting_removes_the_decision_the_reject_and_the_memory_of_the_profile(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    run = shop.export(destination)
    shop.postino.deciding.decide(shop.actor, destination.id, None, exported=False)
    with shop.postino.database.write() as session:
        hasher = Hasher(shop.postino.vault.ledger_secret(session))
    profile = hasher.profiles(shop.actor.workspace_id)("ann")
    assert traces(shop.postino.database, profile) == {"ledger_members.profiles"}
    receipt = shop.postino.individuals.forget(shop.actor, NEW)
    assert (receipt.removed["ledger"], receipt.removed["rejects"], receipt.removed["decisions"]) == (1, 1, 1)
    assert traces(shop.postino.database, profile) == {"tombstones.profiles"}
    assert traces(shop.postino.database, hasher.key(NEW)) == {"tombstones.key"}
    assert list(shop.postino.runs.rejects(shop.actor, run.id)) == []


@pytest.mark.parametrize("moved_first", [False, True])
def test_somebody_forgotten_waits_under_another_address_too(
    shop: Shop, destination: Destination, moved_first: bool
) -> None:
    shop.clock.forward(minutes=5)
    acts.unsubscribe(shop.audience, OLD)
    assert counts(shop.export(destination))["suppressed"] == 1
    if moved_first:
        shop.customers(ann=NEW)
    shop.postino.individuals.forget(shop.actor, OLD)
    shop.customers(ann=NEW)
    assert counts(shop.export(destination))["rejected"] == 1
    assert NEW not in shop.members()
    shop.postino.deciding.decide(shop.actor, destination.id, None, exported=True, agreed=True)
    assert counts(shop.export(destination))["new"] == 1


def test_removing_the_destination_keeps_who_left_and_what_was_decided_and_nothing_else(
    shop: Shop, destination: Destination
) -> None:
    leaves_and_moves(shop)
    shop.clock.forward(hours=2)
    acts.change_address(shop.audience, "bob@example.com", "robert@example.com")
    shop.customers(cat="cat@example.com")
    shop.segment("VIP", ["ann", "bob", "cat"])
    shop.export(destination)
    shop.postino.deciding.decide(shop.actor, destination.id, None, exported=False)
    assert shop.postino.removals.destination(shop.actor, destination.id)
    with shop.postino.database.read() as session:
        assert [one.exported for one in session.scalars(select(AddressDecision))] == [False]
        assert session.scalars(select(RunReject)).all() == []
        kept = session.scalars(select(LedgerMember)).all()
    assert {one.status for one in kept} == {Status.UNSUBSCRIBED, Status.GONE}
    assert {(one.tags, one.fields, one.owner, one.run_id) for one in kept} == {(b"", b"", 0, 0)}
    assert traces(shop.postino.database, b"ann@") == set()
    shop.clock.forward(hours=2)
    result = counts(shop.export(shop.destination("VIP", take_over=True), accept_removals=True))
    assert {"suppressed": 2, "unchanged": 1}.items() <= result.items()
    assert {"bob@example.com", NEW}.isdisjoint(shop.members())


def test_a_profile_of_the_same_name_in_another_segment_table_is_the_same(shop: Shop, destination: Destination) -> None:
    """The profile's id tells who somebody is, however they are listed."""
    leaves_and_moves(shop)
    path = Path(shop.folder) / "Coffee.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("CustomerId", "EMail"), ("ann", NEW)])
    shop._settle(path)
    second = shop.destination("Coffee", name="Second", fields={})
    assert counts(shop.export(second)) == {"profiles": 1, "rejected": 1}


def test_few_people_in_a_huge_audience_are_not_exported_under_another_address_either(shop: Shop) -> None:
    """There everybody is looked up by their present address, which tells nothing of the one before."""
    acts.crowd(shop.audience, 5000)
    shop.customers(ann=OLD, bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination))["new"] == 2
    leaves_and_moves(shop)
    shop.customers(bob="bob@new.example.com")
    result = counts(shop.export(destination, accept_removals=True))
    assert (result["new"], result["rejected"]) == (1, 1)
    assert NEW not in shop.members()
    assert "bob@new.example.com" in shop.members()
