"""A small shop for the exporter's tests: a folder of CSV files, a local Mailchimp, and Postino between them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.settings import Settings
from bot.wiring import Application, build
from sandbox.mailchimp import acts
from sandbox.mailchimp.app import create_app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World
from sandbox.serving import serve
from services.access import Actor
from services.destinations import Form
from services.runs import Order
from storage.models import Destination, Run

COLUMNS = ("CustomerId", "EMail", "FirstName", "LastName", "Email Subscriber")


@dataclass
class Clock:
    """The time for both sides; it moves only when a test says so."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


@dataclass
class Shop:
    """Postino with its source folder, one connection and the local Mailchimp behind it."""

    folder: Path
    postino: Application
    world: World
    account: Account
    audience: Audience
    clock: Clock
    actor: Actor
    people: dict[str, dict[str, str]] = field(default_factory=dict)

    def customers(self, **people: str | Mapping[str, str]) -> None:
        """Set profiles by id: ``ann="ann@example.com"``, or a mapping of columns."""
        for profile, values in people.items():
            given = {"EMail": values} if isinstance(values, str) else dict(values)
            self.people[profile] = {
                "FirstName": profile.title(),
                "LastName": "Tester",
                "Email Subscriber": "true",
                **given,
            }
        names = [name for values in self.people.values() for name in values]
        columns = list(dict.fromkeys([*COLUMNS, *names]))
        self._write("Customer", columns, ({"CustomerId": key, **values} for key, values in self.people.items()))

    def segment(self, name: str, profiles: Iterable[str]) -> None:
        """Set a segment's members by profile id."""
        self._write(name, ("CustomerId",), ({"CustomerId": profile} for profile in profiles))

    def break_row(self, table: str, start: bytes, row: bytes) -> None:
        """Put ``row`` in the place of the table's row that begins with ``start``."""
        path = self.folder / f"{table}.csv"
        lines = path.read_bytes().replace(b"\r\n", b"\n").splitlines(keepends=True)
        path.write_bytes(b"".join(row if line.startswith(start) else line for line in lines))
        self._settle(path)

    def destination(
        self, *segments: str, name: str = "Newsletter", edited: Destination | None = None, **form: Any
    ) -> Destination:
        """Save a destination for the shop's audience, in the place of ``edited``."""
        values: dict[str, Any] = {
            "name": name,
            "connection_id": self.postino.connections.visible(self.actor)[0].id,
            "audience_id": self.audience.id,
            "email_attribute": "EMail",
            "fields": {"FNAME": "FirstName", "LNAME": "LastName"},
            "segments": list(segments),
            "agreed": True,
            "schedule": "manual",
        }
        return self.postino.destinations.save(self.actor, Form(**(values | form)), edited=edited)

    def export(self, destination: Destination, **order: Any) -> Run:
        """Export now; the run as it ended."""
        run = self.postino.runs.request(self.actor, destination, Order(**order))
        ended = self.postino.exporting.carry_out(run.id)
        assert ended is not None
        return ended

    def members(self) -> dict[str, dict[str, Any]]:
        """The audience as the local Mailchimp holds it, by address."""
        return {member["email_address"]: member for member in acts.dump(self.audience)}

    def writes(self) -> list[str]:
        """The writing calls since the journal was last cleared, as ``METHOD path``."""
        return [f"{one.method} {one.path}" for one in self.world.log.calls() if one.method != "GET"]

    def _write(self, table: str, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
        path = self.folder / f"{table}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        self._settle(path)

    def _settle(self, path: Path) -> None:
        os.utime(path, (self.clock.now.timestamp(), self.clock.now.timestamp()))
        # Files that were just written count as still growing.
        self.clock.forward(seconds=30)


@contextmanager
def open_shop(folder: Path, database_url: str, **settings: Any) -> Iterator[Shop]:
    """An empty shop, connected to its Mailchimp account."""
    clock = Clock()
    world = World(clock=clock)
    account = world.add_account("Contoso Coffee")
    audience = account.add_audience("Newsletter")
    source = folder / "source"
    source.mkdir()
    with serve(create_app(world)) as url:
        values: dict[str, Any] = {
            "POSTINO_HOME": folder / "home",
            "POSTINO_DATABASE_URL": database_url,
            "POSTINO_SOURCE_URL": source.as_uri(),
            "POSTINO_MAILCHIMP_API_URL": url,
            "POSTINO_MAILCHIMP_LOGIN_URL": url,
        }
        postino = build(Settings(_env_file=None, **(values | settings)), clock=clock)
        shop = Shop(source, postino, world, account, audience, clock, postino.command_line())
        shop.customers()
        postino.connections.add_with_key(shop.actor, "Main", account.api_key)
        yield shop
        postino.database.dispose()
