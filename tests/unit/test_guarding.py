"""The limits at their very edges."""

from __future__ import annotations

import pytest

from services import ceiling, guarding
from services.ceiling import Contacts
from services.errors import LimitExceeded
from services.plans import Plan
from services.snapshot import SegmentRead, Snapshot
from services.sources import RefreshMarker

SHARE, PEOPLE = 0.2, 25


def test_exactly_a_million_profiles_pass_and_one_more_says_how_many_are_too_many() -> None:
    guarding.check_profiles(1_000_000)
    with pytest.raises(LimitExceeded, match="hold 1000001 distinct profiles, 1 more than the 1000000") as refused:
        guarding.check_profiles(1_000_001)
    assert (refused.value.count, refused.value.limit) == (1_000_001, 1_000_000)


def test_an_account_may_be_filled_up_to_its_ceiling_and_no_further() -> None:
    ceiling.check(5, Contacts(95, 95), 100)
    ceiling.check(0, Contacts(200, 200), 100)
    with pytest.raises(LimitExceeded, match="has 96 contacts and the export would add 5: 1 more than its ceiling"):
        ceiling.check(5, Contacts(96, 200), 100)


def test_contacts_that_mailchimp_may_count_already_are_said_to_be_unsure() -> None:
    with pytest.raises(LimitExceeded, match=r"may have 96 contacts already .* Export again in ten minutes"):
        ceiling.check(5, Contacts(90, 96), 100)


@pytest.mark.parametrize(("approved", "most"), [(0, 100), (1000, 1150), (1_000_000, 1_050_100)])
def test_a_number_may_grow_by_five_percent_and_a_hundred_before_it_is_asked_again(approved: int, most: int) -> None:
    assert guarding.has_grown({"new": most}, {"new": approved}) == []
    assert guarding.has_grown({"new": most + 1}, {"new": approved}) == ["new"]
    assert guarding.has_grown({"new": 0, "tags_removed": 101}, {"new": approved}) == ["tags_removed"]


@pytest.mark.parametrize(
    ("leaving", "highest", "held"),
    [
        (24, 40, False),  # most of them, but fewer than 25 people
        (25, 40, True),
        (25, 125, False),  # exactly a fifth
        (26, 125, True),
        (26, 131, False),
        (25, 0, True),  # nobody was known to hold the tag
    ],
)
def test_the_brake_holds_what_is_more_than_a_fifth_and_at_least_25_people(
    leaving: int, highest: int, held: bool
) -> None:
    read = SegmentRead("VIP", profiles=1, broken=0, complete=True)
    taken = Snapshot(1, [read], RefreshMarker("one", None))
    found = guarding.brake(Plan(tags_removed={0: leaving}), taken, {0: highest}, SHARE, PEOPLE)
    assert [one.reason for one in found] == (["share"] if held else [])


@pytest.mark.parametrize(
    ("people", "reason", "shown", "waits"),
    [
        (131, "share", ("VIP", 30, "share"), False),
        (132, "share", ("VIP", 30, "share"), True),  # more than 5 % and 100 above what was shown
        (30, "empty", ("VIP", 30, "share"), True),  # nobody was told that the segment is empty
        (30, "incomplete", ("VIP", 30, "empty"), True),
        (30, "vanished", ("VIP", 30, "vanished"), False),
        (30, "share", ("VIP", 30, "empty"), False),  # what is left of it is no worse than what was shown
        (30, "share", ("Coffee", 30, "share"), True),
        (30, "share", None, False),
        (3, "empty", None, True),
    ],
)
def test_removals_that_were_accepted_go_as_far_as_they_were_shown(
    people: int, reason: str, shown: tuple[str, int, str] | None, waits: bool
) -> None:
    held = guarding.Held(0, people, 1000, reason)
    accepted = None if shown is None else {shown[0]: guarding.Shown(*shown[1:])}
    assert guarding.still_held([held], ["VIP"], accepted) == ([held] if waits else [])
