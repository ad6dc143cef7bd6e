"""CSV files that spreadsheets open rightly and safely."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is run as a formula by spreadsheets (OWASP, CSV injection)."""


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as UTF-8 with a byte order mark, which spreadsheets need to read it rightly; formulas are defused."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row])
    return out.getvalue().encode("utf-8-sig")
