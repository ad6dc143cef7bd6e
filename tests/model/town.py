"""A tiny shop whose Mailchimp, source, clock and database belong to a test, and everything that can happen in it."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
import structlog
from sqlalchemy.orm import Session

from bot.settings import Settings
from bot.wiring import Application, build
from sandbox.mailchimp import line
from sandbox.mailchimp.state import World
from services import attempts, connections, duties, exporting
from services.destinations import Form
from services.mailchimp.client import Patience
from services.runs import Order
from services.tagging import ForeignTag
from services.workers import Lock, OwnerLocks
from storage.database import Database
from storage.models import FINAL, Destination, Run, RunStatus, SealedSecret
from storage.vault import LEDGER_SECRET, Vault
from tests.integration.shop import Clock
from tests.model.exchange import URL, Exchange
from tests.model.inline import InlineExecutor
from tests.model.source import Customer, TinySource
from tests.model.watch import Broken, Crashed, Watch

SEGMENTS = ("VIP", "Coffee")
CLASSES = (
    "new", "updated", "tags_only", "unchanged", "suppressed", "no_consent", "duplicates", "rejected", "not_attempted",
)  # fmt: skip
KEY = Vault.new_key()


class Died(BaseException):
    """The process is gone: nothing is committed or sent any more."""


class MortalDatabase(Database):
    """A database whose process can die just before or just after a commit that was agreed beforehand."""

    commits_left: int | None = None
    after = False
    dead = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        self.check()
        with super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        self.check()
        with super().write() as session:
            yield session
            fatal = self._last_breath()
            if fatal and not self.after:
                raise Died
        if fatal:
            raise Died

    def check(self) -> None:
        """Raises Died once the process is dead."""
        if self.dead:
            raise Died

    def die(self, commits: int, *, after: bool) -> None:
        """Agree to die at the commit after so many."""
        self.commits_left, self.after = commits, after

    def revive(self) -> bool:
        """A new process; whether the last one had died."""
        died, self.dead, self.commits_left = self.dead, False, None
        return died

    def _last_breath(self) -> bool:
        if self.commits_left is None:
            return False
        self.commits_left -= 1
        self.dead = self.commits_left < 0
        return self.dead


@contextmanager
def a_world_without_waiting() -> Iterator[None]:
    """Calls in process and in turn, no pauses, one thread: the same example always goes the same way."""

    async def at_once(_line: object, _seconds: float) -> None:
        return None

    class Attempt(attempts.Attempt):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options, look_every=3600)

    with ExitStack() as stack:
        stack.enter_context(patch.object(line.Line, "wait", at_once))
        stack.enter_context(patch.object(requests.adapters.HTTPAdapter, "send", _nowhere))
        stack.enter_context(patch.object(duties, "Attempt", Attempt))
        stack.enter_context(patch.object(exporting, "ThreadPoolExecutor", InlineExecutor))
        before = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        stack.callback(lambda: structlog.configure(**before))
        yield


def _nowhere(*_: object, **__: object) -> requests.Response:
    raise AssertionError("A call outside of any town.")


class MortalLock:
    """A run's lock that the death of its process frees."""

    def __init__(self, lock: Lock) -> None:
        self._lock: Lock | None = lock

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.__exit__()
            self._lock = None


