"""Deleting the tags of segments that an edit dropped, from the wizard's confirmation and below it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from sandbox.mailchimp import acts
from services.access import Actor, Sharing, Standing
from services.destinations import Form
from services.drafts import of_destination
from services.errors import NotAllowed, NotFound, Refused, Unavailable
from services.removing import Tags
from services.runs import Order
from storage.models import AuditEntry, Destination, LedgerTag, RunStatus
from tests.integration.shop import Shop
from tests.integration.slack_office import Office
from tests.integration.slack_world import until
from tests.integration.wizard_hands import act, enter, seen, text_of

LEFT = "The tag Bergamo stays in Mailchimp on everybody who has it"
DELETED = "The tag Bergamo was deleted in Mailchimp. Its people are still there."


def tags_of(audience: Any) -> set[str]:
    with audience.world.lock:
        return {tag.name for tag in audience.tags.values()}


def exported(office: Office, **form: Any) -> Destination:
    """Ada's destination with two segments, exported once."""
    destination = office.world.destination("VIP", "Bergamo", **form)
    office.request(destination)
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    return destination


def drop_bergamo(office: Office) -> dict[str, Any]:
    """Choose VIP alone in the wizard's edit; the confirmation."""
    ada = office.ada
    act(ada, "open_home")
    ada.until(lambda: ada.read("home"))
    act(ada, "click", target="Edit", home=True)
    seen(ada, "Step 1 of 4")
    act(ada, "click", target="Go to segments and schedule")
    seen(ada, "Step 4 of 4")
    enter(ada, "segments", ["VIP"])
    seen(ada, LEFT, "3 distinct profiles")
    act(ada, "submit")
    return seen(ada, "The changes to Newsletter are saved.", LEFT)


def offered(view: dict[str, Any]) -> list[str]:
    return [one["text"] for one in view["buttons"] if one["text"].startswith("Delete the tag")]


def test_the_tag_of_a_dropped_segment_is_deleted_from_the_confirmation_and_everybody_stays(office: Office) -> None:
    exported(office)
    before = {one["email_address"]: one["status"] for one in acts.dump(office.world.audience)}
    assert offered(drop_bergamo(office)) == ["Delete the tag…"]
    question = office.ada.act("click", target="Delete the tag…")
    assert "a campaign that goes to it reaches nobody. The people stay" in str(question)
    assert tags_of(office.world.audience) == {"VIP", "Bergamo"}
    act(office.ada, "click", target="Delete the tag…", confirm=True)
    told = seen(office.ada, DELETED)
    assert offered(told) == []
    assert LEFT not in text_of(told)
    assert "Preview now" in [one["text"] for one in told["buttons"]]
    assert tags_of(office.world.audience) == {"VIP"}
    after = {one["email_address"]: one["status"] for one in acts.dump(office.world.audience)}
    assert after == before == {f"p{number}@example.com": "subscribed" for number in range(6)}


def test_a_tag_that_was_taken_over_or_never_made_is_not_offered(office: Office) -> None:
    acts.add_tag(office.world.audience, "Bergamo")
    exported(office, take_over=["Bergamo"])
    assert offered(drop_bergamo(office)) == []


def test_an_export_that_is_not_over_keeps_the_tag_and_the_button(office: Office) -> None:
    destination = exported(office)
    drop_bergamo(office)
    office.request(destination, preview=True)
    act(office.ada, "click", target="Delete the tag…", confirm=True)
    told = seen(office.ada, "An export of Newsletter is not over yet. Nothing was deleted", LEFT)
    assert offered(told) == ["Delete the tag…"]
    assert tags_of(office.world.audience) == {"VIP", "Bergamo"}


def test_the_button_stays_while_mailchimp_does_not_answer(office: Office) -> None:
    exported(office)
    drop_bergamo(office)
    office.world.served.world.faults.add("503", method="DELETE")
    act(office.ada, "click", target="Delete the tag…", confirm=True)
    until(lambda: "The tag Bergamo was not deleted." in text_of(office.ada.view() or {"lines": []}), seconds=60)
    assert offered(seen(office.ada, "The changes to Newsletter are saved.")) == ["Delete the tag…"]
    office.world.served.world.faults.clear()
    act(office.ada, "click", target="Delete the tag…", confirm=True)
    assert offered(seen(office.ada, DELETED)) == []
    assert tags_of(office.world.audience) == {"VIP"}


