"""A source that changes under an export: refreshed while it is read, a segment that vanished, one that was renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.mailchimp import acts
from services.sources.files import FolderSource
from storage.models import RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts

Before = Callable[[str, Callable[[], None]], None]


@pytest.fixture
def before_reading(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Let something happen once, just before a segment is read: the ones before it have been read then."""

    def arrange(segment: str, happen: Callable[[], None]) -> None:
        read, left = FolderSource.read, [happen]

        def reading(source: FolderSource, name: str, attributes: Any) -> Any:
            if name == segment and left:
                left.pop()()
            return read(source, name, attributes)

        monkeypatch.setattr(FolderSource, "read", reading)

    return arrange


def holding(shop: Shop, tag: str) -> list[str]:
    """The names of everybody who has a tag."""
    return sorted(address.split("@")[0] for address, member in shop.members().items() if tag in member["tags"])


@pytest.fixture
def exported(shop: Shop) -> Shop:
    """A shop whose destination Newsletter has exported VIP and Coffee; two people have left VIP and one joined Coffee since."""
    shop.customers(**{name: f"{name}@example.com" for name in ("ann", "bob", "cid", "dan")})
    shop.segment("VIP", ["ann", "bob", "cid"])
    shop.segment("Coffee", ["ann"])
    shop.export(shop.destination("VIP", "Coffee"))
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["ann", "dan"])
    shop.world.log.clear()
    return shop


def test_a_refresh_that_came_while_the_source_was_read_adds_but_takes_nobodys_tag_off(
    exported: Shop, before_reading: Before
) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")
    before_reading("Coffee", lambda: shop.segment("VIP", ["ann", "bob"]))
    run = shop.export(destination)
    assert (run.status, run.reason) == (RunStatus.SUCCESSFUL, {"waiting": "removals"})
    assert [(held["segment"], held["people"], held["reason"]) for held in run.plan["held"]] == [
        ("VIP", 2, "incomplete")
    ]
    assert (holding(shop, "VIP"), holding(shop, "Coffee")) == (["ann", "bob", "cid"], ["ann", "dan"])
    assert counts(shop.export(destination)) == {"profiles": 3, "unchanged": 3, "tags_removed": 1}
    assert holding(shop, "VIP") == ["ann", "bob"]


@pytest.mark.parametrize("table", ["VIP", "Coffee", "Customer"])
def test_a_source_that_is_being_refreshed_is_waited_for_and_nothing_is_sent(
    exported: Shop, before_reading: Before, table: str
) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")

    def being_written() -> None:
        now = shop.clock.now.timestamp()
        os.utime(shop.folder / f"{table}.csv", (now, now))

    before_reading("Coffee", being_written)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.QUEUED, "BeingRefreshed")
    assert "is being refreshed" in run.reason["message"]
    assert run.not_before is not None
    assert shop.writes() == []
    assert not shop.postino.exporting()
    shop.clock.forward(minutes=6)
    assert shop.postino.exporting()
    ended = shop.postino.runs.get(shop.actor, run.id)
    assert counts(ended) == {"profiles": 2, "new": 1, "unchanged": 1, "tags_added": 1, "tags_removed": 2}


def test_a_segment_that_vanished_keeps_its_tag_and_the_others_are_exported(exported: Shop) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")
    (shop.folder / "VIP.csv").unlink()
    run = shop.export(destination)
    assert (run.status, run.reason) == (RunStatus.SUCCESSFUL, {"waiting": "removals"})
    assert run.plan["held"] == [{"segment": "VIP", "people": 3, "holders": 3, "reason": "vanished"}]
    assert run.plan["vanished"] == ["VIP"]
    assert (holding(shop, "VIP"), holding(shop, "Coffee")) == (["ann", "bob", "cid"], ["ann", "dan"])
    shop.segment("VIP", ["ann", "bob"])
    run = shop.export(destination)
    assert run.plan["vanished"] == []
    assert counts(run) == {"profiles": 3, "unchanged": 3, "tags_removed": 1}


def test_what_the_brake_holds_stays_on_whoever_is_read_back_too(exported: Shop) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")
    (shop.folder / "VIP.csv").unlink()

    def joins() -> None:
        """Dan, who is only in Coffee, signs up and gets the other tag after Postino has read the audience."""
        acts.add(shop.audience, "dan@example.com")
        acts.tag(shop.audience, "dan@example.com", "VIP")

    shop.world.faults.before_call(1, joins, method="POST", path="/lists/[^/]+")
    shop.export(destination)
    assert (holding(shop, "VIP"), holding(shop, "Coffee")) == (["ann", "bob", "cid", "dan"], ["ann", "dan"])


def test_when_every_segment_vanished_nothing_is_sent_and_all_of_it_is_told(exported: Shop) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")
    for name in ("VIP", "Coffee"):
        (shop.folder / f"{name}.csv").unlink()
    run = shop.export(destination)
    assert run.plan["vanished"] == ["VIP", "Coffee"]
    assert {held["segment"]: held["reason"] for held in run.plan["held"]} == {"VIP": "vanished", "Coffee": "vanished"}
    assert shop.writes() == []


def test_a_segment_that_vanished_before_anybody_had_its_tag_is_told_all_the_same(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["ann"])
    destination = shop.destination("VIP", "Coffee")
    (shop.folder / "VIP.csv").unlink()
    shop.clock.forward(seconds=30)
    run = shop.export(destination)
    assert (run.status, run.plan["held"], run.plan["vanished"]) == (RunStatus.SUCCESSFUL, [], ["VIP"])
    assert counts(run) == {"profiles": 1, "new": 1, "tags_added": 1}


def test_a_renamed_segment_holds_its_tag_until_somebody_says_which_one_it_is_now(exported: Shop) -> None:
    shop, destination = exported, exported.postino.destinations.named(exported.actor, "Newsletter")
    (shop.folder / "VIP.csv").rename(shop.folder / "Best people.csv")
    run = shop.export(destination)
    assert [held["reason"] for held in run.plan["held"]] == ["vanished"]
    assert holding(shop, "VIP") == ["ann", "bob", "cid"]
    edited = shop.destination(
        "Best people", "Coffee", tag_names={"Best people": "VIP"}, take_over=["Best people"], edited=destination
    )
    shop.clock.forward(hours=2)  # for an hour what was acknowledged last counts more than what pages show
    assert counts(shop.export(edited))["tags_removed"] == 2
    assert holding(shop, "VIP") == ["ann"]
