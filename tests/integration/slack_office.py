"""A Slack world with the export and notify duties at hand: what they do happens when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.notifier import Notifier
from sandbox.slack.remote import RemotePerson
from services.runs import Order
from storage.models import FINAL, Destination, Run
from tests.integration.slack_world import Served, SlackWorld, open_slack_world, until

Json = dict[str, Any]
CHANNEL = "exports"
CHANNEL_ID = "C0EXPORTS"


class Clock:
    """The time; a test moves it forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def seconds(self) -> float:
        """The same in seconds, for what is paced."""
        return self().timestamp()

    def forward(self, **duration: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(**duration)


class Office:
    """People at their clients and the duties, rung by hand."""

    def __init__(self, world: SlackWorld, clock: Clock) -> None:
        self.world = world
        self.clock = clock
        self.postino = world.postino
        self.ada, self.ben = world.ada, world.ben
        self.notifier = Notifier(world.postino, world.app.client, clock.seconds)

    def notify(self) -> None:
        """Deliver everything that is due."""
        while self.notifier():
            pass

    def work(self) -> None:
        """Do everything that waits: notify, export, notify. Fails if an export is taken again and again and gets nowhere."""
        self.notify()
        left: list[Json] = []
        while self.postino.exporting():
            before, left = left, self._unfinished()
            assert not left or left != before, f"What waits is tried again and again and gets nowhere: {left}"
        self.clock.forward(seconds=5)
        self.notify()

    def _unfinished(self) -> list[Json]:
        """What has not ended yet, as far as it has come, whichever attempt it is."""
        with self.postino.database.read() as session:
            rows = session.scalars(select(Run).where(Run.status.not_in(FINAL)).order_by(Run.id))
            return [
                {
                    "run": row.id,
                    "status": str(row.status),
                    "counters": {
                        name: count for name, count in row.counters.items() if name not in ("calls", "retries")
                    },
                    "reason": row.reason,
                }
                for row in rows
            ]

    def request(self, destination: Destination, **order: Any) -> Run:
        """Ask for a run as Ada, without clicking."""
        return self.postino.runs.request(self.world.actor, destination, Order(**order), channel=destination.channel)

    def run(self, run_id: int) -> Run:
        """A run as it is now."""
        return self.postino.runs.get(self.world.actor, run_id)

    def posted(self, person: RemotePerson | None = None, channel: str = CHANNEL) -> list[Json]:
        """The app's messages that everybody in a channel sees, oldest first."""
        return [one for one in (person or self.ada).messages(channel) if one["by_app"] and not one["ephemeral"]]

    def thread(self, message: Json) -> list[Json]:
        """The replies to a message."""
        return self.ada.messages(message["channel"], message["ts"])[1:]

    def directly(self, person: RemotePerson) -> list[Json]:
        """What the app wrote to somebody directly."""
        found: list[Json] = []
        for dm in person.read("dms"):
            found += person.messages(dm["id"])
        return found

    def answers(self, person: RemotePerson, channel: str = CHANNEL) -> list[Json]:
        """What only that person was answered."""
        return [one for one in person.messages(channel) if one["ephemeral"]]

    def type(self, person: RemotePerson, text: str, channel: str = CHANNEL) -> Json:
        """Type a command and read the newest answer to it."""
        before = len(self.answers(person, channel))
        outcome = person.act("command", channel=channel, text=text)
        assert outcome["ok"], outcome
        return until(lambda: self.answers(person, channel)[before:])[-1]

    def click(self, person: RemotePerson, target: str, message: Json, **more: Any) -> Json:
        """Click a button of a message, saying yes if it asks."""
        return person.act("click", target=target, channel=message["channel"], ts=message["ts"], confirm=True, **more)

    def soon(self, seen: Callable[[], Any]) -> Any:
        """Wait for what a listener does after it has acknowledged."""
        return until(seen)


@contextmanager
def open_office(served: Served, folder: Path, **settings: Any) -> Iterator[Office]:
    """A fresh office; at its end nothing that was sent may have been refused by the strict local Slack."""
    clock = Clock()
    with open_slack_world(served, folder, clock=clock, **settings) as world:
        yield Office(world, clock)


def lines(message: Json) -> str:
    """What stands in a message, as one text."""
    return "\n".join(message["lines"])
