"""Postino and the local Mailchimp as processes of their own, to be killed, stopped and frozen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from bot.settings import Settings
from bot.wiring import Application, build
from services.destinations import Form
from services.lanes import LANES
from tests.mailchimp_manners import WRITES

ROOT = Path(__file__).parents[2]
MOST_IN_FLIGHT = LANES * 500
"""Contacts whose answers a killed process may leave unknown: a full call in every lane."""
GIVEN_AWAY = ("letters.example.com", "zebulon", "quillfeather")
"""Parts of every address and name in the source."""


@dataclass
class MailchimpProcess:
    """The local Mailchimp as ``python -m sandbox.mailchimp`` serves it, read and changed over its control API."""

    url: str
    api_key: str
    _session: requests.Session = field(default_factory=requests.Session)

    def control(self, method: str, path: str, **body: Any) -> Any:
        """One call of the control API."""
        answer = self._session.request(method, f"{self.url}/_control{path}", json=body or None, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def new_audience(self, name: str) -> str:
        """An empty audience's id."""
        (account,) = self.control("GET", "/accounts")
        return str(self.control("POST", f"/accounts/{account['id']}/audiences", name=name)["id"])

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """Every call after a sequence number since the log was cleared."""
        entries: list[dict[str, Any]] = self.control("GET", f"/log?limit=100000&after={after}")["entries"]
        return entries

    def called(self) -> int:
        """How many calls there were since the log was cleared."""
        return int(self.control("GET", "/log?limit=0")["total"])

    def bulk_calls(self, after: int = 0) -> list[dict[str, Any]]:
        """The calls that insert, those still open included."""
        return [one for one in self.calls(after) if one["method"] == "POST" and one["path"] == "/lists/{list_id}"]

    def forget_calls(self) -> None:
        """Begin a new log. Fails if the old one holds a writing call that Postino never makes."""
        log = self.control("GET", "/log?limit=0")
        written = {(each["method"], each["path"]) for each in log["totals"] if each["method"] != "GET"}
        assert written <= WRITES.keys()
        self.control("DELETE", "/log")

    def contacts_sent(self) -> int:
        """How many contacts arrived in inserts, each time counted."""
        return sum(one["counts"].get("members", 0) for one in self.bulk_calls())

    def members(self, audience_id: str) -> list[dict[str, Any]]:
        """The audience's members as they truly are."""
        found: list[dict[str, Any]] = self.control("GET", f"/audiences/{audience_id}/members?count=100000")["members"]
        return found


@contextmanager
def mailchimp_process(latency_bulk: float) -> Iterator[MailchimpProcess]:
    """A local Mailchimp that takes its time, and forgets at once the calls that a killed client abandoned.

    Otherwise they would count as open for two minutes, as Mailchimp's own may, and every kill would cost as long.
    """
    command = [sys.executable, "-m", "sandbox.mailchimp", "--latency-bulk", str(latency_bulk)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    served = MailchimpProcess(told["url"], told["api_key"])
    served.control("PATCH", "/switches", ghost_seconds=0.0)
    try:
        yield served
        served.forget_calls()
    finally:
        served._session.close()
        process.terminate()
        process.wait(20)
        process.stdout.close()


@dataclass
class Site:
    """A machine with Postino: its home, its source folder, its temporary folder and its log."""

    folder: Path
    mailchimp: MailchimpProcess
    database_url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.home, self.source, self.temporary, self.logs):
            folder.mkdir(exist_ok=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("POSTINO_", "SLACK_"))},
            "POSTINO_HOME": str(self.home),
            "POSTINO_SOURCE_URL": self.source.as_uri(),
            "POSTINO_MAILCHIMP_API_URL": self.mailchimp.url,
            "POSTINO_MAILCHIMP_LOGIN_URL": self.mailchimp.url,
            "POSTINO_LOG_LEVEL": "DEBUG",
            "TMPDIR": str(self.temporary),
            "COLUMNS": "500",
            "LANG": "C.UTF-8",
            **({"POSTINO_DATABASE_URL": self.database_url} if self.database_url else {}),
        }

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def people(self, number: int, segments: Iterable[str] = ("Everyone",), **more: str) -> None:
        """So many profiles and ``more`` by their addresses, all of them in every segment."""
        addresses = {f"c{at}": f"person{at}@letters.example.com" for at in range(number)} | more
        self._write(
            "Customer",
            "CustomerId,EMail,FirstName,LastName",
            (f"{profile},{address},Zebulon {profile},Quillfeather" for profile, address in addresses.items()),
        )
        for segment in segments:
            self._write(segment, "CustomerId", addresses)

    def _write(self, table: str, head: str, lines: Iterable[str]) -> None:
        path = self.source / f"{table}.csv"
        path.write_text("\n".join([head, *lines]) + "\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))  # files that were just written count as still growing

    @contextmanager
    def application(self) -> Iterator[Application]:
        """Postino in this process, to set things up and to look."""
        names = ("POSTINO_HOME", "POSTINO_DATABASE_URL", "POSTINO_SOURCE_URL", "POSTINO_MAILCHIMP_API_URL")
        postino = build(
            Settings(_env_file=None, **{name: self.environment[name] for name in names if name in self.environment})  # type: ignore[arg-type]
        )
        try:
            yield postino
        finally:
            postino.database.dispose()

    def destination(self, name: str, segment: str = "Everyone", tag: str | None = None) -> str:
        """Save a destination for an audience of its own; the audience's id."""
        audience_id = self.mailchimp.new_audience(name)
        with self.application() as postino:
            actor = postino.command_line()
            known = postino.connections.visible(actor)
            connection = known[0] if known else postino.connections.add_with_key(actor, "Main", self.mailchimp.api_key)
            form = Form(
                name=name,
                connection_id=connection.id,
                audience_id=audience_id,
                email_attribute="EMail",
                fields={"FNAME": "FirstName", "LNAME": "LastName"},
                segments=[segment],
                agreed=True,
                schedule="manual",
            )
            postino.destinations.save(actor, form)
        return audience_id

    def export(self, name: str) -> subprocess.Popen[str]:
        """``postino export NAME --json`` in a process of its own; what it logs goes to the logs folder."""
        return self.start("-m", "bot.cli", "export", name, "--json")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A Python process on this machine."""
        with (self.logs / f"{len(list(self.logs.iterdir())):03}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def last_log(self) -> str:
        """What the latest process wrote to stderr."""
        return max(self.logs.iterdir()).read_text()

    def given_away(self) -> list[str]:
        """Files of home, logs and temporary folder, database included, that hold part of an address or name.

        No scratch file may be left whatever it holds: addresses get into it as soon as SQLite's cache is full.
        """
        found = []
        for folder in (self.home, self.temporary, self.logs):
            for path in (one for one in folder.rglob("*") if one.is_file()):
                content = path.read_bytes().lower()
                found += [path.name] if path.name.startswith("scratch") else []
                found += [f"{path.name}: {part}" for part in GIVEN_AWAY if part.encode() in content]
        return found


def until(seen: Callable[[], Any], process: subprocess.Popen[Any] | None = None, seconds: float = 30.0) -> bool:
    """Wait until ``seen`` says something true; False if ``process`` ended before."""
    end = time.monotonic() + seconds
    while not seen():
        if process is not None and process.poll() is not None:
            return False
        assert time.monotonic() < end, f"It did not happen within {seconds:g} seconds."
        time.sleep(0.03)
    return True
