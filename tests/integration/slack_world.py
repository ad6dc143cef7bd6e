"""Postino between a local Slack and a local Mailchimp: the bot as it runs, and people at their Slack clients."""

from __future__ import annotations

import csv
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from slack_bolt import App
from slack_sdk import WebClient

from bot.app import create_app
from bot.settings import Settings
from bot.socket_mode import Socket
from bot.wiring import Application, build
from sandbox.mailchimp.app import create_app as create_mailchimp
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World
from sandbox.serving import serve
from sandbox.slack.app import create_app as create_slack
from sandbox.slack.remote import RemotePerson
from sandbox.slack.state import Workspace
from sandbox.slack.values import Role
from services.access import Actor, Standing
from services.destinations import Form
from services.drafts import of_destination
from services.terms import terms_of
from storage import workspaces
from storage.database import Clock
from storage.models import Destination
from tests import block_kit

T = TypeVar("T")
Json = dict[str, Any]
COLUMNS = ("CustomerId", "EMail", "FirstName", "LastName", "City", "Email Subscriber")
MANIFEST = Path(__file__).parents[2] / "manifest.yml"
LONG_AGO = 1_700_000_000.0

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)


class Served:
    """The two local services and one Socket Mode connection, shared by a module's tests: connecting takes half a second."""

    def __init__(self, workspace: Workspace, slack: str, world: World, mailchimp: str) -> None:
        self.workspace, self.slack, self.world, self.mailchimp = workspace, slack, world, mailchimp
        first = App(client=WebClient(token=workspace.bot_token, base_url=f"{slack}/api/"))
        self.handler = Socket(first, workspace.app_token)
        self.handler.connect()  # type: ignore[no-untyped-call]
        until(lambda: workspace.connections)

    def stop(self) -> None:
        """Close the socket at once."""
        self.handler.close()  # type: ignore[no-untyped-call]


@contextmanager
def serve_world() -> Iterator[Served]:
    """Serve a local Slack and a local Mailchimp."""
    workspace, world = Workspace(), World()
    with serve(create_slack(workspace)) as slack, serve(create_mailchimp(world)) as mailchimp:
        served = Served(workspace, slack, world, mailchimp)
        yield served
        served.stop()


