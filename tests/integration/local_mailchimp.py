"""A running local Mailchimp as the tests of its own rules use it: one account, one audience, a clock that stands still."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from sandbox import serving
from sandbox.mailchimp import acts, app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World

NOON = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Local:
    """A running local Mailchimp with one account and one audience."""

    url: str
    clock: Clock
    world: World
    account: Account
    audience: Audience
    session: requests.Session

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One call below the audience (a path that begins with "/" is below /3.0)."""
        where = f"/3.0{path}" if path.startswith("/") else f"/3.0/lists/{self.audience.id}/{path}".rstrip("/")
        return self.session.request(method, self.url + where, json=body, **options)

    def get(self, path: str, **query: Any) -> Any:
        """What a read answers, which must be 200."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def addresses(self, path: str = "members", **query: Any) -> list[str]:
        """The addresses of the members on one page."""
        return [member["email_address"] for member in self.get(path, count=1000, **query)["members"]]

    def bulk(self, *members: dict[str, Any], update: bool = False, **options: Any) -> Any:
        """One bulk call, which must answer 200."""
        query = {name: options.pop(name) for name in list(options) if name.startswith("skip_")}
        body = {"members": list(members), "update_existing": update, **options}
        answer = self.call("POST", "", body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def true(self, address: str) -> Any:
        """A member as it truly is; None if it is not there."""
        return next((each for each in acts.dump(self.audience) if each["email_address"] == address), None)


@dataclass(frozen=True)
class LocalServer:
    """A local Mailchimp that serves one test after another."""

    url: str
    clock: Clock
    world: World


@contextmanager
def serve_local() -> Iterator[LocalServer]:
    """An empty local Mailchimp over real HTTP."""
    clock = Clock()
    world = World(clock)
    with serving.serve(app.create_app(world)) as url:
        yield LocalServer(url, clock, world)


@contextmanager
def open_local(server: LocalServer) -> Iterator[Local]:
    """The same, emptied, at noon, with an account and an audience."""
    server.world.reset()
    server.clock.now = NOON
    account = server.world.add_account("Contoso Coffee")
    with requests.Session() as session:
        session.auth = ("anystring", account.api_key)
        yield Local(server.url, server.clock, server.world, account, account.add_audience("Newsletter"), session)


def subscriber_hash(address: str) -> str:
    """Mailchimp's name for a member in a URL."""
    return hashlib.md5(address.lower().encode()).hexdigest()
