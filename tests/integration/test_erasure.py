"""Forgetting somebody: what is removed, what stays, and that no address or name is anywhere, whatever happened before."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from sandbox.mailchimp import acts
from services import errors
from services.individuals import Obstacle
from storage import ledger
from storage.database import Database
from storage.models import Draft, LedgerMember, RunStatus, Tombstone
from tests.integration.processes import MailchimpProcess, Site, mailchimp_process, until
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts


def cells(database: Database) -> Iterator[tuple[str, bytes]]:
    """Every value of every table, as bytes, with where it stands."""
    tables = MetaData()
    tables.reflect(database.engine)
    with database.engine.connect() as connection:
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    yield f"{table.name}.{column}", value if isinstance(value, bytes) else str(value).encode()


def traces(database: Database, *parts: bytes) -> set[str]:
    """Columns that hold one of these, whatever the case."""
    return {where for where, value in cells(database) if any(part.lower() in value.lower() for part in parts)}


@pytest.fixture
def visited(shop: Shop) -> Shop:
    """A shop that has exported Ann, had Bob refused by Mailchimp, and rejected Cat's address."""
    shop.customers(
        ann={"EMail": "Ann@Forest.example.com", "FirstName": "Annabel", "LastName": "Ashgrove"},
        bob={"EMail": "bob@forest.example.com", "FirstName": "Bobolink", "LastName": "Birchwood"},
        cat={"EMail": "cat.forest", "FirstName": "Catriona", "LastName": "Cedarhill"},
        dan={"EMail": "dan@forest.example.com", "FirstName": "Danforth", "LastName": "Dogwood"},
    )
    shop.segment("VIP", ["ann", "bob", "cat", "dan"])
    shop.world.switches.set(fake_addresses="^bob@")
    assert counts(shop.export(shop.destination("VIP"))) == {"profiles": 4, "new": 2, "rejected": 2, "tags_added": 2}
    return shop


def test_the_receipt_names_what_was_removed_and_the_tombstone_is_all_that_stays(visited: Shop) -> None:
    database = visited.postino.database
    receipt = visited.postino.individuals.forget(visited.actor, " ann@forest.example.com ")
    assert receipt.removed == {
        "ledger": 1,
        "refusals": 0,
        "rejects": 0,
        "decisions": 0,
        "drafts": 0,
        "messages": 0,
        "audit": 0,
    }
    assert (receipt.audiences, receipt.in_source, receipt.forgotten_before) == (("Newsletter",), True, None)
    with database.read() as session:
        (stone,) = session.scalars(select(Tombstone))
    assert stone.key.hex().startswith(receipt.tombstone)
    assert traces(database, stone.key) == {"tombstones.key"}


def test_refusals_and_rejects_are_removed_with_the_masked_address(visited: Shop) -> None:
    receipt = visited.postino.individuals.forget(visited.actor, "bob@forest.example.com")
    assert (receipt.removed["refusals"], receipt.removed["rejects"]) == (1, 1)
    assert "bob" not in {one.profile_id for one in visited.postino.runs.rejects(visited.actor, 1)}
    assert traces(visited.postino.database, "b•••@f•••.com".encode()) == set()


def test_rejects_of_somebody_who_left_the_source_already_are_found_by_the_masked_address(visited: Shop) -> None:
    del visited.people["bob"]
    visited.customers()
    receipt = visited.postino.individuals.forget(visited.actor, "Bob@Forest.example.com")
    assert (receipt.in_source, receipt.removed["rejects"]) == (False, 1)
    assert "cat" in {one.profile_id for one in visited.postino.runs.rejects(visited.actor, 1)}


def test_somebody_forgotten_is_not_exported_again_and_everybody_else_is(visited: Shop) -> None:
    (destination,) = visited.postino.destinations.visible(visited.actor)
    visited.postino.individuals.forget(visited.actor, "ann@forest.example.com")
    visited.people["ann"]["FirstName"] = "Changed"
    visited.people["dan"]["FirstName"] = "Changed"
    visited.customers()
    visited.world.log.clear()
    result = counts(visited.export(destination))
    assert (result["suppressed"], result["updated"]) == (1, 1)
    assert [call.split()[0] for call in visited.writes()] == ["PATCH"]
    assert visited.members()["Ann@Forest.example.com"]["merge_fields"]["FNAME"] == "Annabel"
    with visited.postino.database.read() as session:
        (stone,) = session.scalars(select(Tombstone))
    assert traces(visited.postino.database, stone.key) == {"tombstones.key"}


