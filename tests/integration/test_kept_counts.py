"""The counts that are kept beside the database: believed only of the very files they were counted in, and never in the way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from services.sources import counts, files, tables
from tests.integration.test_sources_folder import CUSTOMERS, put, source_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "lake"
    put(path / "Customer.csv", CUSTOMERS)
    put(path / "VIP.csv", "CustomerId\na1\nb2\n")
    put(path / "Coffee.csv", "CustomerId\na1\n")
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def counted(root: Path, scratch: Path) -> dict[str, int]:
    """What a process that has just started says of every segment."""
    return sizes(source_of(root, scratch))


def sizes(source: files.FolderSource) -> dict[str, int]:
    return {one.name: one.profile_count for one in source.segments()}


def kept(scratch: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((scratch / counts.FILE_NAME).read_bytes())
    return found


def test_a_process_that_starts_later_counts_nothing_again(
    root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counted(root, scratch) == {"VIP": 2, "Coffee": 1}
    monkeypatch.setattr(tables, "count", None)
    assert counted(root, scratch) == {"VIP": 2, "Coffee": 1}


def test_after_a_refresh_the_new_counts_are_told_and_the_old_ones_dropped(root: Path, scratch: Path) -> None:
    counted(root, scratch)
    before = kept(scratch)
    put(root / "VIP.csv", "CustomerId\na1\nb2\nc3\n", modified=1_700_000_500)
    assert counted(root, scratch) == {"VIP": 3, "Coffee": 1}
    after = kept(scratch)
    assert len(after) == len(before) == 3
    assert len(before.keys() - after.keys()) == 1


def test_counts_of_an_earlier_refresh_are_not_believed(root: Path, scratch: Path) -> None:
    counted(root, scratch)
    stale = (scratch / counts.FILE_NAME).read_bytes()
    # As many bytes as before: only the time tells that the file is another one.
    put(root / "VIP.csv", "CustomerId\na1\na1\n", modified=1_700_000_500)
    counted(root, scratch)
    (scratch / counts.FILE_NAME).write_bytes(stale)
    assert counted(root, scratch) == {"VIP": 1, "Coffee": 1}


@pytest.mark.parametrize("content", [b"", b'{"abc": 1', b"[1, 2]", b'{"abc": "many"}', b"\x00\xff", b"null"])
def test_a_half_written_file_only_costs_counting_again(root: Path, scratch: Path, content: bytes) -> None:
    counted(root, scratch)
    whole = kept(scratch)
    (scratch / counts.FILE_NAME).write_bytes(content)
    assert counted(root, scratch) == {"VIP": 2, "Coffee": 1}
    assert kept(scratch) == whole


def test_two_processes_on_one_home_do_not_mislead_each_other(root: Path, scratch: Path) -> None:
    early, late = source_of(root, scratch), source_of(root, scratch)
    assert sizes(early) == {"VIP": 2, "Coffee": 1}
    put(root / "VIP.csv", "CustomerId\na1\nb2\nc3\n", modified=1_700_000_500)
    assert sizes(late) == {"VIP": 3, "Coffee": 1}
    assert sizes(early) == {"VIP": 3, "Coffee": 1}
    assert counted(root, scratch) == {"VIP": 3, "Coffee": 1}


def test_the_file_is_whole_however_many_write_it_at_once(root: Path, scratch: Path) -> None:
    writers = [counts.Counts(scratch) for _ in range(4)]
    scratch.mkdir()

    def write(number: int) -> None:
        for turn in range(25):
            signature = f"{number:02}{turn:04}"
            assert writers[number % 4].of(signature, partial(int, turn)) == turn
            writers[number % 4].keep({signature})
            assert all(isinstance(count, int) for count in kept(scratch).values())

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, number) for number in range(8)]:
            done.result()
    assert [path.name for path in scratch.iterdir()] == [counts.FILE_NAME]


def test_a_folder_that_takes_no_file_only_costs_counting_again_and_nothing_is_left_in_it(
    root: Path, scratch: Path
) -> None:
    # In the place of the file is something that cannot be replaced, which stops root as well.
    (scratch / counts.FILE_NAME / "in the way").mkdir(parents=True)
    for _ in range(2):
        assert counted(root, scratch) == {"VIP": 2, "Coffee": 1}
    assert [path.name for path in scratch.iterdir() if path.is_file()] == []


def test_the_file_names_no_table_and_no_person(root: Path, scratch: Path) -> None:
    counted(root, scratch)
    content = (scratch / counts.FILE_NAME).read_bytes().lower()
    assert [word for word in (b"vip", b"coffee", b"@", b"example", b"lake") if word in content] == []
