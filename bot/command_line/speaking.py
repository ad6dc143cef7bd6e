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
from services.access import Actor
from services.errors import NotFound
from services.nearest import NoSuchDestination
from storage.models import Destination

PIPED_WIDTH = 1000
"""Where a table goes to a file or a program, its rows are whole lines; ``COLUMNS`` still wins."""


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    # Names are shown as they are: neither [b] nor :tada: in them means anything.
    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False, width=width)


out = _console()
closing = ExitStack()
"""What is to be closed when the command has ended, however it ends."""
err = _console(stderr=True)


def texts() -> Texts:
    """The texts in the terminal's language."""
    given = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return languages.of(next(filter(None, given), None), whole_paths=True)


def application() -> Application:
    """The application as the environment sets it."""
    return opened(Settings())


def opened(settings: Settings) -> Application:
    """The application, whose log stays quiet unless it is to be debugged, and whose database is closed at the end."""
    logs.configure(settings.log_level if settings.log_level == "DEBUG" else "ERROR")
    postino = build(settings)
    closing.callback(postino.database.dispose)
    return postino


def destination_called(postino: Application, actor: Actor, name: str) -> Destination:
    """The destination of that name. Raises NotFound, which names the nearest or says where all of them are listed."""
    try:
        return postino.destinations.named(actor, name)
    except NoSuchDestination as error:
        if error.nearest is not None:
            raise
        raise NotFound(
            "There is no destination called {name}. See them with: postino destinations list", name=name
        ) from None


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


def show_json_rows(values: Iterable[Any]) -> None:
    """One JSON list on stdout, a line for each value, written as they come."""
    mark = b"["
    for value in values:
        sys.stdout.buffer.write(mark + orjson.dumps(value, default=_plain))
        mark = b",\n"
    sys.stdout.buffer.write(b"[]\n" if mark == b"[" else b"]\n")
    sys.stdout.flush()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """A table whose columns at ``numbers`` are aligned to the right; without a heading if no column has a name."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