def edit(shop: Shop, *segments: str, name: str = "Newsletter", **changed: Any) -> Destination:
    """Choose other segments as the wizard does."""
    edited = shop.postino.destinations.named(shop.actor, name)
    form: Form = of_destination(edited, shop.actor.person).form()
    changed = {"segments": list(segments), "agreed": True, **changed}
    return shop.postino.destinations.save(shop.actor, form.model_copy(update=changed), edited=edited)


@pytest.fixture
def dropped(shop: Shop) -> Destination:
    """A destination that VIP and Other have left, exported before with them and with Kept."""
    shop.customers(a="a@example.com", b="b@example.com")
    for name in ("Kept", "VIP", "Other"):
        shop.segment(name, ["a", "b"])
    shop.export(shop.destination("Kept", "VIP", "Other"))
    return edit(shop, "Kept")


def names(shop: Shop, destination: Destination) -> list[str]:
    return [one.name for one in shop.postino.dropped_tags.of(shop.actor, destination.id)]


def delete(shop: Shop, destination: Destination, *, by: Actor | None = None, **ids: Any) -> Any:
    known = [one.id for one in shop.postino.dropped_tags.of(shop.actor, destination.id)]
    return shop.postino.dropped_tags.delete(by or shop.actor, destination.id, ids.get("ids", known))


def test_dropped_tags_are_deleted_noted_and_made_anew_if_their_segment_comes_back(
    shop: Shop, dropped: Destination
) -> None:
    assert names(shop, dropped) == ["VIP", "Other"]
    assert [one.name for one in delete(shop, dropped).deleted] == ["VIP", "Other"]
    assert tags_of(shop.audience) == {"Kept"}
    assert names(shop, dropped) == []
    with shop.postino.database.read() as session:
        [noted] = session.scalars(select(AuditEntry).where(AuditEntry.action == "destination.tags_deleted"))
    assert (noted.person, noted.subject, noted.details) == (
        shop.actor.person,
        "Newsletter",
        {"tags": ["VIP", "Other"]},
    )
    assert shop.export(edit(shop, "Kept", "VIP")).status == RunStatus.SUCCESSFUL
    assert {name: one["tags"] for name, one in shop.members().items()} == {
        "a@example.com": ["Kept", "VIP"],
        "b@example.com": ["Kept", "VIP"],
    }


def test_only_the_tags_that_were_named_are_deleted(shop: Shop, dropped: Destination) -> None:
    first, _ = shop.postino.dropped_tags.of(shop.actor, dropped.id)
    delete(shop, dropped, ids=[first.id])
    assert tags_of(shop.audience) == {"Kept", "Other"}
    assert names(shop, dropped) == ["Other"]


def test_a_tag_whose_segment_is_chosen_again_is_not_deleted(shop: Shop, dropped: Destination) -> None:
    vip, other = shop.postino.dropped_tags.of(shop.actor, dropped.id)
    edit(shop, "Kept", "VIP")
    assert [one.name for one in delete(shop, dropped, ids=[vip.id, other.id]).deleted] == ["Other"]
    with pytest.raises(Refused, match="has no such tag left"):
        delete(shop, dropped, ids=[vip.id])
    edit(shop, "Kept")
    assert names(shop, dropped) == []
    assert tags_of(shop.audience) == {"Kept", "VIP"}


def test_a_tag_taken_over_again_by_its_own_segment_goes_on(shop: Shop, dropped: Destination) -> None:
    again = edit(shop, "Kept", "VIP", take_over=["VIP"])
    assert shop.export(again).status == RunStatus.SUCCESSFUL
    edit(shop, "Kept")
    assert names(shop, dropped) == ["Other"]


