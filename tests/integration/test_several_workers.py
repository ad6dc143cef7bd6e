"""Several workers on one PostgreSQL, each a process of its own; one of them is frozen past its lease."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import create_engine, select, text

from services.attempts import Attempt
from services.lanes import LANES
from services.mailchimp import Mailchimp
from services.mailing import Meter, Stopped
from services.rules import Class
from storage.models import OutboxMessage, Run, RunStatus
from tests.integration.processes import MOST_IN_FLIGHT, MailchimpProcess, Site, mailchimp_process, until

PEOPLE = 8_000
WORKER = """
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from sqlalchemy.exc import OperationalError
from bot import logs
from bot.settings import Settings
from bot.wiring import build
logs.configure("DEBUG")
postino = build(Settings())
exporting = replace(postino.exporting, lease=timedelta(seconds=float(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
while postino.runs.unfinished(postino.command_line()):
    with suppress(OperationalError):
        exporting()
    postino.shutdown.wait(0.1)
"""
"""A worker with a lease of its own, from a word on its stdin until nothing is left to do."""


@pytest.fixture(scope="module")
def mailchimp() -> Iterator[MailchimpProcess]:
    with mailchimp_process(latency_bulk=0.2) as served:
        yield served


@pytest.fixture
def site(tmp_path: Path, mailchimp: MailchimpProcess, postgres_url: str) -> Site:
    mailchimp.forget_calls()
    return Site(tmp_path, mailchimp, postgres_url)


@contextmanager
def workers(site: Site, *leases: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that are ready to begin, and do at a word."""
    started = [site.start("-c", WORKER, str(lease)) for lease in leases]
    try:
        for worker in started:
            hear(worker, "ready")
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.communicate()


def hear(worker: subprocess.Popen[str], word: str) -> None:
    """Wait until a worker says so."""
    assert worker.stdout is not None
    assert worker.stdout.readline().strip() == word


def begin(worker: subprocess.Popen[str]) -> None:
    """Let a worker look for runs."""
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()


def request(site: Site, *names: str) -> None:
    """Queue a run of each destination."""
    with site.application() as postino:
        actor = postino.command_line()
        for name in names:
            postino.runs.request(actor, postino.destinations.named(actor, name))


def ended(site: Site) -> list[Run]:
    """All runs, each of which ended well and told so once."""
    with site.application() as postino, postino.database.read() as session:
        runs = list(session.scalars(select(Run).order_by(Run.id)))
        told = [(one.run_id, one.values["status"]) for one in session.scalars(select(OutboxMessage))]
    assert [run.status for run in runs] == [RunStatus.SUCCESSFUL] * len(runs)
    assert all(told.count((run.id, run.status)) == 1 for run in runs)
    return runs


def test_two_workers_carry_out_each_run_once(site: Site) -> None:
    segments = [f"Part {number}" for number in range(4)]
    site.people(600, segments)
    audiences = [site.destination(segment, segment) for segment in segments]
    request(site, *segments)
    with workers(site, 30, 30) as both:
        for worker in both:
            begin(worker)
        for worker in both:
            assert worker.wait(60) == 0
    runs = ended(site)
    assert [run.attempt for run in runs] == [1] * len(segments)
    assert site.mailchimp.contacts_sent() == 600 * len(segments)
    assert all(len(site.mailchimp.members(audience)) == 600 for audience in audiences)


def give_up_waiting_for(site: Site) -> None:
    """End the transaction a frozen worker may have been in, as PostgreSQL's idle_in_transaction_session_timeout would."""
    assert site.database_url is not None
    engine = create_engine(site.database_url)
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            )
        )
    engine.dispose()


def test_a_worker_frozen_past_its_lease_ends_at_most_the_calls_it_had_begun_when_it_thaws(site: Site) -> None:
    with frozen_and_heir(site) as (audience_id, frozen, heir):
        assert heir.wait(60) == 0
        before = site.mailchimp.called()
        frozen.send_signal(signal.SIGCONT)
        assert frozen.wait(60) == 0
        # A call whose first bytes were on their way when the worker froze ends when it thaws: its contacts are there already.
        late = site.mailchimp.calls(before)
        assert len(late) <= LANES
        assert [call for call in late if call["counts"].get("created") or call["counts"].get("updated")] == []
    assert_taken_over(site, audience_id)


def test_a_worker_that_thaws_while_its_heir_is_at_work_leaves_the_run_to_it(site: Site) -> None:
    people = 2 * PEOPLE  # more than the calls in flight of both can carry
    with frozen_and_heir(site, people) as (audience_id, frozen, heir):
        before = site.mailchimp.called()
        assert until(lambda: site.mailchimp.bulk_calls(before), heir)
        frozen.send_signal(signal.SIGCONT)
        assert heir.wait(60) == 0
        assert frozen.wait(60) == 0
    assert_taken_over(site, audience_id, people)


@contextmanager
def frozen_and_heir(
    site: Site, people: int = PEOPLE
) -> Iterator[tuple[str, subprocess.Popen[str], subprocess.Popen[str]]]:
    """The audience, a worker that was frozen in mid-run, and another one that has begun since."""
    site.people(people)
    audience_id = site.destination("Shop")
    request(site, "Shop")
    with workers(site, 3, 60) as (frozen, heir):
        begin(frozen)
        assert until(lambda: len(site.mailchimp.bulk_calls()) >= 6, frozen)
        frozen.send_signal(signal.SIGSTOP)
        give_up_waiting_for(site)
        begin(heir)
        yield audience_id, frozen, heir


def assert_taken_over(site: Site, audience_id: str, people: int = PEOPLE) -> None:
    """The second attempt has ended the run, and few contacts were sent twice."""
    (run,) = ended(site)
    assert run.attempt == 2
    assert sum(run.counters[one.word] for one in Class) == people
    members = site.mailchimp.members(audience_id)
    assert len(members) == people
    assert all(one["tags"] == ["Everyone"] for one in members)
    assert people <= site.mailchimp.contacts_sent() <= people + MOST_IN_FLIGHT
    assert site.given_away() == []


def test_no_call_passes_the_gate_of_a_lease_that_is_not_fresh(site: Site) -> None:
    now, meter = 0.0, Meter()
    with site.application() as postino:
        lease = timedelta(seconds=30)
        attempt = Attempt(postino.database, Run(id=1, attempt=1), meter, Event(), lease=lease, clock=lambda: now)
    attempt.stop.set()
    meter.gate()
    now = 10.0
    with pytest.raises(Stopped):
        meter.gate()


def test_a_call_goes_out_only_through_the_gate(mailchimp: MailchimpProcess) -> None:
    def shut() -> None:
        raise Stopped

    before = mailchimp.called()
    service = Mailchimp(mailchimp.api_key, "us1", api_url=mailchimp.url, meter=Meter(gate=shut))
    with service, pytest.raises(Stopped):
        service.account()
    assert mailchimp.called() == before
