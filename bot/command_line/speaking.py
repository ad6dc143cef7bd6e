"""How the command line speaks: tables and sentences for people, JSON for programs, complaints on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from bot import logs
from bot import texts as languages
from bot.settings import Settings
from bot.texts import Texts
from bot.wiring import Application, build

out = Console(soft_wrap=True, highlight=False)
closing = ExitStack()
"""What is to be closed when the command has ended, however it ends."""
err = Console(stderr=True, soft_wrap=True, highlight=False)


def texts() -> Texts:
    """The texts in the terminal's language."""
    return languages.of(os.environ.get("LC_ALL") or os.environ.get("LANG"))


def application() -> Application:
    """The application as the environment sets it."""
    return opened(Settings())


def opened(settings: Settings) -> Application:
    """The application, whose log stays quiet unless it is to be debugged, and whose database is closed at the end."""
    logs.configure(settings.log_level if settings.log_level == "DEBUG" else "ERROR")
    postino = build(settings)
    closing.callback(postino.database.dispose)
    return postino


def say(text: str) -> None:
    """A sentence on stdout, as it is."""
    out.print(text, markup=False)


def complain(text: str, *, leave: bool = True) -> None:
    """A sentence on stderr; then exit with 1 unless told to stay."""
    err.print(text, markup=False)
    if leave:
        sys.exit(1)


def show_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.buffer.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.flush()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """A table whose columns at ``numbers`` are aligned to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
