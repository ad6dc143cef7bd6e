"""The tables on both databases: migrations, sealed secrets, the claims that rows themselves enforce."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from services import audit
from services.access import Actor, Standing
from storage import ledger, outbox, runs, workspaces
from storage.database import Database
from storage.models import Base, Connection, Destination, DestinationSegment, OutboxMessage, Run, RunStatus
from storage.vault import SealBrokenError, Vault

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    opened.migrate()
    yield opened
    opened.dispose()


def queue(database: Database, *, account: str = "acc", name: str = "Shop") -> int:
    """A queued run of a destination on a Mailchimp account."""
    with database.write() as session:
        workspace = workspaces.home(session, NOW)
        connection = Connection(
            workspace_id=workspace.id,
            name=f"{account} for {name}",
            account_id=account,
            account_name="Contoso",
            data_centre="us1",
            kind="api_key",
            sealed_credential=b"",
            shared_people=[],
            created_by="test",
            created_at=NOW,
        )
        session.add(connection)
        session.flush()
        destination = Destination(
            workspace_id=workspace.id,
            name=name,
            connection_id=connection.id,
            audience_id="aud",
            audience_name="Newsletter",
            email_attribute="EMail",
            fields={},
            consent_values=[],
            consent_version=1,
            consent_by="test",
            consent_at=NOW,
            created_by="test",
            created_at=NOW,
            updated_by="test",
            updated_at=NOW,
        )
        session.add(destination)
        session.flush()
        run = Run(
            workspace_id=workspace.id,
            destination_id=destination.id,
            account_id=account,
            status=RunStatus.QUEUED,
            trigger="person",
            requested_by="test",
            requested_at=NOW,
            plan={},
            counters={},
            reason={},
        )
        session.add(run)
        session.flush()
        return run.id


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_tables_are_made_anew_with_all_that_refers_to_them_and_number_nothing_twice(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'postino.db'}")
    database.migrate("0013")
    kept, lost = queue(database), queue(database, name="B")
    with database.write() as session:
        run = session.get_one(Run, kept)
        chosen = DestinationSegment(segment="VIP", position=0, tag_name="VIP")
        session.get_one(Destination, run.destination_id).segments.append(chosen)
        book = ledger.open_ledger(session, "acc", "aud").id
        ledger.claim_tag(session, book, run.destination_id, "VIP", 11, "VIP")
        outbox.add(session, run.workspace_id, "run", {"status": "failed"}, NOW, run_id=kept, once="key")
        reject = {
            "run_id": kept,
            "profile_id": "ann",
            "segments": "VIP",
            "masked_address": "a…",
            "reason": "no_address",
        }
        runs.add_rejects(session, [reject])
        actor = Actor(run.workspace_id, "U0ADA", Standing.ADMINISTRATOR)
        audit.record(session, actor, NOW, "run.requested", "B", {"run": lost})
        session.delete(session.get_one(Run, lost))

    def everything() -> dict[str, list[str]]:
        tables = Base.metadata.sorted_tables
        with database.read() as session:
            found = {one.name: sorted(map(str, session.execute(select(one)))) for one in tables}
        return {name: rows for name, rows in found.items() if rows}

    def named() -> set[tuple[str, str]]:
        with database.read() as session:
            known = session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
            return {(name, sql) for name, sql in known}

    before, indexes = everything(), named()
    assert {"destination_segments", "ledger_tags", "outbox", "run_rejects"} <= set(before)
    database.migrate()
    assert (everything(), named()) == (before, indexes)
    with database.read() as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    assert queue(database, name="C") == lost + 1
    with database.write() as session:
        session.delete(session.get_one(Run, kept))
    assert {"outbox", "run_rejects"} & set(everything()) == set()
    database.dispose()


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    script = "import sys; from storage.database import Database; Database(sys.argv[1]).migrate()"
    started = [subprocess.Popen([sys.executable, "-c", script, database_url], cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]


def test_times_come_back_in_utc_on_every_database(database: Database) -> None:
    run_id = queue(database)
    with database.read() as session:
        assert session.get_one(Run, run_id).requested_at == NOW


def test_one_run_at_a_time_sends_to_an_account_and_others_are_not_held_up(database: Database) -> None:
    first, second, other = queue(database), queue(database, name="B"), queue(database, account="other", name="C")
    with database.write() as session:
        claimed = [runs.claim_next(session, "w", NOW, LEASE) for _ in range(3)]
    assert [run.id if run else None for run in claimed] == [first, other, None]
    with database.write() as session:
        assert not runs.claim(session, second, "w", NOW, LEASE)
        assert not runs.claim(session, first, "slower", NOW, LEASE)


def test_only_the_attempt_that_holds_a_run_can_write_to_it(database: Database) -> None:
    run_id = queue(database)
    with database.write() as session:
        assert runs.claim(session, run_id, "first", NOW, LEASE)
        (run,) = runs.processing(session)
        assert runs.requeue_abandoned(session, run)
        assert runs.claim(session, run_id, "second", NOW, LEASE)
        assert not runs.write(session, run_id, 1, step="late")
        assert runs.write(session, run_id, 2, step="mine")


def test_a_message_is_queued_once_per_key_and_taken_by_one_notifier(database: Database) -> None:
    run_id = queue(database)
    with database.write() as session:
        workspace = workspaces.home(session, NOW).id
        for _ in range(2):
            outbox.add(session, workspace, "run", {"status": "failed"}, NOW, run_id=run_id, once="key")
    seen: list[OutboxMessage] = []
    for _ in range(2):
        with database.read() as session:
            seen += outbox.due(session, NOW)
    taken = []
    for message in seen:
        with database.write() as session:
            taken.append(outbox.take(session, message, NOW, timedelta(seconds=30)))
    assert taken == [True, False]
    with database.read() as session:
        assert list(outbox.due(session, NOW)) == []


def test_members_come_in_the_order_of_their_keys_and_keep_what_was_put(database: Database) -> None:
    rows = [
        ledger.Row(bytes([number]) * 16, 1, 5, number << 70, b"\x01" * 12, 7, 8, 9) for number in (3, 1, 2, 255, 128)
    ]
    with database.write() as session:
        book = ledger.open_ledger(session, "acc", "aud").id
        ledger.put(session, book, rows)
        ledger.put(session, book, [rows[0]._replace(status=2)])
        ledger.remove(session, book, [rows[1].key])
    with database.read() as session:
        found = list(ledger.stream(session, book))
        assert [row.key for row in found] == sorted(row.key for row in rows if row.key != rows[1].key)
        assert ledger.members(session, book, [rows[0].key])[rows[0].key] == rows[0]._replace(status=2)


def test_bits_of_tags_are_never_used_again(database: Database) -> None:
    queue(database)
    with database.write() as session:
        book = ledger.open_ledger(session, "acc", "aud").id
        owner = session.execute(text("SELECT id FROM destinations")).scalar_one()
        first = ledger.claim_tag(session, book, owner, "VIP", 11, "VIP")
        ledger.release_tag(session, first)
        again = ledger.claim_tag(session, book, owner, "VIP", 11, "VIP")
        assert (first.bit, again.bit) == (0, 1)


def test_what_is_sealed_opens_with_any_listed_key_and_with_no_other() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    sealed = Vault([old]).seal("secret")
    assert b"secret" not in sealed
    assert Vault([new, old]).open(sealed) == "secret"
    assert Vault([new]).open(Vault([new, old]).reseal(sealed)) == "secret"
    with pytest.raises(SealBrokenError):
        Vault([new]).open(sealed)


def test_the_ledger_secret_outlives_a_rotated_key(database: Database) -> None:
    old, new = Vault.new_key(), Vault.new_key()
    with database.write() as session:
        secret = Vault([old]).ledger_secret(session)
    with database.write() as session:
        Vault([new, old]).reseal_all(session)
    with database.write() as session:
        assert Vault([new]).ledger_secret(session) == secret


def test_the_first_slack_team_adopts_what_the_command_line_made_and_a_second_gets_nothing(database: Database) -> None:
    with database.write() as session:
        made = workspaces.home(session, NOW).id
        adopted = workspaces.of_team(session, "T1", "Contoso", NOW)
        assert adopted is not None
        assert adopted.id == made
        assert workspaces.of_team(session, "T2", "Other", NOW) is None
