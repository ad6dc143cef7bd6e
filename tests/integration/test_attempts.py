"""A run that is interrupted and goes on: what its attempts count and list together, and what they send."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from services import connections
from services.addresses import subscriber_hash
from services.mailchimp.client import Patience
from services.mailing import Reason
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


def resumed(shop: Shop, run: Run) -> Run:
    """The next attempt of a run that was interrupted; the run as it ended."""
    shop.clock.forward(minutes=10)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert ended.attempt == 2
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
    assert not shop.postino.runs.rejects(shop.actor, run.id)


def test_contacts_that_arrived_with_an_answer_that_was_lost_are_found_unchanged(shop: Shop) -> None:
    people = {f"p{at}": f"p{at}@example.com" for at in range(20)}
    shop.customers(**people)
    shop.segment("VIP", people)
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    first = interrupted(shop, run, kind="drop_after", method="POST", path="/lists/[^/]+", skip=1)
    assert first.counters["new"] == 1
    assert len(shop.members()) == 20
    assert counts(resumed(shop, run)) == {"profiles": 20, "new": 1, "unchanged": 19, "tags_added": 1}
