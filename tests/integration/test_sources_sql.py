"""The database source on SQLite files and, where there is one, on PostgreSQL."""

from __future__ import annotations

import datetime
import decimal
import socket
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
    text,
)
from sqlalchemy.engine import make_url

from services import errors
from services.sources import Membership, SegmentReader, mapping, opening, sql
from tests.integration.refusing_server import refusing_server


def customer_table(metadata: MetaData) -> Table:
    return Table(
        "Customer",
        metadata,
        Column("CustomerId", String),
        Column("FirstName", String),
        Column("EMail", String),
        Column("doNotEmail", Boolean),
        Column("Born", Date),
        Column("Spent", Numeric(9, 2)),
        Column("Points", Integer),
        Column("Seen", DateTime),
    )


ADA = {
    "CustomerId": "a1",
    "FirstName": "Ada",
    "EMail": "ada@example.com",
    "doNotEmail": False,
    "Born": datetime.date(1980, 2, 3),
    "Spent": decimal.Decimal("1.50"),
    "Points": 7,
    "Seen": datetime.datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - a column without a zone
}
BOB = dict.fromkeys(ADA) | {"CustomerId": "b2", "FirstName": " ", "EMail": "bob@example.com", "doNotEmail": True}


def fill(engine: Engine) -> None:
    metadata = MetaData()
    customers = customer_table(metadata)
    ids = Table("Ids", metadata, Column("CustomerId", String))
    own = Table("Own", metadata, Column("CustomerId", String), Column("EMail", String))
    Table("Orders", metadata, Column("OrderId", Integer))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(customers), [ADA, BOB])
        connection.execute(insert(ids), [{"CustomerId": one} for one in ("a1", "a1", "gone", None, " ")])
        connection.execute(insert(own), [{"CustomerId": "b2", "EMail": "own@example.com"}])
        connection.execute(text('CREATE VIEW "Best" AS SELECT "CustomerId" FROM "Customer" WHERE "Points" > 5'))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


@pytest.fixture
def sqlite_url(path: Path) -> str:
    url = f"sqlite:///{path}"
    engine = create_engine(url)
    fill(engine)
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = str(request.getfixturevalue("postgres_url"))
    engine = create_engine(url)
    fill(engine)
    engine.dispose()
    return url


def rows_of(reader: SegmentReader) -> list[Membership]:
    return sorted(row for batch in reader for row in batch)


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_tables_and_views_with_the_key_are_segments(url: str) -> None:
    source = sql.SqlSource(url)
    assert [(one.name, one.profile_count) for one in source.segments()] == [("Best", 1), ("Ids", 2), ("Own", 1)]
    assert [(one.table, one.reason) for one in source.hidden()] == [
        ("Orders", "This table lacks the column with the profile key.")
    ]
    assert source.count_distinct(["Ids", "Own", "Best"]) == 3
    assert source.count_distinct([]) == 0


def test_a_segment_is_joined_to_the_profiles_and_its_values_are_text(url: str) -> None:
    reader = sql.SqlSource(url).read("Ids", ["EMail", "doNotEmail", "Born", "Spent", "Points", "Seen"])
    values = ("ada@example.com", "false", "1980-02-03", "1.50", "7", "2026-01-02T03:04:05")
    (first, second, gone) = rows_of(reader)
    assert first == second
    assert gone == ("gone", False, None, None, None, None, None, None)
    if "sqlite" in url:  # it keeps neither decimals nor the T of a moment
        values = (*values[:3], "1.5", "7", "2026-01-02 03:04:05.000000")
    assert first == ("a1", True, *values)
    assert reader.broken == 2


