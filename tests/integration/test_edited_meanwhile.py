"""A destination that is edited while an export of it waits, is queued, was interrupted or is being sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import text

from sandbox.mailchimp import acts
from sandbox.mailchimp.audiences import Audience
from services import connections
from services.errors import Refused
from services.mailchimp.client import Patience
from services.runs import Order
from storage import runs
from storage.models import Destination, Run, RunStatus
from tests.integration.shop import Shop

EDITED = "The destination was edited. Preview it again."


@dataclass
class Two:
    """A shop with a second account and an audience there; the destination exports VIP to the first one."""

    shop: Shop
    destination: Destination
    connection_id: int
    account_id: str
    audience: Audience

    def edit(self, *segments: str, **form: Any) -> Destination:
        """Edit the destination as it stands."""
        destination = self.shop.postino.destinations.get(self.shop.actor, self.destination.id)
        return self.shop.destination(*(segments or ("VIP",)), edited=destination, **form)

    def move(self) -> Destination:
        """Let the destination export to the second account."""
        return self.edit(connection_id=self.connection_id, audience_id=self.audience.id)

    def run(self, run: Run) -> Run:
        """The run as it is now."""
        return self.shop.postino.runs.get(self.shop.actor, run.id)


@pytest.fixture
def two(shop: Shop) -> Two:
    account = shop.world.add_account("Other")
    audience = account.add_audience("Second")
    shop.postino.connections.add_with_key(shop.actor, "Other", account.api_key)
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["ann"])
    other = shop.postino.connections.named(shop.actor, "Other")
    return Two(shop, shop.destination("VIP"), other.id, other.account_id, audience)


def test_a_preview_of_another_audience_cannot_be_sent_any_more(two: Two) -> None:
    shop = two.shop
    run = shop.export(two.destination, preview=True)
    two.move()
    ended = two.run(run)
    assert (ended.status, ended.reason["message"]) == (RunStatus.CANCELED, EDITED)
    with pytest.raises(Refused):
        shop.postino.runs.approve(shop.actor, run.id)
    assert not shop.postino.exporting()
    assert (shop.members(), acts.dump(two.audience)) == ({}, [])


@pytest.mark.parametrize(
    "changed",
    [
        {"fields": {"FNAME": "FirstName"}},
        {"email_attribute": "LastName"},
        {"consent_attribute": "Email Subscriber", "consent_values": ["true"]},
        {"segments": ["Coffee"]},
        {"tag_names": {"VIP": "Very important"}},
    ],
)
def test_an_edit_of_what_is_sent_ends_the_preview(two: Two, changed: dict[str, Any]) -> None:
    run = two.shop.export(two.destination, preview=True)
    two.edit(**changed)
    assert two.run(run).reason["message"] == EDITED


def test_an_edit_of_anything_else_leaves_the_preview_waiting(two: Two) -> None:
    shop = two.shop
    run = shop.export(two.destination, preview=True)
    two.edit(name="Letter", channel="C0EXPORTS", schedule="daily 07:00", language="it")
    shop.postino.runs.approve(shop.actor, run.id)
    assert shop.postino.exporting()
    assert two.run(run).status == RunStatus.SUCCESSFUL


def test_what_was_approved_and_not_begun_ends_with_the_edit(two: Two) -> None:
    shop = two.shop
    run = shop.export(two.destination, preview=True)
    shop.postino.runs.approve(shop.actor, run.id)
    two.edit("VIP", "Coffee")
    assert two.run(run).reason["message"] == EDITED
    assert not shop.postino.exporting()


def test_what_was_interrupted_does_not_go_on_in_another_audience(two: Two) -> None:
    shop = two.shop
    run = shop.postino.runs.request(shop.actor, two.destination, Order())
    shop.world.faults.add("503", method="POST", path="/lists/[^/]+")
    with patch.object(connections, "EXPORT", Patience(first=0, longest=0, in_all=0)):
        released = shop.postino.exporting.carry_out(run.id)
    assert released is not None
    assert released.status == RunStatus.QUEUED
    two.move()
    assert two.run(run).reason["message"] == EDITED


def test_a_scheduled_export_and_a_preview_that_have_not_begun_go_on_as_the_destination_is_by_then(two: Two) -> None:
    shop = two.shop
    for order in (Order(trigger="schedule"), Order(preview=True)):
        run = shop.postino.runs.request(shop.actor, two.destination, order)
        two.move()
        assert (two.run(run).status, two.run(run).account_id) == (RunStatus.QUEUED, two.account_id)
        assert shop.postino.exporting()
        assert not shop.members()
        assert two.run(run).status == (RunStatus.WAITING if order.preview else RunStatus.SUCCESSFUL)
        two.edit()
    assert len(acts.dump(two.audience)) == 2


def test_two_runs_never_send_to_one_account_at_once_after_an_edit(two: Two) -> None:
    shop = two.shop
    other = shop.destination("Coffee", name="Second", connection_id=two.connection_id, audience_id=two.audience.id)
    moved = shop.postino.runs.request(shop.actor, two.destination, Order(trigger="schedule"))
    two.move()
    queued = shop.postino.runs.request(shop.actor, other, Order())
    with shop.postino.database.write() as session:
        claims = [runs.claim(session, run.id, "test", shop.clock(), timedelta(60)) for run in (moved, queued)]
    assert claims == [True, False]


def test_what_is_being_sent_cannot_be_changed_until_it_has_ended(two: Two) -> None:
    shop = two.shop
    run = shop.postino.runs.request(shop.actor, two.destination, Order())
    with shop.postino.database.write() as session:
        assert runs.claim(session, run.id, "test", shop.clock(), timedelta(0))
    two.edit(name="Letter")
    with pytest.raises(Refused, match="is being exported right now"):
        two.move()
    shop.clock.forward(minutes=1)
    assert shop.postino.exporting()
    assert two.run(run).status == RunStatus.SUCCESSFUL
    assert len(shop.members()) == 2
    assert two.move().audience_id == two.audience.id


@pytest.mark.parametrize("moment", ["while the preview waits", "after it was approved"])
def test_whatever_moved_the_destination_nothing_is_sent_to_where_nobody_looked(two: Two, moment: str) -> None:
    shop, runs_ = two.shop, two.shop.postino.runs
    run = shop.export(two.destination, preview=True)
    if moment == "after it was approved":
        runs_.approve(shop.actor, run.id)
    with shop.postino.database.write() as session:
        session.execute(
            text("UPDATE destinations SET connection_id = :connection, audience_id = :audience"),
            {"connection": two.connection_id, "audience": two.audience.id},
        )
    if moment == "after it was approved":
        shop.postino.exporting.carry_out(run.id)
        ended = two.run(run)
        assert (ended.status, ended.reason["message"]) == (RunStatus.FAILED, EDITED)
    else:
        assert not runs_.may_approve(shop.actor, two.run(run))
        with pytest.raises(Refused, match="was edited"):
            runs_.approve(shop.actor, run.id)
    assert acts.dump(two.audience) == []
