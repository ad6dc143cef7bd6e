"""Audiences that are not Postino's alone: huge ones, several destinations on one, contacts that others move or delete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.settings import Settings
from bot.wiring import build
from sandbox.mailchimp import acts
from services.access import Actor, Standing
from services.errors import InvalidInput
from storage.models import RunStatus, Workspace
from tests.integration.shop import Shop, open_shop
from tests.integration.test_exporting import counts


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    with open_shop(tmp_path, database_url) as shop:
        yield shop


def test_few_people_in_a_huge_audience_are_looked_up_one_by_one(shop: Shop) -> None:
    acts.crowd(shop.audience, 5_000_000)
    members = {f"old{number}": f"person{number * 9_999}@example.com" for number in range(1, 251)}
    others = {f"new{number}": f"new{number}@example.com" for number in range(250)}
    shop.customers(**members, **others)
    shop.segment("VIP", [*members, *others])
    destination = shop.destination("VIP")
    run = shop.export(destination)
    calls = [f"{one.method} {one.path}" for one in shop.world.log.calls()]
    assert calls.count("GET /lists/{list_id}/members") == 1
    assert calls.count("GET /lists/{list_id}/members/{member}") == 500
    assert (run.status, run.counters["new"], run.counters["updated"]) == (RunStatus.SUCCESSFUL, 250, 250)
    shop.world.log.clear()
    assert shop.export(destination).counters["unchanged"] == 500
    assert shop.writes() == []


def test_two_destinations_that_name_a_person_differently_do_not_undo_each_other(shop: Shop) -> None:
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Ann"}, old={"EMail": "Ann@example.com", "FirstName": "Anna"}
    )
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["old"])
    first, second = shop.destination("VIP", name="First"), shop.destination("Coffee", name="Second")
    shop.export(second)
    shop.export(first)
    shop.world.log.clear()
    for destination in (second, first, second):
        shop.export(destination)
    assert shop.writes() == []
    assert shop.members()["Ann@example.com"]["merge_fields"]["FNAME"] == "Ann"
    shop.segment("VIP", [])
    shop.export(first)
    shop.export(first, accept_removals=True)
    shop.export(second)
    assert shop.members()["Ann@example.com"]["merge_fields"]["FNAME"] == "Anna"


def test_a_source_that_lacks_a_segment_for_a_while_lets_no_younger_destination_fill_its_fields(shop: Shop) -> None:
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Ann"}, old={"EMail": "Ann@example.com", "FirstName": "Anna"}
    )
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["old"])
    first, second = shop.destination("VIP", name="First"), shop.destination("Coffee", name="Second")
    shop.export(first)
    shop.export(second)
    shop.clock.forward(hours=2)
    (shop.folder / "VIP.csv").unlink()
    shop.clock.forward(minutes=5)
    assert [held["reason"] for held in shop.export(first).plan["held"]] == ["vanished"]
    assert counts(shop.export(second)) == {"profiles": 1, "unchanged": 1}
    shop.segment("VIP", ["ann"])
    shop.clock.forward(hours=2)
    assert counts(shop.export(first)) == {"profiles": 1, "unchanged": 1}
    assert [member["merge_fields"]["FNAME"] for member in shop.members().values()] == ["Ann"]


def test_whoever_agrees_no_more_to_the_older_destination_is_filled_by_the_younger(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    for name in ("VIP", "Coffee"):
        shop.segment(name, ["ann"])
    consent: dict[str, Any] = {"consent_attribute": "Email Subscriber", "consent_values": ["true"]}
    first, second = shop.destination("VIP", name="First", **consent), shop.destination("Coffee", name="Second")
    shop.export(first)
    shop.export(second)
    shop.clock.forward(hours=2)
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna", "Email Subscriber": "false"})
    assert shop.export(first).counters["no_consent"] == 1
    assert shop.export(second).counters["updated"] == 1
    assert shop.members()["ann@example.com"]["merge_fields"]["FNAME"] == "Anna"


def test_a_field_that_only_the_younger_destination_fills_takes_over_none_of_the_others(shop: Shop) -> None:
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Ann", "Telephone": "555 0100"},
        old={"EMail": "Ann@example.com", "FirstName": "Anna", "Telephone": "555 0199"},
    )
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["old"])
    first = shop.destination("VIP", name="First")
    second = shop.destination("Coffee", name="Second", fields={"FNAME": "FirstName", "PHONE": "Telephone"})
    shop.export(first)
    assert shop.export(second).counters["updated"] == 1
    shop.world.log.clear()
    for destination in (second, first, second):
        shop.export(destination)
    assert shop.writes() == []
    shown = shop.members()["ann@example.com"]["merge_fields"]
    assert (shown["FNAME"], shown["PHONE"]) == ("Ann", "555 0199")


def test_a_contact_that_has_another_address_in_mailchimp_now_is_not_inserted_again(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.change_address(shop.audience, "ann@example.com", "anna@example.com")
    shop.clock.forward(hours=2)
    run = shop.export(destination, accept_removals=True)
    assert run.counters["suppressed"] == 1
    assert list(shop.members()) == ["anna@example.com"]


def test_the_ceiling_counts_what_another_run_has_just_added(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com", cat="cat@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["cat"])
    first, second = shop.destination("VIP", name="First"), shop.destination("Coffee", name="Second")
    with shop.postino.database.write() as session:
        session.execute(text("UPDATE connections SET contact_ceiling = 2"))
    assert shop.export(first).status == RunStatus.SUCCESSFUL
    run = shop.export(second)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "LimitExceeded")
    assert "cat@example.com" not in shop.members()


@pytest.fixture
def neighbour(shop: Shop) -> Shop:
    """The same shop as people of another workspace see it, who have connected the same Mailchimp account."""
    with shop.postino.database.write() as session:
        workspace = Workspace(name="Neighbours", slack_team_id="T0NEXT", administrators=[], created_at=shop.clock())
        session.add(workspace)
        session.flush()
        actor = Actor(workspace.id, "U0NEXT", Standing.ADMINISTRATOR)
    shop.postino.connections.add_with_key(actor, "Theirs", shop.account.api_key)
    return replace(shop, actor=actor)


@pytest.fixture
def elsewhere(shop: Shop, tmp_path: Path) -> Iterator[Shop]:
    """Another installation with a database of its own, whose source and Mailchimp account are the same."""
    names = ("POSTINO_SOURCE_URL", "POSTINO_MAILCHIMP_API_URL", "POSTINO_MAILCHIMP_LOGIN_URL")
    settings = shop.postino.settings
    values = dict(
        zip(names, (settings.source_url, settings.mailchimp_api_url, settings.mailchimp_api_url), strict=True)
    )
    home = tmp_path / "elsewhere"
    given: dict[str, Any] = {**values, "POSTINO_HOME": home, "POSTINO_DATABASE_URL": f"sqlite:///{home}.sqlite"}
    postino = build(Settings(_env_file=None, **given), clock=shop.clock)
    actor = postino.command_line()
    postino.connections.add_with_key(actor, "Theirs", shop.account.api_key)
    yield replace(shop, postino=postino, actor=actor)
    postino.database.dispose()


def people_of(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com", cat="cat@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["bob", "cat"])


@pytest.mark.parametrize("others", ["neighbour", "elsewhere"])
def test_whoever_else_exports_to_the_audience_nobody_undoes_anybody(
    shop: Shop, others: str, request: pytest.FixtureRequest
) -> None:
    other: Shop = request.getfixturevalue(others)
    people_of(shop)
    ours = shop.destination("VIP")
    shop.export(ours)
    theirs = other.destination("VIP", "Coffee", name="Theirs")
    assert [chosen.tag_name for chosen in theirs.segments] == ["VIP (Postino)", "Coffee"]
    other.export(theirs)
    shop.world.log.clear()
    for _ in range(2):
        assert shop.export(ours).counters["unchanged"] == 2
        assert other.export(theirs).counters["unchanged"] == 3
    assert shop.writes() == []
    shop.clock.forward(hours=2)
    shop.segment("VIP", ["bob"])
    shop.export(ours)
    assert {address: sorted(member["tags"]) for address, member in shop.members().items()} == {
        "ann@example.com": ["VIP (Postino)"],
        "bob@example.com": ["Coffee", "VIP", "VIP (Postino)"],
        "cat@example.com": ["Coffee"],
    }
    other.export(theirs)
    assert shop.members()["ann@example.com"]["tags"] == []
    assert {member["merge_fields"]["FNAME"] for member in shop.members().values()} == {"Ann", "Bob", "Cat"}


def test_a_field_that_another_workspace_fills_otherwise_is_refused_without_naming_its_destination(
    shop: Shop, neighbour: Shop
) -> None:
    people_of(shop)
    shop.destination("VIP", name="Secret plans")
    with pytest.raises(InvalidInput, match="Another workspace fills the field FNAME") as refused:
        neighbour.destination("Coffee", fields={"FNAME": "LastName"})
    assert "Secret plans" not in str(refused.value)
    neighbour.destination("Coffee", fields={"FNAME": "FirstName"})


def test_runs_of_two_workspaces_on_one_account_go_one_after_the_other(shop: Shop, neighbour: Shop) -> None:
    people_of(shop)
    first, second = shop.destination("VIP"), neighbour.destination("Coffee")
    held = shop.postino.runs.request(shop.actor, first)
    waiting = neighbour.postino.runs.request(neighbour.actor, second)
    seen: list[Any] = []
    shop.world.faults.before_call(
        1,
        lambda: seen.append((shop.postino.runs.waits_for(waiting), shop.postino.exporting.carry_out(waiting.id))),
        method="GET",
        path="/lists/[^/]+",
    )
    assert shop.postino.exporting()
    [(held_up_by, carried_out)] = seen
    assert held_up_by.id == held.id
    assert carried_out is None
    assert shop.postino.exporting()
    assert shop.postino.runs.get(neighbour.actor, waiting.id).status == RunStatus.SUCCESSFUL


def test_whom_one_workspace_forgets_is_not_resubscribed_by_another(shop: Shop, neighbour: Shop) -> None:
    people_of(shop)
    shop.customers(dan="dan@example.com", eve="eve@example.com")
    shop.segment("Coffee", ["ann", "cat", "dan", "eve"])
    ours = shop.destination("VIP")
    shop.export(ours)
    theirs = neighbour.destination("Coffee", name="Theirs")
    neighbour.export(theirs)

    def archived_and_read(*addresses: str) -> None:
        for address in addresses:
            acts.archive(shop.audience, address)
        shop.clock.forward(hours=3)
        shop.export(ours)

    shop.clock.forward(days=1)
    acts.unsubscribe(shop.audience, "ann@example.com")
    acts.change_address(shop.audience, "dan@example.com", "daniel@example.com")
    archived_and_read("ann@example.com")
    for name in ("ann", "dan", "eve"):
        shop.postino.individuals.forget(shop.actor, f"{name}@example.com")
    # What is forgotten here is read on, because it is the others' ledger as well.
    archived_and_read("eve@example.com")
    # Something was written within the hour, so that nobody is found missing by Mailchimp's counts.
    shop.customers(
        bob={"EMail": "bob@example.com", "FirstName": "Bobby"}, eve={"EMail": "eve@example.com", "FirstName": "Evie"}
    )
    assert shop.export(ours).counters["updated"] == 1
    shop.world.log.clear()
    run = neighbour.export(theirs)
    assert (run.counters["unchanged"], run.counters["suppressed"]) == (1, 3)
    # Daniel, whom nobody knows under that address, loses the tag of a segment that he is not in.
    assert shop.writes() == ["POST /lists/{list_id}/segments/{segment_id}"]
    assert "dan@example.com" not in shop.members()
    assert {shop.members()[f"{name}@example.com"]["status"] for name in ("ann", "eve")} == {"archived"}


def test_whom_one_workspace_forgot_is_not_resubscribed_by_another_that_comes_later(shop: Shop, neighbour: Shop) -> None:
    people_of(shop)
    ours = shop.destination("VIP")
    shop.export(ours)
    shop.clock.forward(days=1)
    acts.unsubscribe(shop.audience, "ann@example.com")
    acts.archive(shop.audience, "ann@example.com")
    shop.clock.forward(hours=3)
    shop.export(ours)
    shop.clock.forward(hours=3)
    shop.postino.individuals.forget(shop.actor, "ann@example.com")
    shop.postino.individuals.forget(shop.actor, "cat@example.com")
    shop.segment("Coffee", ["ann", "bob", "cat"])
    theirs = neighbour.destination("Coffee", name="Theirs")
    shop.customers(bob={"EMail": "bob@example.com", "FirstName": "Bobby"})
    shop.export(ours)
    run = neighbour.export(theirs)
    assert (run.counters["tags_only"], run.counters["suppressed"], run.counters["new"]) == (1, 1, 1)
    assert shop.members()["ann@example.com"]["status"] == "archived"
    again = neighbour.export(theirs)
    assert (again.counters["unchanged"], again.counters["suppressed"]) == (2, 1)