def test_nothing_is_planned_for_somebody_forgotten_who_left_the_segment_with_our_tag_on(visited: Shop) -> None:
    (destination,) = visited.postino.destinations.visible(visited.actor)
    visited.postino.individuals.forget(visited.actor, "ann@forest.example.com")
    visited.segment("VIP", ["bob", "cat", "dan"])
    visited.clock.forward(hours=2)
    visited.export(destination)
    visited.world.log.clear()
    preview = visited.export(destination, preview=True)
    assert (preview.status, preview.plan["binding"]["tags_removed"]) == (RunStatus.REJECTS, 0), "nobody need approve it"
    assert visited.writes() == []
    assert visited.members()["Ann@Forest.example.com"]["tags"] == ["VIP"]


def test_whoever_is_forgotten_while_an_export_sends_goes_with_no_later_call_and_leaves_nothing(shop: Shop) -> None:
    people = {name: f"{name}@forest.example.com" for name in ("ann", "bob", "cat", "dan")}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")

    def forget() -> None:
        for name in ("ann", "bob", "cat"):
            shop.postino.individuals.forget(shop.actor, people[name])

    shop.world.faults.before_call(1, forget, method="POST", path="/lists/[^/]+")
    result = counts(shop.export(destination))
    inserted = [address for address in people.values() if address in shop.members()]
    assert people["dan"] in inserted
    assert len(inserted) <= 2  # the first call was under way, and carried one
    assert (result["new"], result["suppressed"]) == (len(inserted), 4 - len(inserted))
    with shop.postino.database.read() as session:
        stones = session.scalars(select(Tombstone)).all()
        known = session.scalars(select(LedgerMember)).all()
    assert (len(stones), len(known)) == (3, 1)
    assert counts(shop.export(destination)) == {"profiles": 4, "unchanged": 1, "suppressed": 3}
    # What an export of former times has left of them goes with the next one.
    with shop.postino.database.write() as session:
        ledger.put(session, known[0].ledger_id, [ledger.Row(stone.key, 1, 0, 0, b"", 0, 0, 0) for stone in stones])
    shop.export(destination)
    assert {where for stone in stones for where in traces(shop.postino.database, stone.key)} == {"tombstones.key"}


def test_whoever_is_forgotten_while_an_export_reads_is_not_written_down(visited: Shop) -> None:
    (destination,) = visited.postino.destinations.visible(visited.actor)
    visited.clock.forward(hours=2)
    acts.edit(visited.audience, "ann@forest.example.com", PHONE="1")

    def forget() -> None:
        for name in ("ann", "bob"):
            visited.postino.individuals.forget(visited.actor, f"{name}@forest.example.com")

    visited.world.faults.before_call(1, forget, method="GET", path="/lists/[^/]+/members")
    run = visited.export(destination)
    assert [one.profile_id for one in visited.postino.runs.rejects(visited.actor, run.id)] == ["cat"]
    with visited.postino.database.read() as session:
        stones = session.scalars(select(Tombstone)).all()
    assert {where for one in stones for where in traces(visited.postino.database, one.key)} == {"tombstones.key"}


def test_a_draft_in_which_somebody_typed_the_address_goes_too(visited: Shop) -> None:
    database = visited.postino.database
    with database.write() as session:
        values = {"name": "Only for Ann@Forest.example.com"}
        session.add(
            Draft(
                id="d1",
                workspace_id=visited.actor.workspace_id,
                person="U0ADA",
                values=values,
                updated_at=visited.clock(),
            )
        )
    assert traces(database, b"ann@forest") == {"drafts.values"}
    assert visited.postino.individuals.forget(visited.actor, "ann@forest.example.com").removed["drafts"] == 1
    assert traces(database, b"ann@forest") == set()


def test_asking_twice_changes_nothing_and_says_so(visited: Shop) -> None:
    first = visited.postino.individuals.forget(visited.actor, "ann@forest.example.com")
    asked = visited.clock.now
    visited.clock.forward(days=1)
    second = visited.postino.individuals.forget(visited.actor, "ANN@forest.example.com")
    assert (second.tombstone, second.forgotten_before) == (first.tombstone, asked)
    assert set(second.removed.values()) == {0}


