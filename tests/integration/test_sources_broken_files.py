"""Broken CSV files through the folder source: readable rows and broken ones add up to the lines of the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.sources import Membership, files

HEADER = b"CustomerId,FirstName,EMail\n"


def line(number: int) -> bytes:
    return f"id{number},Ada,a{number}@example.com\n".encode()


def read(tmp_path: Path, content: bytes, attributes: tuple[str, ...] = ("EMail",)) -> tuple[list[Membership], int, int]:
    """The rows, how many are broken, and the count that the list of segments shows."""
    root = tmp_path / "lake"
    root.mkdir()
    for name, data in (("Customer", HEADER + line(1)), ("VIP", content)):
        path = root / f"{name}.csv"
        path.write_bytes(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    source = files.FolderSource(root, scratch_folder=tmp_path / "scratch")
    reader = source.read("VIP", list(attributes))
    rows = [row for batch in reader for row in batch]
    return rows, reader.broken, source.segments()[0].profile_count


@pytest.mark.parametrize(
    "broken",
    [
        b'id2,"Ada,a2@example.com\n',
        b"id2,Ada\n",
        b"id2\n",
        b"id2,Ada,a2@example.com,more\n",
        b'id2,"Ada" x,a2@example.com\n',
        b"id2,\xff\xfe,a2@example.com\n",
        b"id2,A\x00a,a2@example.com\n",
        b"id2," + b"x" * 600_000 + b",a2@example.com\n",
        b",Ada,a2@example.com\n",
        b'"",Ada,a2@example.com\n',
        b"  \t,Ada,a2@example.com\n",
        b"\xc2\xa0,Ada,a2@example.com\n",
        b"i\x00d2,Ada,a2@example.com\n",
    ],
    ids=lambda value: repr(value[:24]),
)
def test_one_broken_line_is_counted_and_the_others_are_read(tmp_path: Path, broken: bytes) -> None:
    content = HEADER + line(1) + broken + b"".join(line(number) for number in range(3, 3_000))
    rows, lost, shown = read(tmp_path, content)
    assert (len(rows), lost, shown) == (2_998, 1, 2_998)


def test_a_value_that_is_not_asked_for_breaks_its_line_all_the_same(tmp_path: Path) -> None:
    """Else counting, which reads every column, and reading would disagree."""
    rows, lost, shown = read(tmp_path, HEADER + line(1) + b"id2,\xff,a2@example.com\n" + line(3))
    assert (len(rows), lost, shown) == (2, 1, 2)


def test_many_kinds_at_once_add_up(tmp_path: Path) -> None:
    dirt = [b'id,"open,x\n', b"few,Ada\n", b"id,\xff,x\n", b",none,x\n", b'id,"a" b,x\n', b"id,\0,x\n"]
    lines = [dirt[number % len(dirt)] if number % 50 == 0 else line(number) for number in range(1, 5_001)]
    rows, lost, shown = read(tmp_path, HEADER + b"".join(lines))
    assert (len(rows), lost, shown) == (4_900, 100, 4_900)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER + line(1) + line(2),
        (HEADER + line(1) + line(2)).replace(b"\n", b"\r\n"),
        (HEADER + line(1) + line(2)).replace(b"\n", b"\r"),
        (HEADER + line(1)).replace(b"\n", b"\r\n") + line(2),
        HEADER + line(1) + line(2) + b"\n\n\n",
        HEADER + line(1) + b"\n\n" + line(2),
        HEADER + line(1) + line(2)[:-1],
        HEADER + b'"id1","Ada\nLove","a1@example.com"\n' + line(2),
        b'"CustomerId","First\nName","EMail"\n' + line(1) + line(2),
    ],
    ids=["BOM", "CRLF", "CR", "mixed", "blank end", "blank middle", "no end", "newline in cell", "newline in header"],
)
def test_unusual_but_sound_files_are_read_whole(tmp_path: Path, content: bytes) -> None:
    rows, lost, shown = read(tmp_path, content)
    assert sorted(rows) == [("id1", True, "a1@example.com"), ("id2", True, "a2@example.com")]
    assert (lost, shown) == (0, 2)


def test_cells_keep_what_they_hold(tmp_path: Path) -> None:
    content = HEADER + 'id1,"=1+1 ""x"", ☕",  spaced \nid2,"a\r\nb",\\N\n'.encode()
    rows, lost, _ = read(tmp_path, content, ("FirstName", "EMail"))
    assert sorted(rows) == [("id1", True, '=1+1 "x", ☕', "  spaced "), ("id2", True, "a\r\nb", "\\N")]
    assert lost == 0


def test_a_mended_file_holds_the_same_values(tmp_path: Path) -> None:
    content = HEADER + b'id1,"=1+1 ""x"", y",  spaced \nid2,"a\nb",\nid3,broken\n'
    rows, lost, _ = read(tmp_path, content, ("FirstName", "EMail"))
    assert sorted(rows) == [("id1", True, '=1+1 "x", y', "  spaced "), ("id2", True, "a\nb", None)]
    assert lost == 1


def test_blank_lines_in_a_table_of_ids_are_no_loss(tmp_path: Path) -> None:
    rows, lost, shown = read(tmp_path, b"CustomerId\nid1\n\nid1\n\n", ())
    assert (rows, lost, shown) == ([("id1", True), ("id1", True)], 0, 1)
