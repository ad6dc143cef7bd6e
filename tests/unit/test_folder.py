"""Which files make which table."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services import errors
from services.sources import cdm, folder

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
LONG_AGO = NOW - 86_400


def put(path: Path, text: str = "CustomerId\na\n", modified: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (modified, modified))
    return path


def put_model(root: Path, *entities: dict[str, Any], modified: float = LONG_AGO) -> None:
    put(root / "model.json", json.dumps({"name": "Export", "entities": entities}), modified)


def entity(name: str, *locations: str, **partition: Any) -> dict[str, Any]:
    return {
        "name": name,
        "attributes": [{"name": "CustomerId", "dataType": "string"}],
        "partitions": [{"name": "part", "location": location, **partition} for location in locations],
    }


def find(root: Path, now: float = NOW) -> folder.Catalogue:
    return folder.catalogue(root, now=now)


def files(catalogue: folder.Catalogue, table: str) -> list[str]:
    return [file.path.name for file in catalogue.tables[table].files]


def test_a_file_is_a_table_named_after_it(tmp_path: Path) -> None:
    for name in ("Customer.csv", "Old.csv.gz", "Columns.PARQUET", "notes.txt", "_SUCCESS", ".hidden.csv"):
        put(tmp_path / name)
    assert sorted(find(tmp_path).tables) == ["Columns", "Customer", "Old"]


def test_a_folder_of_partitions_is_one_table(tmp_path: Path) -> None:
    put(tmp_path / "Customer" / "part-0.csv")
    put(tmp_path / "Customer" / "part-1.csv")
    assert files(find(tmp_path), "Customer") == ["part-0.csv", "part-1.csv"]


def test_the_newest_time_folder_counts(tmp_path: Path) -> None:
    for time in ("2025/12/31/2359", "2026/01/01/0600", "2026/01/01/0500"):
        put(tmp_path / "Customer" / time / f"Customer_{time[-4:]}.csv")
    found = find(tmp_path)
    assert files(found, "Customer") == ["Customer_0600.csv"]
    assert found.tables["Customer"].refreshed == datetime(2026, 1, 1, 6, tzinfo=UTC)


def test_a_time_folder_still_being_written_leaves_the_one_before_in_use(tmp_path: Path) -> None:
    put(tmp_path / "Customer" / "2026/03/02/0600" / "old.csv")
    put(tmp_path / "Customer" / "2026/03/02/1200" / "new.csv", modified=NOW - 1)
    (tmp_path / "Customer" / "2026/03/02/1300").mkdir()
    found = find(tmp_path)
    assert files(found, "Customer") == ["old.csv"]
    assert not found.settled
    later = find(tmp_path, NOW + 60)
    assert files(later, "Customer") == ["new.csv"]
    assert later.settled


def test_a_file_server_whose_clock_runs_ahead_does_not_keep_a_table_young(tmp_path: Path) -> None:
    put(tmp_path / "Customer.csv", modified=NOW + 3600)
    assert find(tmp_path).settled


def test_the_export_inside_its_container_is_found(tmp_path: Path) -> None:
    put(tmp_path / "CustomerInsights_abcd" / "BlobExport" / "Customer" / "2020/08/24/1433" / "Customer_1.csv")
    put_model(tmp_path / "CustomerInsights_abcd" / "BlobExport", entity("Customer"))
    assert files(find(tmp_path), "Customer") == ["Customer_1.csv"]


def test_several_exports_in_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("North", "South"):
        put_model(tmp_path / name, entity("Customer"))
    with pytest.raises(errors.InvalidInput, match="North, South") as refused:
        find(tmp_path)
    assert refused.value.field == "source"


def test_the_models_absolute_addresses_mean_the_files_below(tmp_path: Path) -> None:
    put(tmp_path / "Customer" / "2026/03/01/0600" / "Customer 1.csv")
    put_model(
        tmp_path,
        entity(
            "Customer",
            "https://lake.example.com/box/CustomerInsights_1/Export/Customer/2026/03/01/0600/Customer%201.csv?snapshot=2026",
            refreshTime="2026-03-01T06:07:00+00:00",
        ),
    )
    found = find(tmp_path)
    assert files(found, "Customer") == ["Customer 1.csv"]
    assert found.tables["Customer"].refreshed == datetime(2026, 3, 1, 6, 7, tzinfo=UTC)


def test_a_refresh_the_model_names_counts_before_an_unnamed_newer_one(tmp_path: Path) -> None:
    put(tmp_path / "Customer" / "2026/03/02/0600" / "named.csv")
    put(tmp_path / "Customer" / "2026/03/02/1155" / "unnamed.csv", modified=NOW - 60)
    put_model(tmp_path, entity("Customer", "https://lake.example.com/Customer/2026/03/02/0600/named.csv"))
    assert files(find(tmp_path), "Customer") == ["named.csv"]
    assert files(find(tmp_path, NOW + 3600), "Customer") == ["unnamed.csv"]


def test_a_table_of_which_the_model_names_missing_files_is_hidden(tmp_path: Path) -> None:
    put(tmp_path / "Customer" / "1.csv")
    put_model(
        tmp_path,
        entity("Customer", "https://lake.example.com/Customer/1.csv", "https://lake.example.com/Customer/2.csv"),
    )
    found = find(tmp_path)
    assert "Customer" not in found.tables
    assert "not there" in found.hidden[0].reason


@pytest.mark.parametrize("location", ["https://lake.example.com/Customer/../../secret.csv", "/%2e%2e/secret.csv"])
def test_an_address_that_climbs_out_of_the_folder_is_rejected(tmp_path: Path, location: str) -> None:
    put(tmp_path / "secret.csv")
    put_model(tmp_path / "source", entity("Customer", location))
    found = find(tmp_path / "source")
    assert found.tables == {}
    assert "outside" in found.hidden[0].reason


def test_links_that_lead_outside_are_rejected(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.csv")
    source = tmp_path / "source"
    put_model(source, entity("Named", "https://lake.example.com/Named/linked.csv"))
    (source / "Named").mkdir()
    for link in (source / "Named" / "linked.csv", source / "Plain.csv"):
        link.symlink_to(secret)
    (source / "Folder").symlink_to(tmp_path)
    found = find(source)
    assert found.tables == {}
    assert sorted(one.table for one in found.hidden) == ["Folder", "Named", "Plain"]


def test_two_tables_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    put(tmp_path / "VIP.csv")
    put(tmp_path / "VIP" / "1.csv")
    put(tmp_path / "VIP.parquet")
    found = find(tmp_path)
    assert found.tables == {}
    assert "two tables" in found.hidden[0].reason


def test_the_signature_changes_with_any_file(tmp_path: Path) -> None:
    path = put(tmp_path / "Customer" / "1.csv")
    first = find(tmp_path).signature
    assert find(tmp_path).signature == first
    put(path, "CustomerId\nb\n", LONG_AGO + 1)
    second = find(tmp_path).signature
    put(tmp_path / "Customer" / "2.csv")
    assert len({first, second, find(tmp_path).signature}) == 3


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="does not exist"):
        find(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="is a file, not a folder"):
        find(put(tmp_path / "Customer.csv"))


def test_a_folder_without_the_right_to_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)  # the tests may run as root, whom no right stops
    with pytest.raises(errors.InvalidInput, match="may not be read"):
        find(tmp_path)


def test_a_model_that_is_no_json_is_said_and_passing_while_it_is_written(tmp_path: Path) -> None:
    put(tmp_path / "model.json", '{"entities": [', NOW - 1)
    with pytest.raises(errors.Unavailable, match="being refreshed"):
        find(tmp_path)
    with pytest.raises(errors.InvalidInput, match=r"model\.json"):
        find(tmp_path, NOW + 60)


def test_the_model_tells_names_states_and_formats(tmp_path: Path) -> None:
    put_model(
        tmp_path,
        {
            "$type": "LocalEntity",
            "name": "VIP",
            "description": "The best",
            "annotations": [{"name": "displayName", "value": "Very important"}, {"name": "state", "value": "Inactive"}],
            "attributes": [
                {"name": "EMail", "annotations": [{"name": "semanticType", "value": "Identity.Service.Email"}]}
            ],
            "partitions": [
                {"fileFormatSettings": {"columnHeaders": False, "delimiter": ";", "quoteStyle": "QuoteStyle.None"}}
            ],
        },
    )
    model = cdm.read(tmp_path)
    assert model is not None
    vip = model.entities["VIP"]
    assert (vip.display_name, vip.description, vip.state) == ("Very important", "The best", "Inactive")
    assert vip.format == cdm.Format(header=False, delimiter=";", quoted=False)
    assert vip.columns[0].meaning == "Identity.Service.Email"
