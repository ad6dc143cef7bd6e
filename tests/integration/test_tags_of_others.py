"""Tags that others delete, or make again under the same name, while Postino works: told, and put right by one click."""

from __future__ import annotations

from collections import Counter

import pytest

from sandbox.mailchimp import acts
from services.access import Actor, Sharing, Standing
from services.errors import InvalidInput, NotAllowed, Refused
from storage.models import Destination, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts
from tests.integration.test_running import many


def made_again(shop: Shop) -> None:
    """Somebody deletes the tag and makes one of the same name for somebody of their own."""
    acts.delete_tag(shop.audience, "VIP")
    acts.add(shop.audience, "stranger@example.com")
    acts.tag(shop.audience, "stranger@example.com", "VIP")


@pytest.fixture
def overtaken(shop: Shop) -> Destination:
    """A destination whose tag was taken from it while it was sending."""
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")
    shop.world.faults.before_call(3, lambda: made_again(shop), method="POST", path="/lists/[^/]+")
    shop.export(destination)
    shop.clock.forward(hours=2)
    return destination


def holders(shop: Shop) -> Counter[str]:
    """How many hold each tag."""
    return Counter(tag for member in shop.members().values() for tag in member["tags"])


def test_a_tag_that_others_only_delete_while_an_export_sends_is_ours_when_our_own_call_makes_it_again(
    shop: Shop,
) -> None:
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")
    shop.world.faults.before_call(3, lambda: acts.delete_tag(shop.audience, "VIP"), method="POST", path="/lists/[^/]+")
    run = shop.export(destination)
    assert (run.status, counts(run)["new"]) == (RunStatus.SUCCESSFUL, 1600)
    left = 1600 - holders(shop)["VIP"]
    assert left  # who had got the tag before it was deleted
    shop.clock.forward(hours=2)
    assert counts(shop.export(destination)) == {
        "profiles": 1600,
        "tags_only": left,
        "unchanged": 1600 - left,
        "tags_added": left,
    }
    assert holders(shop) == {"VIP": 1600}
    assert counts(shop.export(destination)) == {"profiles": 1600, "unchanged": 1600}


def test_a_tag_that_others_rename_while_an_export_sends_is_followed_and_the_one_its_old_name_made_is_on_nobody(
    shop: Shop,
) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["ann"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    people = many(shop, 1600)
    shop.segment("VIP", ["ann", *people])
    shop.segment("Coffee", ["ann", *people])
    rename = lambda: acts.rename_tag(shop.audience, "VIP", "Very important")  # noqa: E731 - once, in one place
    shop.world.faults.before_call(3, rename, method="POST", path="/lists/[^/]+")
    assert counts(shop.export(destination))["new"] == 1600
    assert holders(shop) == {"Very important": 1601, "Coffee": 1601}
    shop.clock.forward(hours=2)
    assert counts(shop.export(destination)) == {"profiles": 1601, "unchanged": 1601}


def test_names_are_read_just_before_they_are_sent(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", ["ann", "bob"])
    rename = lambda: acts.rename_tag(shop.audience, "VIP", "Very important")  # noqa: E731 - once, in one place
    shop.world.faults.before_call(1, rename, method="GET", path="/lists/[^/]+/members")
    shop.export(destination)
    assert [tag.name for tag in shop.audience.tags.values()] == ["Very important"]
    assert holders(shop) == {"Very important": 2}
    assert [one["tag"] for one in shop.export(destination, preview=True).plan["segments"]] == ["Very important"]


def test_a_tag_of_others_is_not_ours_because_we_were_refused_one_of_its_name(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 3))
    destination = shop.destination("VIP")
    shop.world.faults.add("refuse", method="POST", path="/lists/[^/]+/segments", times=1)
    assert shop.export(destination).status == RunStatus.FAILED
    acts.add(shop.audience, "stranger@example.com")
    shop.world.switches.set(visibility_delay=3600.0)  # so that nobody seems to hold it
    shop.clock.forward(minutes=10)
    acts.tag(shop.audience, "stranger@example.com", "VIP")
    shop.clock.forward(minutes=5)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "ForeignTag")
    assert holders(shop) == {"VIP": 1}


@pytest.mark.parametrize("lost", [True, False], ids=["before our lost call", "before our call"])
def test_a_tag_that_others_make_just_before_ours_stays_theirs(shop: Shop, lost: bool) -> None:
    shop.segment("VIP", many(shop, 3))
    acts.add(shop.audience, "stranger@example.com")
    theirs = lambda: acts.tag(shop.audience, "stranger@example.com", "VIP")  # noqa: E731 - once, in one place
    shop.world.faults.before_call(1, theirs, method="POST", path="/lists/[^/]+/segments")
    if lost:
        shop.world.faults.add("drop_before", method="POST", path="/lists/[^/]+/segments", times=1)
    run = shop.export(shop.destination("VIP"))
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "ForeignTag")
    assert holders(shop) == {"VIP": 1}
    assert list(shop.members()) == ["stranger@example.com"]


