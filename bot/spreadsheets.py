"""CSV files that spreadsheets open rightly and safely."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is run as a formula by spreadsheets (OWASP, CSV injection)."""


@contextmanager
def csv_file(folder: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[BinaryIO]:
    """A table as UTF-8 with a byte order mark, which spreadsheets need to read it rightly; formulas are defused.

    The file is at its beginning, has no name in the folder, and is gone afterwards, even if Postino is killed meanwhile.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        text = io.TextIOWrapper(cast("BinaryIO", file), encoding="utf-8-sig", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row])
        text.detach()
        file.seek(0)
        yield cast("BinaryIO", file)