class MortalLocks(OwnerLocks):
    """The locks of one process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._taken: list[MortalLock] = []

    def take(self, run_id: int) -> Any:
        self._taken.append(MortalLock(super().take(run_id)))
        return self._taken[-1]

    def free(self) -> None:
        """What the operating system does when the process is gone."""
        for lock in self._taken:
            lock.__exit__()


class Template:
    """A migrated database with a workspace and a connection, copied for each example; its engine is the same for all."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.path = folder / "example.sqlite"
        self._copy = folder / "template.sqlite"
        values: dict[str, Any] = {
            "POSTINO_HOME": folder / "home",
            "POSTINO_DATABASE_URL": f"sqlite:///{self.path}",
            "POSTINO_SECRET_KEY": KEY,
            "POSTINO_SOURCE_URL": folder.as_uri(),
            "POSTINO_MAILCHIMP_API_URL": URL,
            "POSTINO_MAILCHIMP_LOGIN_URL": URL,
        }
        self.settings = Settings(_env_file=None, **values)
        build(self.settings, clock=self.clock).database.dispose()
        self.database = MortalDatabase(self.settings.database, self.clock)
        self.vault = Vault(self.settings.secret_keys())
        with Town(self, Counter(), fresh=False) as town:
            town.postino.connections.add_with_key(town.actor, "Main", town.account.api_key)
            with self.database.write() as session:
                # The same secret in every run: the order of people within a call follows from it.
                session.add(SealedSecret(name=LEDGER_SECRET, sealed=self.vault.seal("5e" * 32)))
        shutil.copyfile(self.path, self._copy)

    def renew(self) -> None:
        """Begin again with a fresh database, at the same time of day."""
        self.database.revive()
        self.database.dispose()
        for name in ("-wal", "-shm"):
            Path(f"{self.path}{name}").unlink(missing_ok=True)
        shutil.copyfile(self._copy, self.path)
        self.clock.now = Clock.now


