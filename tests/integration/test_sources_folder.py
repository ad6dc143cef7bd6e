"""The folder source on real files, read by DuckDB."""

from __future__ import annotations

import gzip
import json
import os
import stat
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services import errors
from services.sources import Membership, SegmentReader, files, folder, opening, tables

CUSTOMERS = """CustomerId,FirstName,EMail,Email Subscriber,PostCode
a1,Ada,ada@example.com,True,00123
b2,Bob,bob@example.com,False,10001
c3,Zoë,,True,
d4,"O'Neil, Dan",dan@example.com,,00045
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "lake"
    path.mkdir()
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def put(path: Path, content: str | bytes, modified: float = 1_700_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (modified, modified))
    return path


def source_of(root: Path, scratch: Path, **options: Any) -> files.FolderSource:
    return files.FolderSource(root, scratch_folder=scratch, **options)


def rows_of(reader: SegmentReader) -> list[Membership]:
    return sorted(row for batch in reader for row in batch)


def parquet(path: Path, query: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    os.utime(path, (1_700_000_000, 1_700_000_000))


def test_a_segment_with_columns_of_its_own_is_read_as_text(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", "CustomerId,EMail,PostCode\na1,own@example.com,00123\nzz,new@example.com,\n")
    reader = source_of(root, scratch).read("VIP", ["PostCode", "EMail"])
    assert rows_of(reader) == [("a1", True, "00123", "own@example.com"), ("zz", True, None, "new@example.com")]
    assert reader.broken == 0


def test_a_segment_of_ids_is_joined_to_the_profiles(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Ids.csv", "CustomerId\nd4\nc3\nd4\ngone\n")
    reader = source_of(root, scratch).read("Ids", ["FirstName", "EMail"])
    assert rows_of(reader) == [
        ("c3", True, "Zoë", None),
        ("d4", True, "O'Neil, Dan", "dan@example.com"),
        ("d4", True, "O'Neil, Dan", "dan@example.com"),
        ("gone", False, None, None),
    ]


def test_only_the_attributes_a_segment_lacks_come_from_the_profiles(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Mixed.csv", "CustomerId,EMail,Score\na1,own@example.com,7\ngone,gone@example.com,8\n")
    reader = source_of(root, scratch).read("Mixed", ["Score", "FirstName", "EMail"])
    assert rows_of(reader) == [
        ("a1", True, "7", "Ada", "own@example.com"),
        ("gone", False, "8", None, "gone@example.com"),
    ]


def test_an_attribute_neither_table_has_is_named(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Ids.csv", "CustomerId\na1\n")
    with pytest.raises(errors.InvalidInput, match="no attribute Shoe") as refused:
        source_of(root, scratch).read("Ids", ["FirstName", "Shoe"])
    assert refused.value.field == "attributes"


def test_segments_have_exact_counts_of_distinct_profiles(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Twice.csv", "CustomerId\na1\na1\nb2\n")
    put(root / "empty.csv", "CustomerId\n")
    source = source_of(root, scratch)
    assert [(one.name, one.profile_count) for one in source.segments()] == [("empty", 0), ("Twice", 2)]
    assert source.count_distinct(["Twice"]) == 2
    assert list(source.read("empty", ["EMail"])) == []


def test_profiles_of_several_segments_are_counted_once(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "One.csv", "CustomerId\na1\nb2\n")
    put(root / "Two.csv", "CustomerId,EMail\nb2,x@example.com\nc3,\n")
    put(root / "None.csv", "CustomerId\n")
    source = source_of(root, scratch)
    assert source.count_distinct(["One", "Two", "None"]) == 3
    assert source.count_distinct([]) == 0


def test_counts_follow_a_new_refresh(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP" / "2026/01/01/0600" / "VIP_1.csv", "CustomerId\na1\n")
    put(root / "VIP" / "2026/01/01/0600" / "VIP_2.csv", "CustomerId\nb2\n")
    source = source_of(root, scratch)
    before = source.refresh_marker()
    assert source.segments()[0].profile_count == 2
    put(root / "VIP" / "2026/01/02/0600" / "VIP_1.csv", "CustomerId\na1\n")
    assert source.segments()[0].profile_count == 1
    assert source_of(root, scratch).refresh_marker().id != before.id


def test_counting_is_done_once_per_refresh(root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", "CustomerId\na1\n")
    source = source_of(root, scratch)
    first = source.segments()
    monkeypatch.setattr(tables, "count", None)
    assert source.segments() == first


def test_attributes_come_with_fill_rates_types_and_meanings(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    attributes = source_of(root, scratch).attributes()
    assert [(one.name, one.fill_rate, one.semantic) for one in attributes] == [
        ("FirstName", 1.0, "first_name"),
        ("EMail", 0.75, "email"),
        ("Email Subscriber", 0.75, "consent"),
        ("PostCode", 0.75, "postal_code"),
    ]


def test_samples_are_the_same_each_time(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    source = source_of(root, scratch)
    first = source.sample(["EMail", "FirstName"], 2)
    assert first == [("ada@example.com", "Ada"), ("bob@example.com", "Bob")]
    assert source.sample(["EMail", "FirstName"], 2) == first


def test_a_person_is_found_by_address_with_their_segments(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Ids.csv", "CustomerId\na1\nb2\n")
    put(root / "Own.csv", "CustomerId,EMail\nb2,bob@example.com\nx9,ADA@example.com \n")
    source = source_of(root, scratch)
    assert source.find("EMail", " Ada@Example.com ") == [("a1", ["Ids"]), ("x9", ["Own"])]
    assert source.find("EMail", "ada@example.com", ["Ids", "Gone"]) == [("a1", ["Ids"])]
    assert source.find("EMail", "ada@example.com", []) == [("a1", [])]


def test_a_members_value_is_what_reading_its_segment_would_give(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Ids.csv", "CustomerId\na1\nb2\n")
    put(root / "Own.csv", "CustomerId,EMail\na1,own@example.com\n")
    source = source_of(root, scratch)
    assert source.values("EMail", {"Ids": ["a1"]}) == ["ada@example.com"]
    assert source.values("EMail", {"Own": ["a1"], "Ids": ["b2"]}) == ["own@example.com", "bob@example.com"]
    assert source.values("EMail", {"Ids": ["nobody"], "Gone": ["a1"]}) == []
    with pytest.raises(errors.InvalidInput, match="no attribute Phone"):
        source.values("Phone", {"Own": ["a1"]})


def test_tables_that_are_no_segments_are_hidden_with_the_reason(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Purchases.csv", "PurchaseId,Total\n1,2\n")
    put(root / "Nothing.csv", "")
    put(root / "Secret.csv", "CustomerId\na1\n")
    put(root / "VIP.csv", "CustomerId\na1\n")
    source = source_of(root, scratch, segments_pattern="*, !Secret")
    assert [one.name for one in source.segments()] == ["VIP"]
    assert {one.table: one.reason for one in source.hidden()} == {
        "Purchases": "This table has no column CustomerId.",
        "Nothing": "This table is empty: it has neither rows nor column names.",
        "Secret": "POSTINO_SEGMENTS leaves this table out.",
    }
    with pytest.raises(errors.NotFound, match="Secret"):
        source.read("Secret", ["EMail"])


def test_a_table_in_another_format_is_left_out_with_the_reason(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", "CustomerId\na1\n")
    for name in ("Customer.xlsx", "Regulars.xlsx", "readme.txt"):
        put(root / name, "PK")
    source = source_of(root, scratch)
    assert [one.name for one in source.segments()] == ["VIP"]
    assert [(one.table, one.reason.split(".")[0]) for one in source.hidden()] == [
        ("Regulars", "This file is neither CSV nor Parquet")
    ]
    (root / "Customer.csv").unlink()
    with pytest.raises(errors.InvalidInput) as refused:
        source.segments()
    assert "neither CSV nor Parquet" in str(refused.value)


def test_only_named_patterns_are_offered(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    for name in ("Summer1", "Summer2", "Winter"):
        put(root / f"{name}.csv", "CustomerId\na1\n")
    source = source_of(root, scratch, segments_pattern="Summer?,!Summer2")
    assert [one.name for one in source.segments()] == ["Summer1"]


def test_a_vanished_segment_is_said(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    with pytest.raises(errors.NotFound, match="Gone"):
        source_of(root, scratch).read("Gone", ["EMail"])
    with pytest.raises(errors.NotFound, match="Gone"):
        source_of(root, scratch).count_distinct(["Gone"])


@pytest.mark.parametrize("name", ["It's", "[draft] *all*?", "Rot & Weiß", "x'); DROP TABLE y; --", "{a,b}"])
def test_any_table_name_is_read_and_none_is_executed(root: Path, scratch: Path, name: str) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / f"{name}.csv", "CustomerId\na1\n")
    put(root / "d all.csv", "CustomerId\nb2\n")  # what the second name would match as a pattern
    assert rows_of(source_of(root, scratch).read(name, ["FirstName"])) == [("a1", True, "Ada")]


def test_column_names_are_no_sql_either(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", 'CustomerId,"a"" FROM x; --",A\'b\na1,1,2\n')
    put(root / "Ids.csv", "CustomerId\na1\n")
    assert rows_of(source_of(root, scratch).read("Ids", ["A'b", 'a" FROM x; --'])) == [("a1", True, "2", "1")]


def test_parquet_values_become_the_text_a_csv_would_hold(root: Path, scratch: Path) -> None:
    parquet(
        root / "Customer.parquet",
        "SELECT 'a1' AS CustomerId, DATE '1980-02-03' AS Born, true AS Subscribed, 7::BIGINT AS Points,"
        " 1.50::DECIMAL(9,2) AS Spent, TIMESTAMP '2026-01-02 03:04:05' AS Seen,"
        " TIMESTAMPTZ '2026-01-02 03:04:05+02' AS Joined, NULL::VARCHAR AS Phone",
    )
    put(root / "Ids.csv", "CustomerId\na1\n")
    source = source_of(root, scratch)
    names = ["Born", "Subscribed", "Points", "Spent", "Seen", "Joined", "Phone"]
    values = ("1980-02-03", "true", "7", "1.50", "2026-01-02T03:04:05", "2026-01-02T01:04:05Z", None)
    assert rows_of(source.read("Ids", names)) == [("a1", True, *values)]
    types = {one.name: one.data_type for one in source.attributes()}
    assert (types["Born"], types["Subscribed"], types["Points"], types["Spent"]) == (
        "date",
        "boolean",
        "int64",
        "decimal",
    )


def test_partitions_of_different_columns_and_formats_are_one_table(root: Path, scratch: Path) -> None:
    put(root / "Customer" / "1.csv", "CustomerId,EMail,FirstName\na1,a@example.com,Ada\n")
    put(root / "Customer" / "2.csv", "FirstName;CustomerId;EMail\nBob;b2;b@example.com\n")
    put(root / "Customer" / "3.csv.gz", gzip.compress(b"CustomerId\nc3\n"))
    parquet(root / "Customer" / "4.parquet", "SELECT 'Dan' AS FirstName, 'd4' AS CustomerId")
    put(root / "Ids.csv", "CustomerId\na1\nb2\nc3\nd4\n")
    assert rows_of(source_of(root, scratch).read("Ids", ["FirstName", "EMail"])) == [
        ("a1", True, "Ada", "a@example.com"),
        ("b2", True, "Bob", "b@example.com"),
        ("c3", True, None, None),
        ("d4", True, "Dan", None),
    ]


def test_the_data_out_layout_without_header_rows_is_read_by_its_model(root: Path, scratch: Path) -> None:
    export = root / "CustomerInsights_1" / "BlobExport"
    put(export / "Customer/2020/08/24/1433/Customer_1.csv", 'a1,"Ada","ada@example.com"\n')
    put(export / "VIP/2020/08/24/1433/VIP_1.csv", "a1\n")
    base = "https://lake.example.com/box/CustomerInsights_1/BlobExport"
    entities = [
        {
            "$type": "LocalEntity",
            "name": name,
            "annotations": [{"name": "displayName", "value": f"The {name}"}],
            "attributes": [{"name": column, "dataType": "string"} for column in columns],
            "partitions": [
                {
                    "name": "1",
                    "refreshTime": "2020-08-24T14:33:00Z",
                    "location": f"{base}/{name}/2020/08/24/1433/{name}_1.csv",
                }
            ],
        }
        for name, columns in (("Customer", ["CustomerId", "FirstName", "EMail"]), ("VIP", ["CustomerId"]))
    ]
    put(export / "model.json", json.dumps({"name": "BlobExport", "version": "1.0", "entities": entities}))
    source = source_of(root, scratch)
    (vip,) = source.segments()
    assert (vip.name, vip.display_name, vip.profile_count) == ("VIP", "The VIP", 1)
    assert rows_of(source.read("VIP", ["EMail"])) == [("a1", True, "ada@example.com")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no table Customer"),
        ("", "is empty"),
        ("CustomerId,EMail\n", "is empty"),
        ("Id,EMail\n1,a@example.com\n", "no column CustomerId"),
        ("CustomerId,EMail\n1\n2\n3\n", "No line of the table Customer"),
        (b"CustomerId,EMail\n\x00\x00\x00\n", "No line of the table Customer"),
    ],
)
def test_a_profile_table_that_cannot_be_used_is_said(
    root: Path, scratch: Path, content: str | bytes | None, sentence: str
) -> None:
    if content is not None:
        put(root / "Customer.csv", content)
    put(root / "VIP.csv", "CustomerId\na1\n")
    source = source_of(root, scratch)
    for ask in (source.segments, source.attributes):
        with pytest.raises(errors.InvalidInput, match=sentence) as refused:
            ask()
        assert refused.value.field == "source"


def test_a_damaged_file_hides_its_segment_and_no_other(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "Good.csv", "CustomerId\na1\n")
    put(root / "Torn.parquet", b"PAR1 not really")
    put(root / "Packed.csv.gz", gzip.compress(b"CustomerId\na1\n" * 500)[:-20])
    source = source_of(root, scratch)
    assert [one.name for one in source.segments()] == ["Good"]
    assert [one.table for one in source.hidden()] == ["Packed", "Torn"]


def test_the_marker_waits_for_files_to_rest(root: Path, scratch: Path) -> None:
    now = [1_700_000_100.0]
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", "CustomerId\na1\n", modified=now[0] - 1)
    source = source_of(root, scratch, clock=lambda: now[0])
    with pytest.raises(errors.Unavailable, match="being refreshed") as waiting:
        source.refresh_marker()
    assert waiting.value.after == folder.SETTLE_SECONDS
    now[0] += 10
    first = source.refresh_marker()
    assert first.finished_at is not None
    assert first.finished_at.timestamp() == 1_700_000_099
    now[0] += 10
    assert source.refresh_marker() == first


def test_the_marker_waits_while_files_change_between_two_looks(root: Path, scratch: Path) -> None:
    now = [1_700_000_100.0]
    put(root / "Customer.csv", CUSTOMERS)
    sizes = iter([100, 200, 200])

    def growing(path: Path) -> Sequence[folder.DataFile]:
        size = next(sizes)
        return [folder.DataFile(path / "Customer.csv", size, 1_600_000_000_000_000_000)]

    source = source_of(root, scratch, clock=lambda: now[0], look=growing)
    source.refresh_marker()
    now[0] += 1
    with pytest.raises(errors.Unavailable):
        source.refresh_marker()
    now[0] += 1
    assert source.refresh_marker().id


def test_a_table_changed_while_it_is_read_is_said(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    path = put(root / "VIP.csv", "CustomerId,EMail\n" + "".join(f"{n},a{n}@example.com\n" for n in range(30_000)))
    reader = iter(source_of(root, scratch).read("VIP", ["EMail"]))
    assert len(next(reader)) == 5_000
    os.utime(path, (1_700_000_999, 1_700_000_999))
    with pytest.raises(errors.Unavailable, match="changed while it was read"):
        list(reader)


def test_no_batch_is_larger_than_promised(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", "CustomerId,EMail\n" + "".join(f"{n},a{n}@example.com\n" for n in range(25_000)))
    put(root / "Ids.csv", "CustomerId\n" + "".join(f"{n}\n" for n in range(25_500)))
    sizes = [len(batch) for batch in source_of(root, scratch).read("Ids", ["EMail"])]
    assert sum(sizes) == 25_500
    assert max(sizes) <= 5_000


def test_many_threads_may_ask_at_once(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    for number in range(6):
        put(root / f"S{number}.csv", "CustomerId\na1\nb2\n")
    source = source_of(root, scratch)
    start = threading.Barrier(8)

    def ask(number: int) -> tuple[int, int, int]:
        start.wait(10)
        read = rows_of(source.read(f"S{number % 6}", ["EMail"]))
        return len(source.segments()), len(read), source.count_distinct([f"S{number % 6}", "S0"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {(6, 2, 2)}


def test_scratch_is_private_and_gone_with_the_source(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", 'CustomerId,EMail\na1,a@example.com\nb2,"open\n')
    source = source_of(root, scratch)
    reader = source.read("VIP", ["EMail"])
    assert rows_of(reader) == [("a1", True, "a@example.com")]
    (spill,) = scratch.iterdir()
    assert stat.S_IMODE(spill.stat().st_mode) == 0o700
    assert list(spill.iterdir()) == []
    del source, reader
    assert list(scratch.iterdir()) == []


def test_what_a_killed_process_left_is_swept_away(root: Path, scratch: Path) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    living = source_of(root, scratch)
    (in_use,) = scratch.iterdir()
    put(scratch / "duckdb-of-the-dead" / "spilled.tmp", "hashes")
    put(scratch / "ours.sqlite", "not DuckDB's")
    another = source_of(root, scratch)
    left = {path.name for path in scratch.iterdir()}
    assert {in_use.name, "ours.sqlite"} < left
    assert len(left) == 3
    assert living.attributes() == another.attributes()


def test_a_full_disk_is_said(root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root / "Customer.csv", CUSTOMERS)
    put(root / "VIP.csv", 'CustomerId,EMail\na1,a@example.com\nb2,"open\n')
    source = source_of(root, scratch)

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(errors.Unavailable, match="disk is full"):
        source.read("VIP", ["EMail"])


@pytest.mark.parametrize("url", ["file://server/share", "file:relative", "nonsense", "", "oracle+nodriver://x/y"])
def test_an_address_that_is_none_is_said(scratch: Path, url: str) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        opening.open_source(url, scratch_folder=scratch)
    assert refused.value.field == "source"


def test_a_folder_is_opened_by_its_address(root: Path, scratch: Path) -> None:
    spaced = root / "my lake"
    put(spaced / "Customer.csv", CUSTOMERS)
    put(spaced / "VIP.csv", "CustomerId\na1\n")
    source = opening.open_source(spaced.as_uri(), scratch_folder=scratch, segments_pattern="!X*")
    assert source.name == "my lake"
    assert [one.name for one in source.segments()] == ["VIP"]
