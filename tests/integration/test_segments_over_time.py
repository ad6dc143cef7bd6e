"""Segment counts over the refreshes of the source, on each kind of database."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.errors import NotFound
from services.segments import TREND, Order, Segments
from storage.database import Database
from storage.models import SegmentCount, Workspace
from tests.integration.shop import Shop


@pytest.fixture(autouse=True)
def somebody(shop: Shop) -> None:
    """A source without any profile counts as broken."""
    shop.customers(ann="ann@example.com")


def refreshed(shop: Shop, size: int) -> None:
    """A refresh after which VIP has so many profiles, noted by the duty."""
    shop.segment("VIP", [f"p{number}" for number in range(size)])
    shop.postino.segments()
    shop.postino.segments()


def test_the_counts_of_every_refresh_are_noted_once(shop: Shop) -> None:
    for size in (3, 5, 4):
        refreshed(shop, size)
    [vip] = shop.postino.segments.overview(shop.actor)
    assert (vip.trend, vip.change) == ((3, 5, 4), -1)
    segment, sizes = shop.postino.segments.sizes(shop.actor, "VIP")
    assert segment.profile_count == 4
    assert [one.profiles for one in sizes] == [3, 5, 4]


def test_a_count_is_dated_by_the_refresh_the_source_tells_of_however_late_it_was_seen(shop: Shop) -> None:
    told = []
    for size in (3, 5):
        shop.segment("VIP", [f"p{number}" for number in range(size)])
        told.append(datetime.fromtimestamp((shop.folder / "VIP.csv").stat().st_mtime, UTC))
        shop.clock.forward(hours=9)
        shop.postino.segments()
        shop.postino.segments()
    assert [one.at for one in shop.postino.segments.sizes(shop.actor, "VIP")[1]] == told


@pytest.mark.parametrize("days", [-30, 2])
def test_a_count_whose_file_has_a_time_that_cannot_be_is_dated_by_when_it_was_seen(shop: Shop, days: int) -> None:
    refreshed(shop, 3)
    shop.clock.forward(hours=9)
    shop.segment("VIP", ["p0", "p1"])
    odd = (shop.clock() + timedelta(days=days)).timestamp()
    for path in shop.folder.iterdir():
        os.utime(path, (odd, odd))
    seen = shop.clock()
    shop.postino.segments()
    [before, now] = shop.postino.segments.sizes(shop.actor, "VIP")[1]
    assert (now.at, now.profiles) == (seen, 2)
    assert before.at < now.at
    [vip] = shop.postino.segments.overview(shop.actor)
    assert vip.trend == (3, 2)


def test_the_trend_goes_over_the_last_refreshes_only(shop: Shop) -> None:
    for size in range(1, TREND + 4):
        refreshed(shop, size)
    [vip] = shop.postino.segments.overview(shop.actor)
    assert vip.trend == tuple(range(4, TREND + 4))


def test_a_new_segment_has_no_change_yet_and_is_sorted_behind_what_changed(shop: Shop) -> None:
    refreshed(shop, 3)
    shop.segment("Added", [f"p{number}" for number in range(9)])
    refreshed(shop, 4)
    found = shop.postino.segments.overview(shop.actor, order=Order.CHANGE)
    assert [(one.segment.name, one.change) for one in found] == [("VIP", 1), ("Added", None)]
    assert [one.segment.name for one in shop.postino.segments.overview(shop.actor, order=Order.SIZE)] == [
        "Added",
        "VIP",
    ]


def test_counts_are_kept_for_more_than_a_year_and_then_go(shop: Shop) -> None:
    refreshed(shop, 3)
    shop.clock.forward(days=380)
    refreshed(shop, 4)
    assert len(shop.postino.segments.sizes(shop.actor, "VIP")[1]) == 2
    shop.clock.forward(days=30)
    refreshed(shop, 5)
    assert [one.profiles for one in shop.postino.segments.sizes(shop.actor, "VIP")[1]] == [4, 5]


def test_a_segment_that_vanished_is_said(shop: Shop) -> None:
    with pytest.raises(NotFound, match="The source has no segment Gone any more"):
        shop.postino.segments.sizes(shop.actor, "Gone")


def test_a_refresh_from_before_the_first_workspace_is_noted_for_it(shop: Shop, tmp_path: Path) -> None:
    shop.segment("VIP", ["ann"])
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    database.migrate()
    duty = Segments(database, shop.postino.source)
    duty()
    with database.write() as session:
        session.add(Workspace(name="Contoso", administrators=[], created_at=database.now(session)))
    duty()
    with database.read() as session:
        assert session.scalars(select(SegmentCount.profiles)).all() == [1]
    database.dispose()