def test_keys_of_other_types_than_the_profiles_are_the_same_keys(url: str) -> None:
    execute(
        url,
        """INSERT INTO "Customer" ("CustomerId", "EMail") VALUES ('7', 'cat@example.com')""",
        'CREATE TABLE "Numbers" ("CustomerId" INTEGER)',
        'INSERT INTO "Numbers" VALUES (7), (8)',
        'CREATE TABLE "Padded" ("CustomerId" CHAR(8))',
        """INSERT INTO "Padded" VALUES ('7')""",
    )
    source = sql.SqlSource(url)
    assert rows_of(source.read("Numbers", ["EMail"])) == [("7", True, "cat@example.com"), ("8", False, None)]
    assert rows_of(source.read("Padded", ["EMail"])) == [("7", True, "cat@example.com")]
    assert source.count_distinct(["Numbers", "Padded"]) == 2
    assert source.find("EMail", "cat@example.com") == [("7", ["Numbers", "Padded"])]
    asked = mapping.DeclaredSegment(name="Asked", query='SELECT "CustomerId" FROM "Numbers"')
    source = sql.SqlSource(url, declared=mapping.Mapping(segments=[asked]))
    assert [row[:2] for row in rows_of(source.read("Asked", ["EMail"]))] == [("7", True), ("8", False)]


def test_columns_of_the_segment_go_before_those_of_the_profiles(url: str) -> None:
    source = sql.SqlSource(url)
    assert rows_of(source.read("Own", ["EMail"])) == [("b2", True, "own@example.com")]
    assert rows_of(source.read("Own", ["doNotEmail", "EMail"])) == [("b2", True, "true", "own@example.com")]


def test_attributes_have_fill_rates_types_and_meanings(url: str) -> None:
    attributes = {one.name: one for one in sql.SqlSource(url).attributes()}
    assert list(attributes) == ["FirstName", "EMail", "doNotEmail", "Born", "Spent", "Points", "Seen"]
    assert (attributes["FirstName"].fill_rate, attributes["EMail"].fill_rate) == (0.5, 1.0)
    assert attributes["EMail"].semantic == "email"
    assert attributes["doNotEmail"].semantic == "refusal"
    types = [one.data_type for one in attributes.values()]
    assert types == ["string", "string", "boolean", "date", "decimal", "int64", "dateTime"]


def test_samples_and_persons_are_found(url: str) -> None:
    source = sql.SqlSource(url)
    assert source.sample(["EMail"], 1) == [("ada@example.com",)]
    assert source.find("EMail", " ADA@example.com ") == [("a1", ["Best", "Ids"])]
    assert source.find("EMail", "own@example.com") == [("b2", ["Own"])]
    assert source.find("EMail", "nobody@example.com") == []
    assert source.find("EMail", "ada@example.com", ["Ids", "Gone"]) == [("a1", ["Ids"])]


def test_a_members_value_is_what_reading_its_segment_would_give(url: str) -> None:
    source = sql.SqlSource(url)
    assert source.values("EMail", {"Ids": ["a1"]}) == ["ada@example.com"]
    assert source.values("EMail", {"Own": ["b2"], "Ids": ["a1"]}) == ["own@example.com", "ada@example.com"]
    assert source.values("doNotEmail", {"Own": ["a1"]}) in (["true"], ["false"])
    assert source.values("EMail", {"Ids": ["nobody"], "Gone": ["a1"]}) == []
    with pytest.raises(errors.InvalidInput, match="no attribute Phone"):
        source.values("Phone", {"Own": ["b2"]})


def test_a_million_rows_would_come_in_batches(url: str) -> None:
    execute(
        url,
        'CREATE TABLE "Many" ("CustomerId" VARCHAR, "EMail" VARCHAR)',
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
        " INSERT INTO \"Many\" SELECT CAST(i AS VARCHAR), 'a@example.com' FROM n",
    )
    sizes = [len(batch) for batch in sql.SqlSource(url).read("Many", ["EMail"])]
    assert sizes == [5_000] * 5


def test_what_is_read_is_one_snapshot(url: str) -> None:
    execute(url, "INSERT INTO \"Own\" SELECT CAST(n AS VARCHAR), 'a@example.com' FROM (SELECT 1 AS n) AS one")
    reader = iter(sql.SqlSource(url).read("Own", ["EMail"]))
    assert len(next(reader)) == 2
    if "sqlite" not in url:  # a reader of SQLite would make the writer wait
        execute(url, 'DELETE FROM "Own"')
    assert list(reader) == []


def test_nothing_can_be_written(url: str) -> None:
    declared = mapping.Mapping(refreshed_at="INSERT INTO \"Own\" VALUES ('x', 'y') RETURNING 1")
    with pytest.raises(errors.PostinoError):
        sql.SqlSource(url, declared=declared).refresh_marker()
    assert sql.SqlSource(url).count_distinct(["Own"]) == 1


