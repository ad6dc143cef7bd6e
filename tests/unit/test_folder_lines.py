"""Counting and mending the lines of CSV files."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from services.sources import cdm, lines

HEADER = b"CustomerId,FirstName,EMail\n"
PLAIN = cdm.Format()


def mended(path: Path, content: bytes, layout: lines.Shape | None = None) -> tuple[list[list[str]], int]:
    path.write_bytes(content)
    layout = layout or lines.shape(path, [], PLAIN)
    assert layout is not None
    copy = io.BytesIO()
    broken = lines.mend(path, layout, copy)
    return list(csv.reader(io.StringIO(copy.getvalue().decode(), newline=""))), broken


@pytest.mark.parametrize(
    ("line", "readable", "broken"),
    [
        (b'2,"Ada,a2@example.com', 2, 1),
        (b"2,Ada", 2, 1),
        (b"2,Ada,a2@example.com,more", 2, 1),
        (b'2,"Ada" x,a2@example.com', 2, 1),
        (b"2,Ad\xff,a2@example.com", 2, 1),
        (b"2,Ad\x00a,a2@example.com", 2, 1),
        (b"2," + b"x" * lines.MAX_RECORD_BYTES + b",a2@example.com", 2, 1),
        (b'2,"Ada\nLove\nlace",a2@example.com', 3, 0),
        (b'2,"Ada ""Bo"" L, Countess",a2@example.com', 3, 0),
        (b'2,Ad"a,a2@example.com', 3, 0),
        (b"", 2, 0),
        (b"\n\n", 2, 0),
    ],
)
def test_a_broken_line_costs_itself_and_no_other(tmp_path: Path, line: bytes, readable: int, broken: int) -> None:
    rows, lost = mended(tmp_path / "a.csv", HEADER + b"1,Ada,a1@example.com\n" + line + b"\n3,Eve,a3@example.com\n")
    assert (len(rows), lost) == (readable, broken)
    assert [row[0] for row in rows][:1] + [row[0] for row in rows][-1:] == ["1", "3"]


def test_an_open_quotation_mark_in_the_last_line_loses_that_line_only(tmp_path: Path) -> None:
    assert mended(tmp_path / "a.csv", HEADER + b'1,Ada,a@example.com\n2,"Ada,') == ([["1", "Ada", "a@example.com"]], 1)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_is_read(tmp_path: Path, ending: bytes) -> None:
    content = b"\xef\xbb\xbf" + (HEADER + b"1,Ada,a@example.com\n2,Eve,e@example.com\n").replace(b"\n", ending)
    rows, broken = mended(tmp_path / "a.csv", content)
    assert rows == [["1", "Ada", "a@example.com"], ["2", "Eve", "e@example.com"]]
    assert broken == 0


def test_two_broken_lines_in_a_row_do_not_pair_up(tmp_path: Path) -> None:
    content = HEADER + b'1,"Ada,a@example.com\n2,"Eve,b@example.com\n3,Bob,c@example.com\n'
    assert mended(tmp_path / "a.csv", content) == ([["3", "Bob", "c@example.com"]], 2)


cells = some.text(some.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=8)
good = some.tuples(cells, cells).map(lambda pair: _line(["id", *pair]))
bad = some.sampled_from([b'9,"open,x', b"9,few", b"9,a,b,many", b"9,\xff,b", b"9,\0,b"])


def _line(row: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row)
    return out.getvalue().encode()


@given(some.lists(some.one_of(good, bad), max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_readable_and_broken_lines_add_up(tmp_path: Path, content: list[bytes]) -> None:
    rows, broken = mended(tmp_path / "a.csv", HEADER + b"".join(line + b"\n" for line in content))
    assert len(rows) + broken == len(content)
    assert len(rows) >= sum(line.startswith(b"id,") for line in content)


@pytest.mark.parametrize("content", [b"h\na\nb\n", b"h\na\nb", b"h\na\nb\n\n\n", b"h\r\na\r\nb\r\n\r\n"])
def test_lines_are_counted_without_header_and_blank_end(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    layout = lines.shape(path, [], PLAIN)
    assert layout is not None
    assert lines.count(path, layout) == lines.Lines(2, has_nul=False)


def test_packed_files_are_counted_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"h\na\0\n"))
    layout = lines.shape(path, [], PLAIN)
    assert layout is not None
    assert lines.count(path, layout) == lines.Lines(1, has_nul=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'CustomerId{delimiter}"Name, full"{delimiter}EMail\n')
    layout = lines.shape(path, [], PLAIN)
    assert layout is not None
    assert layout.columns == ("CustomerId", "Name, full", "EMail")


@pytest.mark.parametrize(
    ("first", "declared", "header"),
    [
        ("CustomerId,EMail", None, True),
        ("customerid,email", None, True),
        ("7,a@example.com", None, False),
        ("7,a@example.com", False, False),
        ("CustomerId,EMail", False, True),
        ("id,mail", True, True),
    ],
)
def test_whether_the_first_row_is_a_header(tmp_path: Path, first: str, declared: bool | None, header: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text(first + "\n8,b@example.com\n")
    layout = lines.shape(path, ["CustomerId", "EMail"], cdm.Format(declared))
    assert layout is not None
    assert layout.header is header
    assert layout.columns == (tuple(first.split(",")) if header else ("CustomerId", "EMail"))