class Town:
    """Everything of one example. Use as a context manager."""

    def __init__(self, template: Template, counts: Counter[str], *, fresh: bool = True) -> None:
        self.counts = counts
        if fresh:
            template.renew()
        self.clock = template.clock
        self.world = World(clock=self.clock, record_bodies=True)
        self.account = self.world.add_account("Contoso Coffee")
        self.audience = self.account.add_audience("Newsletter")
        self.source = TinySource(members={name: [] for name in SEGMENTS})
        self.watch = Watch(self.audience, self.source, counts)
        self.database = template.database
        self.postino = Application(template.settings, self.database, template.vault, threading.Event(), self.clock)
        vars(self.postino)["source"] = self.source
        self.run: Run | None = None
        self.broken: Broken | None = None
        self.joined: dict[str, float] = {}
        self._stack = ExitStack()
        self._exchange = Exchange(self.world, self._before, self._after)

    def __enter__(self) -> Town:
        self._stack.enter_context(patch.object(requests.adapters.HTTPAdapter, "send", self._send))
        self._stack.callback(self.database.dispose)
        self.actor = self.postino.command_line()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        return self._exchange.send(self, request, **options)

    def _before(self) -> None:
        self.database.check()
        self.watch.begin()

    def _after(self, entry: Any) -> None:
        try:
            self.watch.end(entry)
        except Broken as broken:
            # Not even the exporter's own last resort may catch it.
            self.broken, self.database.dead = broken, True
            raise Died from None

    # What the people at Postino do

    def open(self, **form: Any) -> None:
        """Save the destination."""
        values: dict[str, Any] = {
            "name": "Newsletter",
            "connection_id": self.postino.connections.visible(self.actor)[0].id,
            "audience_id": self.audience.id,
            "email_attribute": "EMail",
            "fields": {"FNAME": "FirstName", "LNAME": "LastName"},
            "consent_attribute": "Subscriber",
            "consent_values": ["true"],
            "segments": list(SEGMENTS),
            "agreed": True,
            "schedule": "manual",
        }
        self._save(Form(**(values | form)))

    def _save(self, form: Form, edited: Destination | None = None) -> None:
        self.form = form
        self.destination = self.postino.destinations.save(self.actor, form, edited=edited)
        self.watch.tag_names = {one.segment: one.tag_name for one in self.destination.segments}
        if form.take_over:
            for segment, name in self.watch.tag_names.items():
                if self.watch.tag_of(segment) is None and (tag := self.audience.tag_named(name)):
                    self.watch.own[tag.id] = name

    def take_over(self) -> None:
        """Somebody lets the destination have the tags that others made under its names."""
        self._save(self.form.model_copy(update={"take_over": True}), self.destination)

    def customer(self, profile: str, email: str, first: str, last: str = "Tester", *, consents: bool = True) -> None:
        """Set one profile in the source."""
        self.source.customers[profile] = Customer(email, first, last, consents)

    def export(self, *, dies_at: tuple[int, bool] | None = None, patient: bool = True, **order: Any) -> Run | None:
        """Export, or go on with the export that is under way; None if the process died on the way."""
        patience = Patience(first=0, longest=0, in_all=900 if patient else 0)
        with patch.object(connections, "EXPORT", patience):
            return self._export(dies_at, order)

    def _export(self, dies_at: tuple[int, bool] | None, order: dict[str, Any]) -> Run | None:
        self.watch.run_began = self.world.now_exact()
        self.watch.try_profiles()
        self.watch.writes.clear()
        vars(self.postino).pop("exporting", None)
        locks = self.postino.exporting.locks = MortalLocks(self.postino.settings.home / "locks")
        run = self.run or self.postino.runs.request(self.actor, self.destination, Order(**order))
        self.run = run
        if dies_at is not None:
            self.database.die(dies_at[0], after=dies_at[1])
        try:
            ended = self.postino.exporting.carry_out(run.id)
        except Died:
            ended = None
        locks.free()
        if self.broken is not None:
            raise self.broken
        if self.database.revive():
            self.counts[f"death {'after' if dies_at and dies_at[1] else 'before'} a commit"] += 1
            return None
        if ended is None:
            ended = self.postino.runs.get(self.actor, run.id)
            if ended.status not in FINAL:
                raise Broken(f"the run could not be taken again: it is {ended.status}")
            self.counts["run had ended before its process died"] += 1
        self._judge(ended)
        return ended

    def _judge(self, run: Run) -> None:
        if run.status == RunStatus.QUEUED:
            self.counts["run released"] += 1
            return
        self.run = None
        if "inside Postino" in run.reason.get("message", ""):
            raise Crashed(f"the exporter fell over: {run.reason}")
        if run.status in (RunStatus.SUCCESSFUL, RunStatus.REJECTS):
            self.watch.remember()
            self.counts["a changed address waits for a person"] += run.plan.get("rejected", {}).get("other_address", 0)
            counted = sum(run.counters[name] for name in CLASSES)
            if counted != run.counters["profiles"]:
                raise Broken(f"the classes add up to {counted}: {run.counters}")

    def resolve(self, run: Run) -> None:
        """What people do about a run that failed because others have made a tag of ours again: they let us have it."""
        if run.reason.get("kind") != ForeignTag.__name__:
            raise Broken(f"the run failed: {run.reason}")
        present = [self.audience.tag_named(name) for name in self.watch.tag_names.values()]
        mistaken = all(tag is None or tag.id in self.watch.own for tag in present)
        self.counts["tag of ours mistaken for others'"] += mistaken
        if mistaken:
            raise Broken(f"Postino takes its own tags for somebody else's: {run.reason}")
        self.counts["tag of others taken over"] += 1
        self.take_over()

    def forget(self, email: str) -> None:
        """``postino forget EMAIL``."""
        self.postino.individuals.forget(self.actor, email)
        self.watch.forget(email.lower())

    def decide(self, addresses: Sequence[str], *, exported: bool) -> None:
        """A person decides about everybody who waits. ``addresses`` are all there can be."""
        deciding, individuals = self.postino.deciding, self.postino.individuals
        waiting = {one.key for one in deciding.waiting(self.actor, self.destination.id)}
        self.watch.decided |= {one: exported for one in addresses if individuals._key(one).hex() in waiting}
        decided = deciding.decide(self.actor, self.destination.id, None, exported=exported, agreed=exported)
        self.counts[f"a changed address is {'let in' if exported else 'kept out'}"] += decided