def test_the_marker_follows_the_declared_query(url: str) -> None:
    execute(url, "CREATE TABLE refreshes (done VARCHAR)", "INSERT INTO refreshes VALUES ('2026-03-01T06:00:00')")
    source = sql.SqlSource(url, declared=mapping.Mapping(refreshed_at="SELECT max(done) FROM refreshes;"))
    first = source.refresh_marker()
    assert first.finished_at == datetime.datetime(2026, 3, 1, 6, tzinfo=datetime.UTC)
    execute(url, "INSERT INTO \"Own\" VALUES ('z', NULL)")
    assert source.refresh_marker() == first
    execute(url, "INSERT INTO refreshes VALUES ('2026-03-02T06:00:00')")
    assert source.refresh_marker().id != first.id
    assert source.segments()[0].last_refreshed == datetime.datetime(2026, 3, 2, 6, tzinfo=datetime.UTC)


def test_without_a_declared_query_the_marker_follows_the_counts(url: str) -> None:
    source = sql.SqlSource(url)
    first = source.refresh_marker()
    assert source.refresh_marker() == first
    execute(url, "INSERT INTO \"Own\" VALUES ('z', NULL)")
    assert source.refresh_marker().id != first.id
    assert {one.name: one.profile_count for one in source.segments()}["Own"] == 2


def test_the_declared_column_of_changes_moves_the_marker(url: str) -> None:
    source = sql.SqlSource(url, declared=mapping.Mapping(changed_at="Seen"))
    first = source.refresh_marker()
    execute(url, 'UPDATE "Customer" SET "Seen" = \'2026-02-02 00:00:00\' WHERE "CustomerId" = \'b2\'')
    assert source.refresh_marker().id != first.id


def test_a_mapping_names_profiles_segments_and_queries(url: str, tmp_path: Path) -> None:
    execute(
        url,
        "CREATE TABLE people (person_id VARCHAR, mail VARCHAR)",
        "INSERT INTO people VALUES ('p1', 'one@example.com'), ('p2', NULL)",
        "CREATE TABLE purchases (buyer VARCHAR, at VARCHAR)",
        "INSERT INTO purchases VALUES ('p1', '10:30'), ('p1', '11:00'), ('p2', '09:00')",
    )
    file = tmp_path / "mapping.toml"
    file.write_text(
        """
        [profiles]
        table = "people"
        key = "person_id"

        [[segments]]
        name = "Everybody"
        table = "people"

        [[segments]]
        name = "Late buyers"
        display_name = "Bought late"
        description = "After ten"
        query = "SELECT buyer AS person_id FROM purchases WHERE at > '10:00';"

        [[segments]]
        name = "Lost"
        table = "nowhere"

        [[segments]]
        name = "Keyless"
        table = "purchases"
        """
    )
    source = opening.open_source(url, scratch_folder=tmp_path, mapping_file=file)
    assert [(one.display_name, one.profile_count) for one in source.segments()] == [
        ("Bought late", 1),
        ("Everybody", 2),
    ]
    assert rows_of(source.read("Late buyers", ["mail"])) == [("p1", True, "one@example.com")] * 2
    assert [(one.table, one.reason.split()[-4:]) for one in source.hidden()] == [
        ("Keyless", ["that", "is", "not", "there."]),
        ("Lost", ["not", "in", "the", "database."]),
    ]


def test_a_segment_or_attribute_that_is_not_there_is_said(url: str) -> None:
    source = sql.SqlSource(url, segments_pattern="!Own")
    with pytest.raises(errors.NotFound, match="Own"):
        source.read("Own", ["EMail"])
    with pytest.raises(errors.InvalidInput, match="Shoe"):
        source.read("Ids", ["Shoe"])
    assert [one.table for one in source.hidden()] == ["Orders", "Own"]


def test_an_empty_profile_table_is_said(url: str) -> None:
    execute(url, 'DELETE FROM "Customer"')
    for ask in (sql.SqlSource(url).attributes, sql.SqlSource(url).segments):
        with pytest.raises(errors.InvalidInput, match="is empty"):
            ask()


