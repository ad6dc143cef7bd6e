"""Removing destinations and connections, on each kind of database."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from sandbox.mailchimp import acts
from services.access import Actor, Standing
from services.drafts import of_destination
from services.errors import NotAllowed, Refused
from services.removing import Ending, Tags, Users
from services.runs import Order
from storage.models import AuditEntry, Ledger, LedgerMember, Run, RunStatus
from tests.integration.shop import Shop


def tags_in_mailchimp(shop: Shop) -> set[str]:
    return {tag for member in acts.dump(shop.audience) for tag in member["tags"]}


def trail(shop: Shop) -> list[tuple[str, str]]:
    with shop.postino.database.read() as session:
        return [(one.action, one.subject) for one in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]


def exported(shop: Shop) -> int:
    shop.customers(a="a@example.com", b="b@example.com")
    shop.segment("VIP", ["a", "b"])
    destination = shop.destination("VIP")
    shop.export(destination)
    assert tags_in_mailchimp(shop) == {"VIP"}
    return destination.id


@pytest.mark.parametrize(("tags", "left"), [(Tags.KEEP, {"VIP"}), (Tags.DELETE, set())])
def test_a_removed_destination_leaves_its_contacts_and_its_tags_only_if_asked(
    shop: Shop, tags: Tags, left: set[str]
) -> None:
    destination_id = exported(shop)
    assert shop.postino.removals.destination(shop.actor, destination_id, tags) is Ending.GONE
    assert tags_in_mailchimp(shop) == left
    assert len(acts.dump(shop.audience)) == 2
    assert shop.postino.destinations.visible(shop.actor) == []
    with shop.postino.database.read() as session:
        assert session.scalars(select(Ledger)).all() == []
        assert session.scalars(select(LedgerMember)).all() == []
        assert session.scalars(select(Run)).all() == []
    assert ("destination.removed", "Newsletter") in trail(shop)


def test_a_ledger_that_another_destination_uses_is_kept(shop: Shop) -> None:
    destination_id = exported(shop)
    shop.segment("Other", ["a"])
    shop.export(shop.destination("Other", name="Other"))
    shop.postino.removals.destination(shop.actor, destination_id)
    with shop.postino.database.read() as session:
        assert len(session.scalars(select(LedgerMember)).all()) == 2
    assert shop.export(shop.postino.destinations.named(shop.actor, "Other")).status == RunStatus.SUCCESSFUL


def test_what_a_removed_destination_did_is_not_taken_for_what_a_later_run_does(shop: Shop) -> None:
    exported(shop)
    shop.segment("Other", ["a", "b"])
    other = shop.destination("Other", name="Other")
    gone = shop.export(other)
    assert gone.counters["tags_only"] == 2
    shop.postino.removals.destination(shop.actor, other.id)
    stays = shop.postino.destinations.named(shop.actor, "Newsletter")
    preview = shop.export(stays, preview=True)
    assert preview.plan["classes"]["unchanged"] == preview.plan["profiles"] == 2
    assert preview.id > gone.id  # whose number the audit trail and messages in Slack still name
    assert shop.destination("Other", name="Other").id > other.id


def test_a_tag_that_was_taken_over_is_never_deleted(shop: Shop) -> None:
    acts.add_tag(shop.audience, "VIP")
    shop.customers(a="a@example.com")
    shop.segment("VIP", ["a"])
    destination = shop.destination("VIP", take_over=True)
    shop.export(destination)
    shop.postino.removals.destination(shop.actor, destination.id, Tags.DELETE)
    assert tags_in_mailchimp(shop) == {"VIP"}


def test_a_destination_that_is_sending_goes_when_its_run_has_stopped(shop: Shop) -> None:
    shop.customers(**{f"p{number}": f"p{number}@example.com" for number in range(3)})
    shop.segment("VIP", ["p0", "p1", "p2"])
    destination = shop.destination("VIP")
    run = shop.postino.runs.request(shop.actor, destination)
    gone: list[Ending] = []
    shop.world.faults.before_call(
        1, lambda: gone.append(shop.postino.removals.destination(shop.actor, destination.id)), method="POST"
    )
    worker = threading.Thread(target=shop.postino.exporting)
    worker.start()
    worker.join(60)
    assert gone == [Ending.LATER]
    assert shop.postino.destinations.visible(shop.actor) == []
    shop.postino.removals()
    with shop.postino.database.read() as session:
        assert session.get(Run, run.id) is None


def test_tags_are_deleted_later_if_mailchimp_does_not_answer(shop: Shop) -> None:
    destination_id = exported(shop)
    shop.world.faults.add("503", method="DELETE")
    assert shop.postino.removals.destination(shop.actor, destination_id, Tags.DELETE) is Ending.LATER
    assert shop.postino.destinations.visible(shop.actor) == []
    shop.world.faults.clear()
    shop.postino.removals()
    assert tags_in_mailchimp(shop) == set()


def test_a_tag_that_mailchimp_does_not_delete_keeps_none_of_the_others(shop: Shop) -> None:
    shop.customers(a="a@example.com")
    shop.segment("VIP", ["a"])
    shop.segment("Other", ["a"])
    made = shop.destination("VIP", "Other")
    shop.export(made)
    shop.world.faults.add("refuse", method="DELETE", times=1)
    assert shop.postino.removals.destination(shop.actor, made.id, Tags.DELETE) is Ending.TAGS_KEPT
    assert len(tags_in_mailchimp(shop)) == 1
    assert shop.postino.destinations.visible(shop.actor) == []
    assert ("destination.tags_kept", "Newsletter") in trail(shop)


def test_a_preview_that_waits_is_canceled(shop: Shop) -> None:
    destination_id = exported(shop)
    destination = shop.postino.destinations.get(shop.actor, destination_id)
    shop.postino.runs.request(shop.actor, destination, Order(preview=True))
    shop.postino.exporting()
    assert shop.postino.removals.destination(shop.actor, destination_id) is Ending.GONE
    assert shop.postino.runs.history(shop.actor) == []


def test_only_administrators_and_who_created_it_remove_a_destination(shop: Shop) -> None:
    destination_id = exported(shop)
    ben = Actor(shop.actor.workspace_id, "U0BEN", Standing.MEMBER)
    with pytest.raises(NotAllowed, match="Ask an administrator"):
        shop.postino.removals.destination(ben, destination_id)
    with pytest.raises(NotAllowed, match="Ask an admin"):
        shop.postino.removals.connection(ben, 1, Users.DETACH)


def test_a_connection_in_use_names_its_users_and_is_refused(shop: Shop) -> None:
    exported(shop)
    connection = shop.postino.connections.visible(shop.actor)[0]
    assert [one.name for one in shop.postino.removals.uses(shop.actor, connection.id)] == ["Newsletter"]
    with pytest.raises(Refused, match="is used by Newsletter"):
        shop.postino.removals.connection(shop.actor, connection.id)
    assert shop.postino.connections.visible(shop.actor)


def test_detached_destinations_stay_and_do_not_run(shop: Shop) -> None:
    exported(shop)
    connection = shop.postino.connections.visible(shop.actor)[0]
    shop.postino.removals.connection(shop.actor, connection.id, Users.DETACH)
    [kept] = shop.postino.destinations.visible(shop.actor)
    assert kept.connection is None
    with pytest.raises(Refused, match="has no connection to Mailchimp"):
        shop.postino.runs.request(shop.actor, kept)


def test_a_detached_destination_has_its_own_tags_when_the_same_account_is_connected_again(shop: Shop) -> None:
    exported(shop)
    shop.postino.removals.connection(shop.actor, shop.postino.connections.visible(shop.actor)[0].id, Users.DETACH)
    again = shop.postino.connections.add_with_key(shop.actor, "Again", shop.account.api_key)
    [kept] = shop.postino.destinations.visible(shop.actor)
    answers = of_destination(kept, shop.actor.person)
    answers.connection_id = again.id
    assert answers.tags_left() == []
    destinations = shop.postino.destinations
    assert destinations.taken_tags(shop.actor, again.id, shop.audience.id, kept.name, kept) == {}
    edited = destinations.save(shop.actor, answers.form(), edited=kept)
    shop.world.log.clear()
    run = shop.export(edited)
    assert (run.status, run.counters["unchanged"], shop.writes()) == (RunStatus.SUCCESSFUL, 2, [])
    shop.segment("VIP", ["a"])
    assert shop.export(edited).counters["tags_removed"] == 1
    assert {address: one["tags"] for address, one in shop.members().items()} == {
        "a@example.com": ["VIP"],
        "b@example.com": [],
    }
    assert shop.postino.removals.destination(shop.actor, edited.id, Tags.DELETE) is Ending.GONE
    assert tags_in_mailchimp(shop) == set()


def test_a_destination_that_comes_back_from_another_account_is_shown_the_tag_it_left_there(shop: Shop) -> None:
    exported(shop)
    [here] = shop.postino.destinations.visible(shop.actor)
    elsewhere = shop.world.add_account("Elsewhere")
    audience = elsewhere.add_audience("Newsletter")
    there = shop.postino.connections.add_with_key(shop.actor, "Elsewhere", elsewhere.api_key).id
    answers = of_destination(here, shop.actor.person)
    answers.connection_id, answers.audience_id = there, audience.id
    assert answers.tags_left() == ["VIP"]
    moved = shop.postino.destinations.save(shop.actor, answers.form(), edited=here)
    assert shop.export(moved).counters["new"] == 2
    assert [one["tags"] for one in acts.dump(audience)] == [["VIP"]] * 2
    back = here.connection_id or 0, shop.audience.id
    taken = shop.postino.destinations.taken_tags(shop.actor, *back, moved.name, moved)
    assert [(segment, tag.people, tag.ours) for segment, tag in taken.items()] == [("VIP", 2, False)]
    answers = of_destination(moved, shop.actor.person)
    (answers.connection_id, answers.audience_id), answers.take_over = back, ["VIP"]
    home = shop.postino.destinations.save(shop.actor, answers.form(), edited=moved)
    shop.world.log.clear()
    run = shop.export(home)
    assert (run.status, run.counters["unchanged"], shop.writes()) == (RunStatus.SUCCESSFUL, 2, [])
    shop.segment("VIP", ["a"])
    assert shop.export(home).counters["tags_removed"] == 1
    assert shop.members()["b@example.com"]["tags"] == []
    assert [one["tags"] for one in acts.dump(audience)] == [["VIP"]] * 2


def test_a_connection_can_take_its_destinations_along(shop: Shop) -> None:
    exported(shop)
    connection = shop.postino.connections.visible(shop.actor)[0]
    shop.postino.removals.connection(shop.actor, connection.id, Users.REMOVE)
    assert shop.postino.destinations.visible(shop.actor) == []
    assert shop.postino.connections.visible(shop.actor) == []
    assert tags_in_mailchimp(shop) == {"VIP"}
    assert trail(shop)[-2:] == [("destination.removed", "Newsletter"), ("connection.removed", connection.name)]
