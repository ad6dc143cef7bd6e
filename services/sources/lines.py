"""CSV text, line by line: its shape, how many lines it has, and a copy without the lines that are broken.

DuckDB reads a million rows in a second, but after one stray quotation mark it may skip thousands of good lines.
So lines are counted here, and a file whose count is not met is mended: readable records are copied, the others counted.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from services.sources import cdm

MAX_RECORD_BYTES = 500_000
"""A record longer than this is broken."""

_MAX_RECORD_LINES = 100
_CHUNK = 1 << 20
_FEW_MARKS = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How one CSV file is to be read. ``quote`` is empty if the file quotes nothing."""

    columns: tuple[str, ...]
    header: bool
    delimiter: str
    quote: str
    newline: bytes = b"\n"


@dataclass(frozen=True, slots=True)
class Lines:
    """How many lines a file has, without its header and blank ones at the end, and whether it holds a NUL byte.

    ``inside`` are the line ends between quotation marks, as far as these are few enough to be looked at one by one.
    """

    count: int
    has_nul: bool
    inside: int = 0


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, gzip undone."""
    if path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def shape(path: Path, names: Sequence[str], declared: cdm.Format) -> Shape | None:
    """How to read ``path``; ``names`` are the attributes declared for it, if any.

    A first row that repeats the declared names is a header, whatever is declared; without declared names the first row
    is the header. None if neither gives names: the file is empty.
    """
    with open_bytes(path) as file:
        head = file.read(MAX_RECORD_BYTES)
    newline = b"\n" if b"\n" in head or b"\r" not in head else b"\r"
    text = head.decode("utf-8-sig", "replace")
    quote = '"' if declared.quoted else ""
    delimiter = declared.delimiter or _delimiter(text, names)
    first = _first_record(text, delimiter, quote)
    if not names:
        return Shape(tuple(first), True, delimiter, quote, newline) if first else None
    repeats = [cell.strip().casefold() for cell in first] == [name.casefold() for name in names]
    if first and (declared.header or repeats):
        return Shape(tuple(first), True, delimiter, quote, newline)
    return Shape(tuple(names), False, delimiter, quote, newline)


def count(path: Path, layout: Shape) -> Lines:
    """Count the lines of ``path`` in one quick pass over its bytes."""
    lines = 0
    inside = 0
    has_nul = False
    blank_tail = 0
    ended = True
    quoted = False
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            lines += chunk.count(layout.newline)
            has_nul = has_nul or b"\0" in chunk
            marks = chunk.count(b'"')
            if marks <= _FEW_MARKS and (marks or quoted):
                inside += sum(piece.count(layout.newline) for piece in chunk.split(b'"')[0 if quoted else 1 :: 2])
            quoted ^= bool(marks % 2)
            stripped = chunk.rstrip(b"\r\n")
            tail = chunk[len(stripped) :].count(layout.newline)
            blank_tail = tail if stripped else blank_tail + tail
            ended = chunk.endswith(layout.newline)
    lines += 0 if ended else 1
    records = lines - max(0, blank_tail - 1) - (1 if layout.header else 0)
    return Lines(max(0, records), has_nul, inside)


def mend(path: Path, layout: Shape, target: IO[bytes]) -> int:
    """Copy the readable records of ``path`` to ``target`` and return how many lines are broken.

    A record is readable if it is UTF-8 without NUL, not too long and has as many cells as there are columns; its quoted
    cells may span lines. After a broken line reading goes on with the next one. The copy has
    no header, commas between cells and quotes where needed.
    """
    text = io.TextIOWrapper(target, "utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    broken = 0
    with open_bytes(path) as file:
        pending = _Pending(_physical_lines(file, layout.newline))
        if layout.header:
            pending.take(_record_length(pending, layout, len(layout.columns))[0])
        while pending.peek(0) is not None:
            length, cells = _record_length(pending, layout, len(layout.columns))
            pending.take(length)
            if cells:
                writer.writerow(cells)
            elif cells is None:
                broken += 1
    text.flush()
    text.detach()
    return broken


class _Pending:
    """Lines to come, with a look ahead."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self._ahead: list[bytes | None] = []

    def peek(self, index: int) -> bytes | None:
        """The line ``index`` after the next one; empty bytes for one that is too long, None after the last."""
        while len(self._ahead) <= index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[index]

    def take(self, count: int) -> None:
        del self._ahead[:count]


def _record_length(pending: _Pending, layout: Shape, width: int) -> tuple[int, list[str] | None]:
    """How many lines the next record takes, and its cells: empty for a blank line, None if it is broken (one line)."""
    joined = b""
    for index in range(_MAX_RECORD_LINES):
        line = pending.peek(index)
        if line is None or (line == b"" and index == 0) or len(joined) + len(line) > MAX_RECORD_BYTES or b"\0" in line:
            return 1, None
        joined += line
        if index == 0 and not line.strip(b"\r\n"):
            return 1, []
        cells = _cells(joined, layout)
        if cells is None:
            return 1, None
        if cells:
            return index + 1, cells if len(cells) == width else None
        # A quotation mark is still open: the record may go on in the next line.
    return 1, None


def _cells(record: bytes, layout: Shape) -> list[str] | None:
    """The cells of a whole record, empty if a quotation mark is still open, None if it is broken."""
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return None
    text = text.rstrip("\r\n")
    if not layout.quote or layout.quote not in text:
        return text.split(layout.delimiter)
    try:
        rows = list(csv.reader(io.StringIO(text + "\n", newline=""), delimiter=layout.delimiter, strict=True))
    except csv.Error as error:
        return [] if "end of data" in str(error) else None
    return rows[0] if len(rows) == 1 else None


def _physical_lines(file: IO[bytes], newline: bytes) -> Iterator[bytes]:
    """Each line with its end; one that is too long comes as empty bytes, without being held in memory."""
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    if newline == b"\r":
        for part in file.read().split(b"\r"):
            yield part + b"\r"
        return
    while line := file.readline(MAX_RECORD_BYTES):
        if line.endswith(b"\n") or len(line) < MAX_RECORD_BYTES:
            yield line
            continue
        while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
            pass
        yield b""


def _first_record(text: str, delimiter: str, quote: str) -> list[str]:
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    )
    try:
        return next((row for row in rows if row), [])
    except csv.Error:
        return []


def _delimiter(text: str, names: Sequence[str]) -> str:
    """The separator that gives the first row most cells, or as many as there are names."""
    candidates = {mark: len(_first_record(text, mark, '"')) for mark in (",", ";", "\t", "|")}
    if names and (fitting := [mark for mark, width in candidates.items() if width == len(names)]):
        return fitting[0]
    return max(candidates, key=lambda mark: candidates[mark])