def test_a_query_with_a_mistake_is_said(url: str) -> None:
    declared = mapping.Mapping(segments=(mapping.DeclaredSegment(name="Bad", query="SELECT nothing FROM nowhere"),))
    with pytest.raises(errors.Refused, match="query of the segment") as refused:
        sql.SqlSource(url, declared=declared).segments()
    assert refused.value.values["segment"] == "Bad"
    declared = mapping.Mapping(refreshed_at="SELECT nothing FROM nowhere")
    with pytest.raises(errors.Refused, match="refreshed_at"):
        sql.SqlSource(url, declared=declared).segments()


def test_values_that_are_no_text_break_their_row(sqlite_url: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO Own VALUES ('n1', 'a' || char(0) || 'b'), ('n2', CAST(x'ff' AS TEXT)), ('n3', x'00')"
    )
    connection.commit()
    connection.close()
    reader = sql.SqlSource(sqlite_url).read("Own", ["EMail"])
    assert rows_of(reader) == [("b2", True, "own@example.com")]
    assert reader.broken == 3


def test_a_missing_file_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="does not exist"):
        sql.SqlSource(f"sqlite:///{tmp_path}/no.db").segments()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_text("CustomerId\n" * 500)
    with pytest.raises(errors.InvalidInput, match="not a sound SQLite database"):
        sql.SqlSource(f"sqlite:///{tmp_path}/no.db").segments()


def test_a_database_without_profiles_is_said(path: Path) -> None:
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(errors.InvalidInput, match="no table Customer"):
        sql.SqlSource(f"sqlite:///{path}").segments()


def test_a_wrong_password_is_said_without_repeating_it() -> None:
    with (
        refusing_server('password authentication failed for user "me"') as port,
        pytest.raises(errors.InvalidInput, match="user name or the password") as refused,
    ):
        sql.SqlSource(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm").segments()
    _expect_no_secret(refused.value)


def test_an_unknown_account_is_said(postgres_url: str) -> None:
    url = make_url(postgres_url).set(username="nobody_here").render_as_string(hide_password=False)
    with pytest.raises(errors.InvalidInput, match="user name or the password"):
        sql.SqlSource(url).segments()


def test_an_unknown_database_is_said(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="no_such_database").render_as_string(hide_password=False)
    with pytest.raises(errors.InvalidInput, match="no database “no_such_database”"):
        sql.SqlSource(url).segments()


def test_an_account_without_the_right_to_read_is_said(postgres_url: str) -> None:
    execute(postgres_url, 'CREATE TABLE "Customer" ("CustomerId" VARCHAR)')
    execute(postgres_url, "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    declared = mapping.Mapping(refreshed_at="SELECT pg_read_file('x')")
    url = make_url(postgres_url).update_query_dict({"options": "-c role=reader"}).render_as_string(hide_password=False)
    with pytest.raises(errors.InvalidInput, match="may not read"):
        sql.SqlSource(url, declared=declared).refresh_marker()


def test_an_unreachable_server_is_passing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        source = sql.SqlSource(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm")
        with pytest.raises(errors.Unavailable, match="“crm” does not answer") as passing:
            source.segments()
    _expect_no_secret(passing.value)


def _expect_no_secret(error: BaseException) -> None:
    link: BaseException | None = error
    while link is not None:
        assert "s3cret" not in str(link) + repr(link)
        link = link.__cause__


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        ("[profiles", "is not TOML"),
        ("[profile]\ntable='x'", "wrong at"),
        ("profiles = 3", "heading in brackets"),
        ("[profiles]\ntable = 3", "quotation marks"),
        ("[[segments]]\ntable='x'", "required"),
        ("segments = 'VIP'", "double brackets"),
        ("[[segments]]\nname='x'\ntable='a'\n[[segments]]\nname='x'\ntable='b'", "same name"),
        ("[[segments]]\nname='x'", "either table or query"),
        ("[[segments]]\nname='x'\ntable='a'\nquery='b'", "either table or query"),
    ],
)
def test_a_mapping_with_a_mistake_names_it(tmp_path: Path, content: str | None, sentence: str) -> None:
    file = tmp_path / "mapping.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(errors.InvalidInput, match=sentence) as refused:
        opening.open_source("sqlite://", scratch_folder=tmp_path, mapping_file=file)
    assert refused.value.field == "source"
