"""Tags that others delete, or make again under the same name, while Postino works: told, and put right by one click."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.mailchimp import acts
from services.access import Actor, Sharing, Standing
from services.errors import NotAllowed, Refused
from storage.models import Destination, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts
from tests.integration.test_running import many


def deleted(shop: Shop) -> None:
    """Somebody deletes the tag; the next bulk call makes it anew, because it names it."""
    acts.delete_tag(shop.audience, "VIP")


def made_again(shop: Shop) -> None:
    """Somebody deletes the tag and makes one of the same name for somebody of their own."""
    acts.delete_tag(shop.audience, "VIP")
    acts.add(shop.audience, "stranger@example.com")
    acts.tag(shop.audience, "stranger@example.com", "VIP")


@pytest.fixture(params=[deleted, made_again])
def overtaken(shop: Shop, request: pytest.FixtureRequest) -> Destination:
    """A destination whose tag was taken from it while it was sending."""
    happen: Callable[[Shop], None] = request.param
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")
    shop.world.faults.before_call(3, lambda: happen(shop), method="POST", path="/lists/[^/]+")
    shop.export(destination)
    shop.clock.forward(hours=2)
    return destination


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
