"""A machine on which somebody types ``postino …``, with a source folder and a local Mailchimp."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from bot import cli
from bot.command_line import speaking
from sandbox.mailchimp.app import create_app
from sandbox.mailchimp.state import World
from sandbox.serving import serve


@dataclass
class Answer:
    """What a command printed and how it ended."""

    out: str
    err: str
    code: int


Postino = Callable[..., Answer]


@dataclass
class Machine:
    """A machine with Postino, a source folder and a Mailchimp account."""

    postino: Postino
    world: World
    folder: Path
    environment: dict[str, str]

    @property
    def audience(self) -> str:
        (account,) = self.world.accounts.values()
        return next(iter(account.audiences))

    @property
    def api_key(self) -> str:
        (account,) = self.world.accounts.values()
        return account.api_key


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    world = World()
    world.add_account("Contoso Coffee").add_audience("Newsletter")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "Customer.csv").write_text(
        "CustomerId,EMail,FirstName,LastName\n"
        "c1,ann@example.com,Ann,Ash\nc2,bob@example.com,Bob,Birch\nc3,,Cat,Cedar\nc4,dan@example.com,Dan,Deal\n"
    )
    (folder / "VIP.csv").write_text("CustomerId\nc1\nc2\nc3\n")
    (folder / "Coffee.csv").write_text("CustomerId\nc2\nc4\n")
    (folder / "Weather.csv").write_text("Day,Rain\nMonday,yes\n")
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    with serve(create_app(world)) as url:
        environment = {
            "POSTINO_HOME": str(tmp_path / "home"),
            "POSTINO_SOURCE_URL": folder.as_uri(),
            "POSTINO_MAILCHIMP_API_URL": url,
            "POSTINO_MAILCHIMP_LOGIN_URL": url,
            "COLUMNS": "160",
            "LC_ALL": "C.UTF-8",
        }
        for name in [name for name in os.environ if name.startswith(("POSTINO_", "SLACK_", "MAILCHIMP_CLIENT"))]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # Made when the module was first imported, perhaps in a terminal of another width.
        monkeypatch.setattr(speaking.out, "width", 160)
        monkeypatch.chdir(tmp_path)

        def postino(*arguments: str, stdin: str = "") -> Answer:
            monkeypatch.setattr(sys, "argv", ["postino", *arguments])
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
            code = 0
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
            printed = capsys.readouterr()
            return Answer(printed.out, printed.err, code)

        root = logging.getLogger()
        before = (root.handlers[:], root.level)
        yield Machine(postino, world, folder, environment)
        # The command line sets logging up for its own process.
        structlog.reset_defaults()
        root.handlers[:], root.level = before


def connect(machine: Machine, *segments: str, **options: str) -> None:
    """A connection and a destination called Shop."""
    machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=machine.api_key + "\n")
    chosen = [part for name in segments or ("VIP",) for part in ("--segment", name)]
    more = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    saved = machine.postino(
        *("destinations", "add", "Shop", "--connection", "Main", "--audience", machine.audience, "--email", "EMail"),
        *("--first-name", "FirstName", "--last-name", "LastName", "--agree", *chosen, *more),
    )
    assert saved.code == 0, saved.err