@pytest.mark.parametrize("ran", [False, True])
def test_a_tag_that_another_destination_took_over_is_not_deleted(shop: Shop, dropped: Destination, ran: bool) -> None:
    ids = [one.id for one in shop.postino.dropped_tags.of(shop.actor, dropped.id)]
    second = shop.destination("VIP", name="Second", take_over=True)
    if ran:
        assert shop.export(second).status == RunStatus.SUCCESSFUL
    assert [one.name for one in delete(shop, dropped, ids=ids).deleted] == ["Other"]
    assert tags_of(shop.audience) == {"Kept", "VIP"}


def test_tags_of_an_audience_that_a_destination_left_are_not_its_to_delete(shop: Shop, dropped: Destination) -> None:
    edit(shop, "Kept", audience_id=shop.account.add_audience("Second").id)
    assert names(shop, dropped) == []


def test_the_tags_in_use_and_those_of_other_destinations_are_no_dropped_ones(shop: Shop, dropped: Destination) -> None:
    shop.export(shop.destination("Other", name="Second", tag_names={"Other": "Mine"}))
    with shop.postino.database.read() as session:
        others = list(session.scalars(select(LedgerTag.id).where(LedgerTag.folded_name.is_not(None))))
    assert len(others) == 2
    with pytest.raises(Refused, match="has no such tag left"):
        delete(shop, dropped, ids=others)
    assert tags_of(shop.audience) == {"Kept", "VIP", "Other", "Mine"}


def test_a_tag_that_mailchimp_does_not_delete_is_named_with_the_reason(shop: Shop, dropped: Destination) -> None:
    shop.world.faults.add("refuse", method="DELETE", times=1)
    deletion = delete(shop, dropped)
    assert [one.name for one in deletion.kept] == ["VIP"]
    assert [one.name for one in deletion.deleted] == ["Other"]
    assert isinstance(deletion.reason, Refused)
    assert names(shop, dropped) == ["VIP"]


def test_mailchimp_is_not_asked_for_the_others_while_it_does_not_answer(shop: Shop, dropped: Destination) -> None:
    shop.world.faults.add("503", method="DELETE")
    deletion = delete(shop, dropped)
    assert ([one.name for one in deletion.kept], deletion.deleted) == (["VIP", "Other"], ())
    assert isinstance(deletion.reason, Unavailable)
    assert len({one.path for one in shop.world.log.calls() if one.method == "DELETE"}) == 1


def test_a_run_that_waits_refuses_the_deletion(shop: Shop, dropped: Destination) -> None:
    shop.postino.runs.request(shop.actor, dropped, Order(preview=True))
    with pytest.raises(Refused, match="is not over yet"):
        delete(shop, dropped)
    assert tags_of(shop.audience) == {"Kept", "VIP", "Other"}


def test_only_who_may_manage_the_destination_deletes_its_tags(shop: Shop, dropped: Destination) -> None:
    shop.postino.connections.share(shop.actor, dropped.connection_id or 0, Sharing.EVERYONE)
    with pytest.raises(NotAllowed, match="Ask an administrator"):
        delete(shop, dropped, by=Actor(shop.actor.workspace_id, "U0BEN", Standing.MEMBER))
    with pytest.raises(NotFound):
        delete(shop, dropped, by=Actor(shop.actor.workspace_id + 1, "U0EVE", Standing.ADMINISTRATOR))
    assert tags_of(shop.audience) == {"Kept", "VIP", "Other"}


@pytest.mark.parametrize(("tags", "left"), [(Tags.KEEP, {"Kept", "VIP", "Other"}), (Tags.DELETE, {"Other"})])
def test_removing_the_destination_deletes_what_it_left_behind_with_its_other_tags_if_asked(
    shop: Shop, dropped: Destination, tags: Tags, left: set[str]
) -> None:
    shop.destination("Other", name="Second", take_over=True)
    shop.postino.removals.destination(shop.actor, dropped.id, tags)
    assert tags_of(shop.audience) == left


def test_the_question_about_removing_names_the_tags_that_were_left_behind(office: Office) -> None:
    exported(office)
    office.world.edit("Newsletter", "VIP")
    office.click(office.ada, "Remove…", office.type(office.ada, "/postino destinations"))
    seen(office.ada, "Newsletter is forgotten with its history", "Tags: VIP, Bergamo.")