def test_where_the_source_lost_an_attribute_of_addresses_everything_kept_is_removed_all_the_same(visited: Shop) -> None:
    postino, database = visited.postino, visited.postino.database
    visited.destination("VIP", name="By work address", email_attribute="LastName", fields={})
    table = visited.folder / "Customer.csv"
    table.write_text(table.read_text().replace("EMail", "Mail", 1))
    visited.clock.forward(minutes=5)
    _, standings = postino.individuals.why(visited.actor, "ann@forest.example.com")
    assert [one.obstacle for one in standings] == [Obstacle.NO_PROFILE, Obstacle.NO_ATTRIBUTE]
    receipt = postino.individuals.forget(visited.actor, "ann@forest.example.com")
    assert (receipt.removed["ledger"], receipt.audiences) == (1, ("Newsletter",))
    receipt = postino.individuals.forget(visited.actor, "bob@forest.example.com")
    assert (receipt.removed["refusals"], receipt.removed["rejects"]) == (1, 1)
    with database.read() as session:
        stones = session.scalars(select(Tombstone)).all()
    assert {where for stone in stones for where in traces(database, stone.key)} == {"tombstones.key"}
    # Where the table has its column again, nobody is exported who was forgotten meanwhile.
    visited.customers()
    (destination,) = [one for one in postino.destinations.visible(visited.actor) if one.name == "Newsletter"]
    assert counts(visited.export(destination))["suppressed"] == 2


def test_while_the_source_is_away_nothing_is_forgotten_and_that_is_said(visited: Shop) -> None:
    visited.folder.rename(visited.folder.with_name("elsewhere"))
    with pytest.raises(errors.Unavailable, match="Nothing was forgotten"):
        visited.postino.individuals.forget(visited.actor, "ann@forest.example.com")
    with visited.postino.database.read() as session:
        assert session.scalars(select(Tombstone)).all() == []


def test_somebody_nobody_knows_gets_a_receipt_too(visited: Shop) -> None:
    receipt = visited.postino.individuals.forget(visited.actor, "stranger@elsewhere.example.com")
    assert len(receipt.tombstone) == 16
    assert (set(receipt.removed.values()), receipt.audiences, receipt.in_source) == ({0}, (), False)
    with pytest.raises(errors.InvalidInput):
        visited.postino.individuals.forget(visited.actor, "stranger")


def test_no_table_ever_held_an_address_or_a_name(visited: Shop) -> None:
    visited.postino.individuals.forget(visited.actor, "ann@forest.example.com")
    words = ("forest", "annabel", "ashgrove", "bobolink", "birchwood", "catriona", "cedarhill", "danforth", "dogwood")
    assert traces(visited.postino.database, *(word.encode() for word in words)) == set()


@pytest.fixture(scope="module")
def mailchimp() -> Iterator[MailchimpProcess]:
    with mailchimp_process(latency_bulk=0.2) as served:
        yield served


def test_after_exports_kills_and_forgetting_no_file_gives_anybody_away(
    tmp_path: Path, mailchimp: MailchimpProcess
) -> None:
    site = Site(tmp_path, mailchimp)
    site.people(3000, unreachable="zebulon@letters.example.com")
    mailchimp.control("PATCH", "/switches", fake_addresses="^zebulon@")
    site.destination("Shop")
    killed = site.export("Shop")
    assert until(lambda: len(mailchimp.bulk_calls()) >= 3, killed)
    killed.kill()
    killed.communicate()
    out, _ = site.export("Shop").communicate(timeout=60)
    assert (json.loads(out)["rejected"], json.loads(out)["profiles"]) == (1, 3001)
    assert any(b"unreachable" in path.read_bytes() for path in site.home.rglob("*") if path.is_file())
    receipt = receipt_of(site.start("-m", "bot.cli", "forget", "zebulon@letters.example.com", "--json"))
    assert (receipt["removed"]["refusals"], receipt["removed"]["rejects"]) == (1, 1)
    told, _ = site.start("-m", "bot.cli", "forget", "person7@letters.example.com").communicate(timeout=60)
    assert "Delete permanently, in: Shop" in told
    assert "scrambled mark" in told
    again, _ = site.start("-m", "bot.cli", "forget", "person7@letters.example.com").communicate(timeout=60)
    assert "forgotten before" in again
    assert site.given_away() == []
    assert not any(b"unreachable" in path.read_bytes() for path in site.home.rglob("*") if path.is_file())
    database = Database(f"sqlite:///{site.home / 'postino.sqlite'}")
    assert traces(database, b"letters.example", b"zebulon", b"quillfeather") == set()
    database.dispose()


def receipt_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The receipt that a command printed as JSON."""
    out, _ = process.communicate(timeout=60)
    found: dict[str, Any] = json.loads(out)
    return found
