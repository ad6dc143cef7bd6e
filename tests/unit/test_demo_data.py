"""The demo data: the same for one seed, shaped like an export, and dirty."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import demo_data, demo_people

MOMENT = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
PROFILES = 6_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, demo_data.Summary]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo_data.generate(folder, PROFILES, seed=7, refresh=MOMENT)


def rows(folder: Path, table: str, time: str = "2026/03/02/0600") -> list[dict[str, str]]:
    found = []
    for path in sorted((folder / table / time).iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            found += list(csv.DictReader(file, strict=True))
    return found


def test_eight_segments_have_real_looking_sizes(demo: tuple[Path, demo_data.Summary]) -> None:
    folder, summary = demo
    assert summary.profiles == PROFILES
    assert len(summary.segments) == 8
    shares = {name: count / PROFILES for name, count in summary.segments.items()}
    assert shares["AllCustomers"] == 1
    assert shares["CustomersFromCalifornia"] == pytest.approx(0.235, abs=0.03)
    assert shares["HighValueCustomers"] == pytest.approx(0.146, abs=0.03)
    assert shares["SummerPromotion"] == pytest.approx(0.707, abs=0.03)
    assert {name: len(rows(folder, name)) for name in summary.segments} == summary.segments


def test_the_tables_have_the_shape_of_an_export(demo: tuple[Path, demo_data.Summary]) -> None:
    folder, _ = demo
    customers = rows(folder, "Customer")
    assert len({row["CustomerId"] for row in customers}) == PROFILES
    assert all(re.fullmatch(r"[0-9a-f]{32}", row["CustomerId"]) for row in customers)
    assert list(rows(folder, "CustomersFromCalifornia")[0]) == demo_people.HEADER.split(",")
    assert list(rows(folder, "SummerPromotion")[0]) == ["CustomerId"]
    model = json.loads((folder / "model.json").read_text())
    customer, first = model["entities"][0], model["entities"][1]
    assert [one["name"] for one in customer["attributes"]] == demo_people.HEADER.split(",")
    assert first["annotations"] == [{"name": "displayName", "value": "All customers"}]
    assert first["description"]
    (partition,) = customer["partitions"]
    assert partition["location"].endswith("/Customer/2026/03/02/0600/Customer_1.csv")
    assert partition["fileFormatSettings"]["columnHeaders"] is True
    assert (folder / "model.json").stat().st_mtime == MOMENT.timestamp()


def test_the_dirt_is_there(demo: tuple[Path, demo_data.Summary]) -> None:
    customers = rows(demo[0], "Customer")
    addresses = [row["EMail"] for row in customers]
    tidy = Counter(address.strip().lower() for address in addresses if address.strip())
    assert 0.02 < addresses.count("") / PROFILES < 0.06
    assert any(address and not address.strip() for address in addresses)
    assert sum(count > 1 for count in tidy.values()) > 30
    assert any(address != address.strip() for address in addresses)
    assert any(address.isupper() for address in addresses)
    assert any("@" not in address for address in tidy)
    assert {"True", "False", ""} == {row["Email Subscriber"] for row in customers}
    assert any(row["FullName"] == f"{row['LastName']}, {row['FirstName']}" for row in customers)
    assert any(not row["FullName"].startswith(row["FirstName"]) for row in customers)
    assert any(len(row["LastName"]) > 200 for row in customers)
    assert any(not row["FirstName"].isascii() for row in customers)
    assert any('"' in row["FirstName"] for row in customers)
    assert any(row["DateOfBirth"].startswith("2016") for row in customers)
    assert any(not row["eCommerce_eCommerceContacts_ContactId"].startswith("CNTID_") for row in customers)
    shapes = {re.sub(r"\d", "9", row["Telephone"]) for row in customers}
    assert len(shapes - {""}) == 5


def test_no_address_could_belong_to_anybody(demo: tuple[Path, demo_data.Summary]) -> None:
    for row in rows(demo[0], "Customer"):
        domain = row["EMail"].strip().lower().rpartition("@")[2]
        assert "." not in domain or re.search(r"(^|[.@)])example\.com$|\.test$", domain), domain


def test_one_seed_gives_the_same_people_and_another_others(
    demo: tuple[Path, demo_data.Summary], tmp_path: Path
) -> None:
    demo_data.generate(tmp_path / "same", 50, seed=7, refresh=MOMENT)
    demo_data.generate(tmp_path / "other", 50, seed=8, refresh=MOMENT)
    assert rows(tmp_path / "same", "Customer") == rows(demo[0], "Customer")[:50]
    assert not {row["CustomerId"] for row in rows(tmp_path / "other", "Customer")} & {
        row["CustomerId"] for row in rows(demo[0], "Customer")
    }


def test_large_tables_are_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_data, "ROWS_PER_FILE", 40)
    demo_data.generate(tmp_path, 100, refresh=MOMENT)
    assert [path.name for path in sorted((tmp_path / "Customer" / "2026/03/02/0600").iterdir())] == [
        "Customer_1.csv",
        "Customer_2.csv",
        "Customer_3.csv",
    ]
    assert len(rows(tmp_path, "Customer")) == 100


def test_more_segments_are_campaigns_that_overlap(tmp_path: Path) -> None:
    summary = demo_data.generate(tmp_path, 400, refresh=MOMENT, segments=50)
    assert len(summary.segments) == 50
    assert min(summary.segments.values()) > 0
    assert sum(summary.segments.values()) > 2 * 400


def test_the_next_refresh_changes_joins_and_loses_a_share(tmp_path: Path) -> None:
    demo_data.generate(tmp_path, 3_000, seed=7, refresh=MOMENT)
    summary = demo_data.refresh_again(tmp_path, share=0.1)
    assert summary.refreshed == datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    before = {row["CustomerId"]: row for row in rows(tmp_path, "Customer")}
    after = {row["CustomerId"]: row for row in rows(tmp_path, "Customer", "2026/03/02/0700")}
    kept = before.keys() & after.keys()
    assert len(before) - len(kept) == pytest.approx(300, abs=60)
    assert len(after) - len(kept) == pytest.approx(300, abs=90)
    changed = [one for one in kept if before[one] != after[one]]
    assert len(changed) == pytest.approx(300, abs=60)
    assert all(before[one]["EMail"] == after[one]["EMail"] for one in changed)
    assert len(after) == summary.profiles
    third = demo_data.refresh_again(tmp_path, share=0.0)
    assert rows(tmp_path, "Customer", "2026/03/02/0800") == list(after.values())
    assert third.profiles == summary.profiles


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no demo data"):
        demo_data.refresh_again(tmp_path)


def test_the_command_line_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_data.main([str(tmp_path), "--profiles", "1500", "--seed", "3", "--segments", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "       1,500 AllCustomers",
        "         364 CustomersFromCalifornia",
    ]
    assert demo_data.main([str(tmp_path), "--again", "0.02"]) == 0