@pytest.mark.usefixtures("overtaken")
def test_nobody_whom_our_calls_put_under_the_tag_of_others_stays_there(shop: Shop) -> None:
    assert holders(shop) == {"VIP": 1}


def test_a_tag_that_is_not_ours_any_more_stops_the_next_run_which_says_what_to_do(
    shop: Shop, overtaken: Destination
) -> None:
    shop.world.log.clear()
    run = shop.export(overtaken)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "ForeignTag")
    assert "Take that tag over, or edit the destination" in run.reason["message"]
    assert shop.writes() == []


def test_taking_the_tag_over_makes_it_follow_the_segment_again(shop: Shop, overtaken: Destination) -> None:
    shop.export(overtaken)
    taken = shop.postino.destinations.take_over_tags(shop.actor, overtaken.id)
    run = shop.export(taken, accept_removals=True)
    assert run.status == RunStatus.SUCCESSFUL
    tags = {address: member["tags"] for address, member in shop.members().items()}
    assert tags.pop("stranger@example.com", []) == []
    assert len(tags) == 1600
    assert all(held == ["VIP"] for held in tags.values())
    assert counts(shop.export(taken)) == {"profiles": 1600, "unchanged": 1600}
    with pytest.raises(Refused, match="has all its tags"):
        shop.postino.destinations.take_over_tags(shop.actor, overtaken.id)


def test_editing_the_destination_shows_the_tag_and_gives_it_one_of_its_own(shop: Shop, overtaken: Destination) -> None:
    form = (shop.actor, overtaken.connection_id or 0, shop.audience.id)
    offered = shop.postino.destinations.taken_tags(*form, overtaken.name, overtaken)
    assert [(segment, tag.name, tag.ours) for segment, tag in offered.items()] == [("VIP", "VIP", False)]
    edited = shop.destination("VIP", edited=overtaken)
    assert [chosen.tag_name for chosen in edited.segments] == ["VIP (Postino)"]
    shop.export(edited)
    assert sum("VIP (Postino)" in member["tags"] for member in shop.members().values()) == 1600
    assert shop.postino.destinations.taken_tags(*form, edited.name, edited) == {}


def test_only_who_may_manage_a_destination_takes_tags_over(shop: Shop, overtaken: Destination) -> None:
    shop.postino.connections.share(shop.actor, overtaken.connection_id or 0, Sharing.EVERYONE)
    stranger = Actor(shop.actor.workspace_id, "U0EVE", Standing.MEMBER)
    with pytest.raises(NotAllowed):
        shop.postino.destinations.take_over_tags(stranger, overtaken.id)


@pytest.fixture
def renamed(shop: Shop) -> Shop:
    """A shop where the tag of a destination has the name of another segment by now."""
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Gold", ["bob"])
    shop.export(shop.destination("VIP"))
    acts.rename_tag(shop.audience, "VIP", "Gold")
    return shop


@pytest.mark.parametrize("take_over", [True, False])
def test_a_name_that_the_tag_of_another_destination_has_by_now_is_taken(renamed: Shop, take_over: bool) -> None:
    with pytest.raises(InvalidInput, match="belongs to another destination"):
        renamed.destination("Gold", name="Second", tag_names={"Gold": "gold"}, take_over=take_over)
    second = renamed.destination("Gold", name="Second", take_over=take_over)
    assert [chosen.tag_name for chosen in second.segments] == ["Gold (Postino)"]
    assert renamed.export(second).status == RunStatus.SUCCESSFUL
    assert holders(renamed) == {"Gold": 1, "Gold (Postino)": 1}


def test_a_tag_that_gets_the_name_of_another_destinations_is_not_taken_over(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Gold", ["bob"])
    first, second = shop.destination("VIP"), shop.destination("Gold", name="Second", take_over=True)
    shop.export(first)
    acts.rename_tag(shop.audience, "VIP", "Gold")
    run = shop.export(second)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "Refused")
    assert "belongs to another destination" in run.reason["message"]
    form = (shop.actor, second.connection_id or 0, shop.audience.id)
    offered = shop.postino.destinations.taken_tags(*form, second.name, second)
    assert (offered["Gold"].name, offered["Gold"].ours) == ("Gold", True)
    edited = shop.destination("Gold", name="Second", edited=second, take_over=True)
    assert shop.export(edited).status == RunStatus.SUCCESSFUL
    assert shop.export(first).counters["unchanged"] == 1
    assert holders(shop) == {"Gold": 1, "Gold (Postino)": 1}