@dataclass
class SlackWorld:
    """One test's Postino, with ten profiles in three segments and one Mailchimp account that nobody has connected yet.

    ``ada`` is an administrator, ``ben`` a member, ``gus`` a guest.
    """

    served: Served
    folder: Path
    postino: Application
    app: App
    account: Account
    audience: Audience
    ada: RemotePerson
    ben: RemotePerson
    gus: RemotePerson
    people: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return self.served.workspace

    @property
    def actor(self) -> Actor:
        """Ada, for what a test does without clicking."""
        database = self.postino.database
        with database.write() as session:
            found = workspaces.of_team(session, self.workspace.team_id, "Contoso", database.now(session))
        assert found is not None
        return Actor(found.id, "U0ADA", Standing.ADMINISTRATOR)

    def customers(self, people: Mapping[str, Mapping[str, str]]) -> None:
        """Add profiles by id."""
        for profile, values in people.items():
            self.people[profile] = {
                "EMail": f"{profile}@example.com",
                "FirstName": profile.title(),
                "LastName": "Tester",
                "City": "Bergamo",
                "Email Subscriber": "true",
                **values,
            }
        self._write("Customer", COLUMNS, ({"CustomerId": key, **values} for key, values in self.people.items()))

    def segment(self, name: str, profiles: Iterable[str]) -> None:
        """Set a segment's members by profile id."""
        self._write(name, ("CustomerId",), ({"CustomerId": profile} for profile in profiles))

    def many(self, name: str, count: int, refreshed: float = LONG_AGO) -> None:
        """A segment of so many profiles, without rows in the profile table; ``refreshed`` in seconds since 1970."""
        path = self.folder / f"{name}.csv"
        with path.open("w") as file:
            file.write("CustomerId\n")
            file.writelines(f"m{number}\n" for number in range(count))
        os.utime(path, (refreshed, refreshed))

    def connect(self, name: str = "Main") -> int:
        """Connect the Mailchimp account without clicking; the connection's id."""
        return self.postino.connections.add_with_key(self.actor, name, self.account.api_key).id

    def limit(self, connection_id: int, contacts: int | None, by: Actor | None = None) -> None:
        """Change the contact ceiling of a connection without clicking, as Ada or somebody else."""
        held = terms_of(self.postino.connections.get(self.actor, connection_id))
        chosen = held.model_copy(update={"ceiling": contacts})
        self.postino.connections.change(by or self.actor, connection_id, held, chosen)

    def destination(
        self, *segments: str, name: str = "Newsletter", by: Actor | None = None, **form: Any
    ) -> Destination:
        """Save a destination without clicking, as Ada or somebody else."""
        values: Json = {
            "name": name,
            "connection_id": form.get("connection_id") or self.connect(),
            "audience_id": self.audience.id,
            "email_attribute": "EMail",
            "fields": {"FNAME": "FirstName", "LNAME": "LastName"},
            "segments": list(segments) or ["VIP"],
            "agreed": True,
            "schedule": "manual",
            "channel": "C0EXPORTS",
        }
        return self.postino.destinations.save(by or self.actor, Form(**(values | form)))

    def edit(self, name: str, *segments: str) -> Destination:
        """Choose other segments for a destination without clicking."""
        destinations = self.postino.destinations
        edited = destinations.named(self.actor, name)
        form = (
            of_destination(edited, self.actor.person)
            .form()
            .model_copy(update={"segments": list(segments), "agreed": True})
        )
        return destinations.save(self.actor, form, edited=edited)

    def administrators(self, *people: str) -> None:
        """Let the local Slack say that these are admins of the workspace, too."""
        users = self.workspace.users
        for person in people:
            users[person] = replace(users[person], role=Role.ADMIN)

    def read_from(self, url: str) -> None:
        """Let Postino read another source from now on, as if it had been started with this address."""
        self.postino.settings.source_url = url
        for made_of_it in ("source", "destinations", "segments", "individuals", "exporting", "schedules", "reaching"):
            self.postino.__dict__.pop(made_of_it, None)

    def refused_by_slack(self) -> list[str]:
        """What the local Slack refused of all that Postino sent: empty after every test."""
        return [f"{one.method}: {one.error} {one.problems}" for one in self.workspace.emitted if one.error]

    def _write(self, table: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> None:
        path = self.folder / f"{table}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        os.utime(path, (LONG_AGO, LONG_AGO))  # files that were just written count as still growing


@contextmanager
def open_slack_world(served: Served, folder: Path, **settings: Any) -> Iterator[SlackWorld]:
    """A fresh Postino, connected to the served Slack and Mailchimp. ``settings`` by environment name; None leaves one out.

    ``clock`` among them replaces the computer's.
    """
    clock: Clock | None = settings.pop("clock", None)
    served.workspace.reset()
    served.workspace.load_manifest(yaml.safe_load(MANIFEST.read_text()))
    served.world.reset()
    account = served.world.add_account("Contoso Coffee")
    audience = account.add_audience("Newsletter")
    source = folder / "source"
    source.mkdir()
    values: Json = {
        "POSTINO_HOME": folder / "home",
        "POSTINO_SOURCE_URL": source.as_uri(),
        "POSTINO_MAILCHIMP_API_URL": served.mailchimp,
        "POSTINO_MAILCHIMP_LOGIN_URL": served.mailchimp,
        "POSTINO_SLACK_API_URL": f"{served.slack}/api/",
        "slack_bot_token": served.workspace.bot_token,
        **settings,
    }
    given = {name: value for name, value in values.items() if value is not None}
    postino = build(Settings(_env_file=None, **given), clock=clock)
    app = create_app(postino)
    served.handler.app = app
    with ExitStack() as clients:
        ada, ben, gus = (
            clients.enter_context(RemotePerson(served.slack, user)) for user in ("U0ADA", "U0BEN", "U0GUS")
        )
        world = SlackWorld(served, source, postino, app, account, audience, ada, ben, gus)
        world.customers({f"p{number}": {} for number in range(10)})
        world.segment("VIP", ["p0", "p1", "p2"])
        world.segment("Bergamo", ["p2", "p3", "p4", "p5"])
        world.segment("Everyone", world.people)
        yield world
        assert block_kit.complaints(served.workspace.emitted) == []
    app.listener_runner.listener_executor.shutdown()
    postino.database.dispose()


def until(seen: Callable[[], T], seconds: float = 10.0) -> T:
    """Wait until ``seen`` gives something true, and give it."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, f"It did not happen within {seconds:g} seconds."
        threading.Event().wait(0.005)
    return found
