"""Shows results as a table, and keeps the last ones of every case in ``docs/benchmarks.md``."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import Figure, Result, number

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Written by `make bench`, case by case; `make bench CASE=name` measures one anew. The shipped command line with its default
settings against the local Mailchimp, a process of its own on the same machine, whose reading calls take 50 ms. Times,
processor time and memory are the operating system's, children included, from start to exit; calls and contacts are read
from the local Mailchimp's own log and members. *Must* and *aim* are the issue's; "missed" is a figure that does not reach
what it must. The rivals are the clients that PyPI has, with the batch loop their documentation suggests; no Singer target
and no reverse-ETL tool for Mailchimp is on PyPI.
"""
_COLUMNS = ("Who", "Figure", "Value", "Must", "Aim", "Verdict", "Note")


def show(result: Result, console: Console) -> None:
    """Print a case's table."""
    table = Table(*_COLUMNS, title=f"{result.name}: {result.title}", title_justify="left")
    for figure in result.figures:
        table.add_row(*_cells(figure), style="red" if not figure.kept else None)
    console.print(table)


def keep(result: Result, document: Path = DOCUMENT) -> None:
    """Replace a case's section in the document, or add it."""
    kept = document.read_text() if document.exists() else ""
    sections = {
        found[1]: found[0] for found in re.finditer(r"^## (\w+):.*?(?=^## |\Z)", kept, re.DOTALL | re.MULTILINE)
    }
    sections[result.name] = _section(result)
    document.write_text("\n".join([_HEAD, *(section.strip() + "\n" for section in sections.values())]))


def _section(result: Result) -> str:
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *map(_cells, result.figures)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"## {result.name}: {result.title}\n\n{_machine()}\n\n{table}\n"


def _machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}{load}"
    )


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.who,
        figure.what,
        f"{number(figure.value)} {figure.unit}".strip(),
        str(figure.must or ""),
        str(figure.aim or ""),
        figure.verdict,
        figure.note,
    )
